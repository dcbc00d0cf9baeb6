package money

import (
	"encoding/json"
	"strings"
	"testing"
)

// Whatever is typed or sent as money: exact, short, and the same when it is read again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"3.50", "-0.00", "1e9", "NaN", "+1", ".5", "5.", "00000000000000000000000000000001", strings.Repeat("9", 32), strings.Repeat("9", 33), "１", " 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAmount(text)
		if err != nil {
			return
		}
		if strings.ContainsAny(text, "eE+ _") || len(text) > 32 {
			t.Errorf("%q is taken", text)
		}
		wire, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var again Amount
		if err := json.Unmarshal(wire, &again); len(wire) <= 34 && (err != nil || !again.Equal(a.Decimal)) {
			t.Errorf("%q is written as %s and read as %s, %v", text, wire, again, err)
		}
		p, err := ParsePrice(text)
		if err != nil || !p.Equal(a.Decimal) {
			t.Errorf("%q is %s as a price and %s as an amount", text, p, a)
		}
	})
}

// Nothing but a JSON string is money.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{`"3.50"`, `3.50`, `"3.50`, `"`, `""`, `null`, ` "1" `, `"1e9"`, `"\u0031"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p Price
		if err := p.UnmarshalJSON(raw); err == nil && !strings.Contains(string(raw), `"`) {
			t.Errorf("%q is the price %s", raw, p)
		}
	})
}
