package web

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/ui"
)

var (
	dollarAmount = regexp.MustCompile(`[+−-]?\$\d[\d,]*(?:\.\d+)?`)
	notHeld      = regexp.MustCompile(`(?i)at most \d+ contracts?|^\d+ contracts? for ` + ui.Hidden + `$`) // a limit; what a button offers to buy
	ownQuantity  = regexp.MustCompile(`(?i)\b\d+ ?/ ?\d+ filled|\b\d+ (?:contracts?|available|not at broker)\b|\b(?:bought|sold|hold|close) \d+\b|\b(?:BTO|STC) \d+:`)
)

// wholePages are the pages whose contracts are said to everybody or to who is about to agree to
// them, or are a limit, which nobody holds.
var wholePages = map[string]string{
	"confirm": "agreed to", "confirm-dialog": "agreed to", "replace": "agreed to",
	"limits": "a limit", "limits-wrong": "a limit",
	"feed": "published", "trader": "published", "trader-open": "published", "trader-stopped": "published",
}

// wholePlaces say what a click there agrees to, on whatever page they are: no question follows it.
var wholePlaces = map[string]string{
	"approval-size": "agreed to by Approve", "approval-cost": "agreed to by Approve", "drift-close": "sells so many",
}

// everybodys are the pages whose amounts are nobody's own: the console's, of the platform, and
// what is said in general.
var everybodys = map[string]string{
	"members": "the platform's revenue", "members-none": "the platform's revenue", "members-nobody": "the platform's revenue", "pictures": "what the public pages say",
	"reviews": "a strike, of somebody else's order", "reviews-wrong": "a strike, of somebody else's order", "dead-letter": "somebody else's message", "dead-letter-past": "somebody else's message",
}

// With amounts hidden none of the person's own is in the page at all: not in its text, not in
// a title or what is read aloud, and not in what scripts find. Prices are the market's.
func TestHiddenAmountsAreNowhereOnThePage(t *testing.T) {
	t.Parallel()
	for _, name := range galleryNames(t) {
		if everybodys[name] != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hidden := galleryPage(t, name+"?private=on")
			if value(hidden.tags("html")[0], "data-private") != "on" {
				t.Fatal("amounts are not hidden")
			}
			shown := galleryPage(t, name)
			own := shown.own()
			for _, n := range hidden.where(func(n *html.Node) bool { return hasClass(n, "private") && n.Data != "input" }) {
				if said := text(n); strings.ContainsAny(said, "0123456789") {
					t.Errorf("what is hidden says %q", said)
				}
			}
			for _, cell := range hidden.where(countsContracts) {
				if said := text(cell); wholePages[name] == "" && strings.ContainsAny(said[strings.LastIndex(said, "→")+1:], "0123456789") {
					t.Errorf("a number of contracts is %q", said)
				}
			}
			for _, said := range hidden.said() {
				if found := ownQuantity.FindString(notHeld.ReplaceAllString(said.text, "")); found != "" && wholePages[name] == "" {
					t.Errorf("%s says %s: %q", said.where, found, said.text)
				}
				if found := dollarAmount.FindString(said.text); found != "" {
					t.Errorf("%s says %s: %q", said.where, found, said.text)
				}
				for _, digits := range own {
					if strings.Contains(strings.ReplaceAll(said.text, ",", ""), digits) {
						t.Errorf("%s holds %s: %q", said.where, digits, said.text)
					}
				}
			}
		})
	}
}

// own are the digits of all amounts that the eye hides on this page, those that are long
// enough to be known again.
func (p page) own() (digits []string) {
	for _, n := range p.where(func(n *html.Node) bool { return hasClass(n, "private") }) {
		found := strings.ReplaceAll(strings.TrimLeft(text(n), "+−$"), ",", "")
		if strings.Contains(found, ".") && len(found) > 6 {
			digits = append(digits, found)
		}
	}
	return digits
}

// countsContracts finds what a table, or a list of numbers, has under "Contracts".
func countsContracts(n *html.Node) bool {
	if n.Data == "dd" && n.PrevSibling != nil {
		return text(n.PrevSibling) == "Contracts"
	}
	return value(n, "data-label") == "Contracts"
}

func hasClass(n *html.Node, class string) bool {
	for _, c := range strings.Fields(value(n, "class")) {
		if c == class {
			return true
		}
	}
	return false
}

type saying struct{ where, text string }

