package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
)

// inside asks a part of a page.
func inside(t *testing.T, n *html.Node) page { return page{t, n} }

func rungs(t *testing.T, p page) map[string]page {
	t.Helper()
	found := map[string]page{}
	for _, n := range p.all("data-testid", "rung") {
		found[value(n, "data-strike")] = inside(t, n)
	}
	return found
}

func TestTheLadderHasTheStrikeInTheMiddle(t *testing.T) {
	t.Parallel()
	p := galleryPage(t, "chain")
	for strike, rung := range rungs(t, p) {
		cells := rung.tags("td", "th")
		if len(cells) != 15 || cells[7].Data != "th" || !strings.HasPrefix(text(cells[7]), strike) {
			t.Fatalf("rung %s: %d cells, in the middle %q", strike, len(cells), text(cells[7]))
		}
	}
	head := p.all("scope", "col")
	var names []string
	for _, n := range head {
		names = append(names, value(n, "abbr"))
	}
	if i := slices.Index(names, "calls Ask"); i != 6 || names[8] != "puts Bid" || len(names) != 15 {
		t.Errorf("columns %q", names)
	}
}

func TestTheMoneyIsMarkedAndWhatIsInItShaded(t *testing.T) {
	t.Parallel()
	p := galleryPage(t, "chain")
	for strike, want := range map[string]struct{ call, put, atm bool }{
		"182.5": {true, false, false}, "185": {true, false, true}, "187.5": {false, true, false},
	} {
		rung := rungs(t, p)[strike]
		cells := rung.tags("td")
		call, put := value(cells[0], "data-itm") == "true", value(cells[13], "data-itm") == "true"
		atm := strings.Contains(text(rung.root), "ATM")
		if call != want.call || put != want.put || atm != want.atm {
			t.Errorf("%s: call in the money %v, put %v, at the money %v", strike, call, put, atm)
		}
	}
	line := p.one("spot-line")
	if got := text(line); got != "AAPL $186.02" {
		t.Errorf("spot line %q", got)
	}
	if above, below := sibling(line, false), sibling(line, true); value(above, "data-strike") != "185" || value(below, "data-strike") != "187.5" {
		t.Errorf("the price stands between %s and %s", value(above, "data-strike"), value(below, "data-strike"))
	}
}

func sibling(n *html.Node, next bool) *html.Node {
	for {
		if n = map[bool]*html.Node{true: n.NextSibling, false: n.PrevSibling}[next]; n.Type == html.ElementNode {
			return n
		}
	}
}

// The price above every strike shown, or below: it stands at the edge, once.
func TestThePriceStandsOnceWhereverItIs(t *testing.T) {
	t.Parallel()
	for spot, want := range map[string]int{"100": 0, "180": 1, "187.5": 4, "190": -1, "500": -1} {
		c := cannedChain(noon)
		c.Spot = price(spot)
		v := chainView{Spot: c.Spot, Rungs: rungsOf(c, nil)}
		at := slices.IndexFunc(v.Rungs, func(r rungView) bool { return r.SpotAbove })
		if at != want || v.spotOnTop() != (want < 0) {
			t.Errorf("%s: above rung %d, want %d; on top %v", spot, at, want, v.spotOnTop())
		}
	}
}

// Bid and ask fill the ticket; the bid of what is held sells it.
func TestPricesLeadToTheFilledTicket(t *testing.T) {
	t.Parallel()
	p := galleryPage(t, "chain")
	day := cannedChain(noon).Expiration.String()
	for _, test := range []struct {
		strike string
		at     int // which bid or ask of the rung: call, put
		what   string
		want   string
		words  string
	}{
		{"185", 0, "ask", "expiration=" + day + "&limitPrice=3.25&optionType=call&quantity=1&side=BTO&strike=185&underlying=AAPL", "Buy AAPL " + "27 Nov 26 185 C at the ask, 3.25"},
		{"185", 1, "bid", "expiration=" + day + "&limitPrice=1.98&optionType=put&quantity=1&side=BTO&strike=185&underlying=AAPL", "Buy AAPL 27 Nov 26 185 P at the bid, 1.98"},
		{"187.5", 0, "bid", "limitPrice=1.93&position=00000000-0000-0000-0000-000000000000&quantity=3", "Sell AAPL 27 Nov 26 187.5 C at the bid, 1.93"},
		{"182.5", 1, "bid", "expiration=" + day + "&optionType=put&quantity=1&side=BTO&strike=182.5&underlying=AAPL", "Buy AAPL 27 Nov 26 182.5 P at the bid, —"},
	} {
		link := rungs(t, p)[test.strike].all("data-testid", test.what)[test.at]
		if got := value(link, "href"); got != "/dashboard?"+test.want+"#ticket" {
			t.Errorf("%s %s leads to %s", test.strike, test.what, got)
		}
		if got := text(link); got != test.words {
			t.Errorf("%s %s says %q, want %q", test.strike, test.what, got, test.words)
		}
	}
	held := rungs(t, p)["187.5"].one("held")
	if value(held, "aria-label") != "You hold 3 calls" || len(p.all("data-testid", "held")) != 1 {
		t.Errorf("held: %q", value(held, "aria-label"))
	}
}

