package money

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/shopspring/decimal"
)

func TestAmountsReadWell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][3]string{ // display, signed, short
		"1750":       {"$1,750.00", "+$1,750.00", "$1,750"},
		"-120.5":     {"−$120.50", "−$120.50", "−$120.50"},
		"-0.004":     {"$0.00", "$0.00", "$0"},
		"0":          {"$0.00", "$0.00", "$0"},
		"1234567.89": {"$1,234,567.89", "+$1,234,567.89", "$1,234,567.89"},
		"0.125":      {"$0.12", "+$0.12", "$0.12"}, // half-even
		"0.135":      {"$0.14", "+$0.14", "$0.14"},
	} {
		a := MustAmount(in)
		if got := [3]string{a.Display(), a.Signed(), a.Short()}; got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestPricesKeepTheirDecimals(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{ // wire, display
		"3.5":     {"3.50", "$3.50"},
		"3.4567":  {"3.4567", "$3.4567"},
		"3.45678": {"3.45678", "$3.4568"},
		"200":     {"200.00", "$200.00"},
	} {
		p := MustPrice(in)
		if got := [2]string{p.String(), p.Display()}; got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestMoneyInJSONIsAString(t *testing.T) {
	t.Parallel()
	for in, ok := range map[string]bool{
		`"3.50"`: true, `"-1"`: true, `3.5`: false, `"1e9"`: false, `""`: false, `" 1"`: false,
		`"+1"`: false, `".5"`: false, `"1."`: false, `"NaN"`: false, `null`: false,
	} {
		var p Price
		if err := json.Unmarshal([]byte(in), &p); (err == nil) != ok {
			t.Errorf("%s: error %v, want ok %v", in, err, ok)
		}
	}
	out, err := json.Marshal(MustPrice("3.5"))
	if err != nil || string(out) != `"3.50"` {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestPercentRoundsOnceHalfEven(t *testing.T) {
	t.Parallel()
	d := decimal.RequireFromString
	for _, c := range []struct{ part, whole, want string }{
		{"875", "1750", "+50.00%"}, {"-12.3", "100", "−12.30%"}, {"1", "0", "—"},
		{"0.00125", "100", "0.00%"}, {"1", "3", "+33.33%"}, {"0.125", "100", "+0.12%"},
	} {
		if got := DisplayPercent(Percent(d(c.part), d(c.whole))); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.part, c.whole, got, c.want)
		}
	}
}

// A sentence that names an amount with %s or %v writes it as String does, whatever the
// decimal within would write.
func TestVerbsWriteTheWireForm(t *testing.T) {
	for _, c := range []struct {
		verb, want string
	}{
		{"%s", "3.50"}, {"%v", "3.50"}, {"%8s", "    3.50"}, {"%-6v|", "3.50  |"},
	} {
		if got := fmt.Sprintf(c.verb, Price{decimal.RequireFromString("3.5")}); got != c.want {
			t.Errorf("a price by %s is %q, want %q", c.verb, got, c.want)
		}
		if got := fmt.Sprintf(c.verb, Amount{decimal.RequireFromString("3.5")}); got != c.want {
			t.Errorf("an amount by %s is %q, want %q", c.verb, got, c.want)
		}
	}
}