// said is every text and attribute of a page but what is the market's, a choice that is
// offered, agreed to there and then, or typed into a field.
func (p page) said() (all []saying) {
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			all = append(all, saying{"<" + n.Parent.Data + ">", n.Data})
		}
		if n.Type == html.ElementNode {
			if _, price := attr(n, "data-price"); price {
				return
			}
			if _, offered := attr(n, "data-preset"); offered || wholePlaces[value(n, "data-testid")] != "" {
				return
			}
			for _, a := range n.Attr {
				if typed := n.Data == "input" && a.Key == "value"; !typed && a.Key != "d" && a.Key != "class" {
					all = append(all, saying{"<" + n.Data + " " + a.Key + ">", a.Val})
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(p.root)
	return all
}

// What somebody holds, and how much of an order is filled, is said by more than text.
func TestHiddenQuantitiesAndResultsHaveNoShape(t *testing.T) {
	t.Parallel()
	h := gallery(t)
	for name, telling := range map[string]string{
		"chain": `You hold \d`, "orders": `<progress`, "analytics-heatmap": `<g class="text-(gain|loss)|fill-opacity="0\.90"`,
	} {
		tells := regexp.MustCompile(telling)
		if !tells.MatchString(get(t, h, "/gallery/"+name).Body.String()) {
			t.Errorf("%s: %s is not even shown", name, telling)
		}
		if found := tells.FindString(get(t, h, "/gallery/"+name+"?private=on").Body.String()); found != "" {
			t.Errorf("%s: %s", name, found)
		}
	}
}

// A price is confirmed by who reads it: the question is whole, whatever is hidden.
func TestTheQuestionAboutAPriceIsNeverHidden(t *testing.T) {
	t.Parallel()
	h := gallery(t)
	for name, question := range map[string]string{
		"confirm": "$3.50 is far above the ask of $3.10.", "replace": "$2.20 is far below the bid of $3.10.",
	} {
		if !strings.Contains(get(t, h, "/gallery/"+name+"?private=on").Body.String(), question) {
			t.Errorf("%s does not say %q", name, question)
		}
	}
	if filled := text(galleryPage(t, "replace?private=on").one("replace-filled")); filled != "3/5" {
		t.Errorf("of the order that is replaced %q is filled", filled)
	}
}

// What one click agrees to is said beside it, whatever is hidden.
func TestWhatIsAgreedToAtOneClickIsNeverHidden(t *testing.T) {
	t.Parallel()
	p := galleryPage(t, "copy?private=on")
	for place, want := range map[string]string{"approval-size": "10 → 5", "approval-cost": "$1,810.00", "drift-close": "Close 3"} {
		if got := text(p.one(place)); got != want {
			t.Errorf("%s says %q, want %q", place, got, want)
		}
	}
}

// Copies that are tried out, and those on paper, are somebody's own as real ones are.
func TestCopiesOnPaperAndTriedOutAreHidden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ page, row, label, shown, hidden string }{
		{"copy", "paper-row", "Held", "7 AAPL", ui.Hidden + " AAPL"},
		{"copy-setup", "dry-run-row", "Made", "5 open +$25.00", ui.Hidden + " open " + ui.Hidden},
	} {
		for query, want := range map[string]string{"": c.shown, "?private=on": c.hidden} {
			row := inside(t, galleryPage(t, c.page+query).all("data-testid", c.row)[0])
			if got := text(row.all("data-label", c.label)[0]); !strings.HasPrefix(got, want) {
				t.Errorf("%s%s: %q, want %q", c.page, query, got, want)
			}
		}
	}
}

// A button that offers so many contracts says so; what they would cost is an amount.
func TestWhatAPresetBuysIsNeverHidden(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{"": "2 contracts for $700.00", "?private=on": "2 contracts for " + ui.Hidden} {
		offered := galleryPage(t, "dashboard"+query).where(func(n *html.Node) bool {
			return value(n, "data-fill") == "quantity" && value(n, "data-value") == "2"
		})
		if len(offered) != 1 || value(offered[0], "title") != want {
			t.Errorf("%s: %d buttons, want one titled %q", query, len(offered), want)
		}
	}
}

// A limit in contracts is no quantity of anybody's; one in dollars is an amount.
func TestLimitsInContractsAreNeverHidden(t *testing.T) {
	t.Parallel()
	p := galleryPage(t, "limits?private=on")
	for limit, want := range map[string]string{"manualContracts": "100 contracts", "copyContracts": "10 contracts", "manualPremium": ui.Hidden} {
		if got := text(p.one("force-" + limit)); got != want {
			t.Errorf("%s is %q, want %q", limit, got, want)
		}
	}
}