// What the script follows is what the page names, and never more than one page may.
func TestAPageFollowsTheContractsAroundTheMoney(t *testing.T) {
	t.Parallel()
	c := cannedChain(noon)
	low, rung := money.MustPrice("100").Decimal, c.Strikes[0]
	c.Strikes = nil
	for i := range 200 {
		r := rung
		r.Strike = low.Add(money.MustPrice("1").Mul(money.MustPrice(itoa(i)).Decimal))
		c.Strikes = append(c.Strikes, r)
	}
	for atm, want := range map[int]int{0: 25, 100: 49, 199: 25} {
		c.ATM = &c.Strikes[atm].Strike
		live := 0
		for i, r := range rungsOf(c, nil) {
			if r.Call.follow() == "" {
				continue
			}
			live++
			if i < atm-liveRungs || i > atm+liveRungs {
				t.Errorf("rung %d lives while the money is at %d", i, atm)
			}
		}
		if live != want || 2*live > market.FollowMax {
			t.Errorf("money at %d: %d rungs live, want %d", atm, live, want)
		}
	}
	c.ATM, c.Spot = nil, nil
	if views := rungsOf(c, nil); views[0].Call.follow() == "" || views[market.FollowMax/2].Call.follow() != "" {
		t.Error("without a price of the underlying the first fifty live")
	}
}

func TestTheHeadSaysWhoseQuotesAndHowOld(t *testing.T) {
	t.Parallel()
	open := galleryPage(t, "chain")
	if got := text(open.one("source")); got != "Alpaca, indicative 3 s ago" || len(open.all("data-testid", "closed")) > 0 {
		t.Errorf("head %q", got)
	}
	closed := galleryPage(t, "chain-closed")
	if got := text(closed.one("source")); got != "Alpaca, indicative Market closed 17 h ago" {
		t.Errorf("head %q", got)
	}
	if !strings.Contains(value(closed.one("closed"), "class"), "age-dead") {
		t.Error("a closed market is not red")
	}
	for seconds, want := range map[int]string{15: "", 16: "age-stale", 60: "age-stale", 61: "age-dead"} {
		v := cannedChainView(noon)
		v.At = before(noon, time.Duration(seconds)*time.Second)
		w := httptest.NewRecorder()
		site := &Site{assets: &assets{}, now: func() time.Time { return noon }}
		if err := site.show(w, httptest.NewRequest(http.MethodGet, "/chain/AAPL", nil), http.StatusOK, chainPanel(v)); err != nil {
			t.Fatal(err)
		}
		age := inside(t, parse(t, w.Body.String()).all("data-newest", "*")[0]).tags("time")[0]
		if stale, dead := strings.Contains(value(age, "class"), "age-stale"), strings.Contains(value(age, "class"), "age-dead"); stale != (want == "age-stale") || dead != (want == "age-dead") {
			t.Errorf("%d s: %q, want %q", seconds, value(age, "class"), want)
		}
	}
}

func TestExpirationsAreTabsWithDaysLeft(t *testing.T) {
	t.Parallel()
	p := inside(t, galleryPage(t, "chain").one("expirations"))
	var tabs []string
	for _, a := range p.tags("a") {
		tabs = append(tabs, text(a))
		if (value(a, "aria-current") == "page") != strings.HasPrefix(text(a), "27 Nov 26") {
			t.Errorf("%q is current: %s", text(a), value(a, "aria-current"))
		}
	}
	if got := strings.Join(tabs, ", "); got != "20 Nov 26 0DTE, 27 Nov 26 7 days, 4 Dec 26 14 days, 14 Jan 27 55 days" {
		t.Errorf("tabs %q", got)
	}
}

