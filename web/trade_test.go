package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func entry(more ...string) url.Values {
	v := values("side", "BTO", "underlying", " aapl ", "optionType", "call", "strike", "200", "expiration", "2027-01-15",
		"quantity", "5", "orderType", "Limit", "limitPrice", "$3.50", "stopPrice", "3.00", "timeInForce", "Day", "accountId", "a1", "positionId", "p1")
	for name, said := range values(more...) {
		v[name] = said
	}
	return v
}

func TestTheFormBecomesTheOrderItMeans(t *testing.T) {
	t.Parallel()
	req, wrong := readRequest(entry())
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	if req.Underlying != "AAPL" || *req.Quantity != 5 || req.LimitPrice.String() != "3.50" || req.Strike.String() != "200.00" {
		t.Errorf("got %+v", req)
	}
	if req.StopPrice != nil || req.PositionID != "" {
		t.Error("a limit entry took over the hidden stop price or position")
	}
}

// Fields of the other side and of other order types are only hidden, so they are sent along.
func TestHiddenFieldsAreLeftOut(t *testing.T) {
	t.Parallel()
	exit, _ := readRequest(entry("side", "STC", "orderType", "Market"))
	if exit.PositionID != "p1" || exit.Underlying != "" || exit.Strike != nil || exit.LimitPrice != nil || exit.AccountID != "" {
		t.Errorf("an exit at the market took over the entry's fields: %+v", exit)
	}
	stop, _ := readRequest(entry("orderType", "StopLimit"))
	if stop.LimitPrice == nil || stop.StopPrice == nil {
		t.Error("a stop limit order lost a price")
	}
}

func TestWhatIsNotANumberIsSaidAtItsField(t *testing.T) {
	t.Parallel()
	for field, text := range map[string]string{"quantity": "five", "limitPrice": "1e9", "strike": "20O"} {
		_, wrong := readRequest(entry(field, text))
		if wrong[field] == "" || len(wrong) != 1 {
			t.Errorf("%s=%q: %v", field, text, wrong)
		}
	}
	req, wrong := readRequest(entry("quantity", "", "limitPrice", ""))
	if req.Quantity != nil || req.LimitPrice != nil || len(wrong) > 0 {
		t.Error("an empty field is for the order's own checks")
	}
}

func TestFaultsOfFieldsStandAtTheirFields(t *testing.T) {
	t.Parallel()
	got := fieldSentences(fault.Validation(map[string]string{"quantity": "Too many.", "contract": "Not listed."}))
	if got["quantity"] != "Too many." || got["strike"] != "Not listed." {
		t.Errorf("got %v", got)
	}
	if fieldSentences(fault.Risk("halt", "Stopped.")) != nil {
		t.Error("a refusal without fields has sentences for fields")
	}
}

// Going back from the confirmation keeps every word, and nothing that would send.
func TestChangeLeadsToTheTicketAsItWas(t *testing.T) {
	t.Parallel()
	link := ticketLink(entry("key", "k", "confirmPrice", "true"))
	for _, want := range []string{"limitPrice=%243.50", "expiration=2027-01-15", "#ticket"} {
		if !strings.Contains(link, want) {
			t.Errorf("%s lacks %s", link, want)
		}
	}
	if strings.Contains(link, "key") || strings.Contains(link, "confirm") {
		t.Errorf("%s carries what makes an order", link)
	}
}

func TestPresetsBuyWholeContractsForAtMostTheAmount(t *testing.T) {
	t.Parallel()
	c := contract("AAPL", exchange.Call, "200", exchange.MustDate("2027-01-15"))
	var got []string
	for _, p := range presetsAt(c, money.MustPrice("3.50")) {
		got = append(got, p.Label+" "+itoa(p.Quantity)+" "+p.Cost.Display())
	}
	if want := "$500 1 $350.00|$1,000 2 $700.00|$2,500 7 $2,450.00"; strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
	if presetsAt(c, money.MustPrice("0")) != nil {
		t.Error("presets of something that costs nothing")
	}
}

func TestMiddleIsALegalPrice(t *testing.T) {
	t.Parallel()
	c := contract("AAPL", exchange.Call, "200", exchange.MustDate("2027-01-15"))
	quote := func(bid, ask string) market.Quote { return market.Quote{Bid: price(bid), Ask: price(ask)} }
	for _, test := range []struct{ bid, ask, want string }{{"3.40", "3.50", "3.45"}, {"3.40", "3.45", "3.45"}, {"2.98", "3.05", "3.05"}, {"1.00", "1.03", "1.02"}} {
		if got := middle(c, quote(test.bid, test.ask)); got.String() != test.want {
			t.Errorf("between %s and %s: %s, want %s", test.bid, test.ask, got, test.want)
		}
	}
	if middle(c, quote("", "3.50")) != nil {
		t.Error("a middle without a bid")
	}
}

func TestAWideSpreadIsSaid(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ bid, ask, want string }{{"1.00", "1.10", ""}, {"1.00", "1.20", "The spread is 18.18% of mid."}, {"", "1.20", ""}} {
		if got := spreadWords(market.Quote{Bid: price(test.bid), Ask: price(test.ask)}); got != test.want {
			t.Errorf("%s to %s: %q, want %q", test.bid, test.ask, got, test.want)
		}
	}
}

func TestTheQuickLineIsReadWordByWord(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"BTO 5 AAPL 200C 1/15/27 @ 3.50": "BTO|5|AAPL|200C|1/15/27|@|3.50",
		"BTO 5 AAPL 200X 1/15":           "BTO|5|AAPL|200X!",
		"BTO 5 5 5":                      "BTO|5|5|5!",
		"BTO 5":                          "BTO|5|…",
		"":                               "",
	} {
		_, err := orders.ParseLine(line)
		var got []string
		for _, chip := range lineChips(line, err) {
			word := chip.Text
			if chip.Problem != "" {
				word += "!"
			}
			got = append(got, word)
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: %s, want %s", line, strings.Join(got, "|"), want)
		}
	}
}