// Who follows a link that hides amounts, and shows them, has them shown.
func TestShowingAmountsOutlivesTheLinkThatHidThem(t *testing.T) {
	t.Parallel()
	for from, to := range map[string]string{
		"/leaderboard?amounts=hidden&metric=roi": "/leaderboard?metric=roi", "/traders/ava?amounts=hidden": "/traders/ava", "/orders?view=today": "/orders?view=today",
	} {
		if got := without(from, "amounts"); got != to {
			t.Errorf("%s leads to %s", from, got)
		}
	}
}

// Who hides amounts sees zero, a gain and a loss alike: nothing tells them apart.
func TestAHiddenAmountHasNoSignAndNoColour(t *testing.T) {
	t.Parallel()
	ctx := ui.WithViewer(context.Background(), ui.Viewer{Now: noon, Private: true})
	var drawn []string
	for _, amount := range []string{"-120.50", "0", "98765.43"} {
		a := money.MustAmount(amount)
		var b strings.Builder
		if err := ui.Gain(&a).Render(ctx, &b); err != nil {
			t.Fatal(err)
		}
		drawn = append(drawn, b.String())
	}
	if drawn[0] != drawn[1] || drawn[1] != drawn[2] || !strings.Contains(drawn[0], ui.Hidden) {
		t.Errorf("%q", drawn)
	}
	if got := ui.Discreet(ctx, "You sold 5 AAPL for +$1,875.00, −$0.50 of it fees."); got != "You sold "+ui.Hidden+" AAPL for "+ui.Hidden+", "+ui.Hidden+" of it fees." {
		t.Errorf("%q", got)
	}
	for said, want := range map[string]string{
		"3/5 filled": "partly filled", "1 contract": ui.Hidden + " contracts", "no contracts": "no contracts",
		"2 contracts left this account":                                             ui.Hidden + " contracts left this account",
		"At most 10 contracts for one order.":                                       "At most 10 contracts for one order.",
		"At most 1,000 contracts for one order.":                                    "At most 1,000 contracts for one order.",
		"1,250 contracts ended for nothing.":                                        ui.Hidden + " contracts ended for nothing.",
		"It is to be 6 contracts at $3.45":                                          "It is to be " + ui.Hidden + " contracts at " + ui.Hidden,
		"you still hold 3 copied; 2 orders work":                                    "you still hold " + ui.Hidden + " copied; 2 orders work",
		"STC 5 AAPL 200C 1/15 @ 3.50":                                               "STC " + ui.Hidden + " AAPL 200C 1/15 @ 3.50",
		"BTO 1,250 SPY 600P 12/18 @ m":                                              "BTO " + ui.Hidden + " SPY 600P 12/18 @ m",
		"5 AAPL 15 Jan 2027 200 C left your account":                                ui.Hidden + " AAPL 15 Jan 2027 200 C left your account",
		"5 copied from @ben are being sold: it is their last day.":                  ui.Hidden + " copied from @ben are being sold: it is their last day.",
		"You hold 5, 3 of them copied from @ben.":                                   "You hold " + ui.Hidden + ", " + ui.Hidden + " of them copied from @ben.",
		"Exercised, it sells 500 shares of yours for $100,000.00; without them ...": "Exercised, it sells " + ui.Hidden + " shares of yours for " + ui.Hidden + "; without them ...",
		"Paper: 5 NVDA expired":                                                     "Paper: " + ui.Hidden + " NVDA expired",
	} {
		if got := ui.Discreet(ctx, said); got != want {
			t.Errorf("%q became %q", said, got)
		}
	}
}

// The chart's fills are marked without how many there were.
func TestAHiddenChartHasNoQuantities(t *testing.T) {
	t.Parallel()
	v := chartView{Marks: []mark{{At: 1, Side: "BTO", Quantity: 1250, Price: money.MustPrice("3.50")}}}
	hidden := ui.WithViewer(t.Context(), ui.Viewer{Now: noon, Private: true})
	if got, err := v.marked(hidden); got != `[{"t":1,"side":"BTO","p":"3.50"}]` || err != nil {
		t.Errorf("hidden: %s, %v", got, err)
	}
	if got, err := v.marked(t.Context()); got != `[{"t":1,"side":"BTO","n":1250,"p":"3.50"}]` || err != nil {
		t.Errorf("shown: %s, %v", got, err)
	}
}