// On a phone one side is enough; the other is a link away, with the rest as it was.
func TestAPhoneShowsOneSide(t *testing.T) {
	t.Parallel()
	for name, hidden := range map[string]string{"chain": "puts", "chain-closed": "calls"} {
		p := galleryPage(t, name)
		for _, column := range []string{"Bid", "Ask", "Last"} {
			for _, side := range []string{"calls", "puts"} {
				class := value(p.all("abbr", side+" "+column)[0], "class")
				if strings.Contains(class, "max-md:hidden") != (side == hidden) {
					t.Errorf("%s: %s %s has class %q", name, side, column, class)
				}
			}
		}
	}
	v := closedChainView(noon)
	link, err := url.Parse(v.link(url.Values{"side": {"call"}}))
	if err != nil || link.Query().Get("near") != "all" || link.Query().Get("expiration") != v.Day.String() || link.Query().Get("side") != "call" {
		t.Errorf("the other side: %s, %v", link, err)
	}
}

// What stands in place of a chain says whether trying again helps.
func TestWhyThereIsNoChain(t *testing.T) {
	t.Parallel()
	off := market.New(market.Options{}).Off()
	for _, test := range []struct {
		err    error
		status int
		away   bool
		words  string
	}{
		{nil, 200, false, ""},
		{off, 200, false, "Market data is not set up here: ALPACA_API_KEY and ALPACA_API_SECRET are missing."},
		{fault.NotFound(), 404, false, "No options are listed on “XYZ”."},
		{fault.Field("symbol", "A symbol is letters, like AAPL."), 404, false, "No options are listed on “XYZ”."},
		{fault.Unavailable(errors.New("x")), 503, true, "Market data does not answer right now."},
		{errors.New("x"), 503, true, "Market data does not answer right now."},
	} {
		v := chainView{Typed: "XYZ"}
		if status := v.explain(test.err); status != test.status || v.Away != test.away || v.Sentence != test.words {
			t.Errorf("%v: %d %v %q", test.err, status, v.Away, v.Sentence)
		}
	}
	if got := value(inside(t, galleryPage(t, "chain-away").one("failed")).tags("a")[0], "href"); got != "/chain/AAPL" {
		t.Errorf("trying again leads to %s", got)
	}
}

func TestAnExpirationThatIsNotListedIsTheNext(t *testing.T) {
	t.Parallel()
	days := []exchange.Date{exchange.MustDate("2026-11-27"), exchange.MustDate("2027-01-15")}
	for asked, want := range map[string]struct {
		day    string
		missed bool
	}{"": {"2026-11-27", false}, "2027-01-15": {"2027-01-15", false}, "2027-01-14": {"2026-11-27", true}, "soon": {"2026-11-27", true}} {
		if day, missed := dayAsked(days, asked); day.String() != want.day || missed != want.missed {
			t.Errorf("%q: %s, missed %v", asked, day, missed)
		}
	}
}

// SPX and SPXW expire on one day; each leads to its own contract.
func TestTwoRootsAreToldApart(t *testing.T) {
	t.Parallel()
	c := market.Chain{Underlying: "SPX", Expiration: exchange.MustDate("2026-12-18")}
	for _, root := range []string{"SPX", "SPXW"} {
		symbol := root + strings.Repeat(" ", 6-len(root)) + "261218C05900000"
		o := &market.Option{Quote: market.Quote{Symbol: symbol, Ask: price("10")}, Type: exchange.Call, Strike: money.MustPrice("5900").Decimal}
		c.Strikes = append(c.Strikes, market.Rung{Strike: o.Strike, Root: root, Call: o})
	}
	for i, r := range rungsOf(c, nil) {
		root := []string{"SPX", "SPXW"}[i]
		if r.Root != root || !strings.Contains(r.Call.AskHref, "underlying="+root+"#") || strings.TrimSpace(r.Call.Contract.Symbol[:6]) != root {
			t.Errorf("root %s: %s leads to %s", root, r.Root, r.Call.AskHref)
		}
	}
	if c := (market.Chain{Underlying: "BRK.B"}); optionOf(c, &market.Option{Quote: market.Quote{Symbol: "BRKB  261218C00460000"}}, nil, true).Contract.Underlying != "BRK.B" {
		t.Error("BRK.B is not found by its own name")
	}
}
