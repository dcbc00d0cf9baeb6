package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
)

// quantity = floor(amount ÷ (ask × multiplier)), never more than the amount.
func TestAnAmountBuysWholeContractsAndNeverMore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		amount, ask string
		multiplier  int
		want        int
	}{
		{"500", "3.50", 100, 1}, {"1000", "3.50", 100, 2}, {"2500", "3.50", 100, 7}, {"700", "3.50", 100, 2}, {"699.99", "3.50", 100, 1},
		{"349.99", "3.50", 100, 0}, {"500", "0.01", 100, 500}, {"1000000", "0.01", 100, 1_000_000}, {"1000", "3.50", 10, 28},
		{"1000", "0.03", 100, 333}, {"500", "0", 100, 0}, {"100", "0.0001", 100, 10_000},
	} {
		if got := contractsFor(money.MustAmount(test.amount), money.MustPrice(test.ask), test.multiplier); got != test.want {
			t.Errorf("%s at %s × %d buys %d, want %d", test.amount, test.ask, test.multiplier, got, test.want)
		}
	}
}

func TestTheAmountIsWhatTheAddressOrTheBrowserSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ query, cookie, want string }{
		{"", "", "1000"}, {"500", "", "500"}, {"", "2500", "2500"}, {"500", "2500", "500"}, {"$1,500.50", "", "1500.5"},
		{"-5", "2500", "2500"}, {"1e9", "", "1000"}, {"0", "", "1000"}, {"1000001", "", "1000"}, {"abc", "x", "1000"}, {"10.999", "", "10.99"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/dashboard?"+url.Values{"amount": {test.query}}.Encode(), nil)
		if test.cookie != "" {
			r.AddCookie(&http.Cookie{Name: amountCookie, Value: test.cookie})
		}
		if got := gridAmount(r); got.Decimal.String() != test.want {
			t.Errorf("%q, cookie %q: %s, want %s", test.query, test.cookie, got, test.want)
		}
	}
}

// A price fills the ticket with what the amount buys at the ask; nothing sends.
func TestAGridLineFillsTheTicket(t *testing.T) {
	t.Parallel()
	p := galleryPage(t, "dashboard")
	lines := map[string]page{}
	for _, n := range p.all("data-testid", "grid-line") {
		lines[value(n, "data-strike")] = inside(t, n)
	}
	if len(lines) != 5 {
		t.Fatalf("%d lines", len(lines))
	}
	fill := lines["185"].one("grid-fill")
	q := queryOf(t, value(fill, "href"))
	if q.Get("quantity") != "3" || q.Get("limitPrice") != "3.25" || q.Get("side") != "BTO" || q.Get("strike") != "185" {
		t.Errorf("leads to %v", q)
	}
	if got := text(fill); !strings.HasSuffix(got, "3× $975.00") || value(fill, "data-amount") != "1000" || value(fill, "data-multiplier") != "100" {
		t.Errorf("says %q, %v", got, fill.Attr)
	}
	// What is held is sold from the bid, all of it, whatever the amount.
	sell := lines["187.5"].one("bid")
	if q := queryOf(t, value(sell, "href")); q.Get("position") == "" || q.Get("quantity") != "3" || value(sell, "data-amount") != "" {
		t.Errorf("the bid of what is held leads to %v", q)
	}
	for _, n := range inside(t, p.one("grid")).tags("form") {
		if action := value(n, "action"); !strings.HasPrefix(action, "/grid/") && action != "/dashboard#grid" {
			t.Errorf("the grid sends to %s", action)
		}
	}
}

func queryOf(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Path != "/dashboard" || u.Fragment != "ticket" {
		t.Fatalf("address %s, %v", address, err)
	}
	return u.Query()
}

// A row of which nothing is listed stays, says so, and can be removed.
func TestAnExpiredRowSaysSoAndCanGo(t *testing.T) {
	t.Parallel()
	p := galleryPage(t, "dashboard")
	row := inside(t, p.all("data-testid", "grid-row")[1])
	if !strings.Contains(text(row.root), "Nothing is listed for this row any more.") {
		t.Errorf("says %q", text(row.root))
	}
	form := row.tags("form")[0]
	sent := url.Values{}
	for _, field := range row.tags("input") {
		sent.Set(value(field, "name"), value(field, "value"))
	}
	read, err := readWatch(sent)
	if err != nil || value(form, "action") != "/grid/remove" || !read.Same(cannedGrid(noon).Rows[1].Watch) {
		t.Errorf("removes %+v, %v", read, err)
	}
}

func TestOnlyTheMoneyIsOneStrike(t *testing.T) {
	t.Parallel()
	c := cannedChain(noon)
	lines := gridLines(c, market.WatchRow{Underlying: "AAPL", Type: exchange.Put, Near: 0}, money.MustAmount("1000"), nil)
	if len(lines) != 1 || lines[0].Strike != "185" || lines[0].Contract.Type != exchange.Put || lines[0].Quantity != 4 {
		t.Errorf("%+v", lines)
	}
}

func TestARowIsReadFromItsForm(t *testing.T) {
	t.Parallel()
	day := exchange.MustDate("2027-01-15")
	row, err := readWatch(values("underlying", " aapl ", "optionType", "put", "near", "3", "expiration", "2027-01-15"))
	if err != nil || !row.Same(market.WatchRow{Underlying: "AAPL", Type: "put", Expiration: &day}) || row.Near != 3 {
		t.Errorf("%+v, %v", row, err)
	}
	if row, err = readWatch(values("underlying", "SPY", "optionType", "call", "near", "0", "expiration", "")); err != nil || row.Expiration != nil {
		t.Errorf("%+v, %v", row, err)
	}
	for _, bad := range []url.Values{values("underlying", "SPY", "near", "many"), values("underlying", "SPY", "near", "1", "expiration", "soon")} {
		if _, err := readWatch(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}
