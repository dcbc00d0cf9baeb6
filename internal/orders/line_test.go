package orders

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

func TestLinesAreReadAsTheyAreMeant(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"BTO 5 AAPL 200C 1/15/27 @ 3.50":          "BTO 5 AAPL 200 call 1/15/2027 at 3.50",
		"  bto\t5  aapl 200c 1/15/27  @  3.5 ":    "BTO 5 AAPL 200 call 1/15/2027 at 3.50",
		"STC 10000 BRK.B 412.5p 12/18/2026 @ m":   "STC 10000 BRK.B 412.5 put 12/18/2026 at market",
		"BTO 1 SPXW 5000P 9/25 @ M":               "BTO 1 SPXW 5000 put 9/25/0 at market",
		"BTO 1 F 0.5C 02/29 @ 0.01":               "BTO 1 F 0.5 call 2/29/0 at 0.01",
		"BTO 0001 F 12C 2/29/28 @ 0.0100":         "BTO 1 F 12 call 2/29/2028 at 0.01",
		"BTO 1 GOOGL1 180.000C 12/18/26 @ 123456": "BTO 1 GOOGL1 180 call 12/18/2026 at 123456.00",
	} {
		l, err := ParseLine(line)
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		price := "market"
		if l.Limit != nil {
			price = money.Price{Decimal: l.Limit.Truncate(2)}.String()
		}
		got := strings.Join([]string{
			string(l.Side), decimal.NewFromInt(int64(l.Quantity)).String(), l.Underlying, l.Strike.String(), string(l.OptionType),
		}, " ") + " " + joinDate(l) + " at " + price
		if got != want {
			t.Errorf("%q reads %q, want %q", line, got, want)
		}
	}
}

func joinDate(l Line) string {
	part := func(n int) string { return decimal.NewFromInt(int64(n)).String() }
	return part(l.Month) + "/" + part(l.Day) + "/" + part(l.Year)
}

// An error names the wrong word and where it stands, so that the ticket can
// underline it.
func TestALinesErrorPointsAtTheWrongWord(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                                    "",
		"BUY 5 AAPL 200C 1/15/27 @ 3.50":      "BUY",
		"BTO":                                 "",
		"BTO 0 AAPL 200C 1/15/27 @ 3.50":      "0",
		"BTO 10001 AAPL 200C 1/15/27 @ 3.50":  "10001",
		"BTO 5.0 AAPL 200C 1/15/27 @ 3.50":    "5.0",
		"BTO 1e9 AAPL 200C 1/15/27 @ 3.50":    "1e9",
		"BTO +5 AAPL 200C 1/15/27 @ 3.50":     "+5",
		"BTO -5 AAPL 200C 1/15/27 @ 3.50":     "-5",
		"BTO 99999999999999999999 A 1C 1/1 @": "99999999999999999999",
		"BTO 5 TOOLONGX 200C 1/15/27 @ 3.50":  "TOOLONGX",
		"BTO 5 A$PL 200C 1/15/27 @ 3.50":      "A$PL",
		"BTO 5 . 200C 1/15/27 @ 3.50":         ".",
		"BTO 5 AAPL 200 1/15/27 @ 3.50":       "200",
		"BTO 5 AAPL C 1/15/27 @ 3.50":         "C",
		"BTO 5 AAPL 0C 1/15/27 @ 3.50":        "0C",
		"BTO 5 AAPL -200C 1/15/27 @ 3.50":     "-200C",
		"BTO 5 AAPL 2e2C 1/15/27 @ 3.50":      "2e2C",
		"BTO 5 AAPL 200C 1-15-27 @ 3.50":      "1-15-27",
		"BTO 5 AAPL 200C 13/1/27 @ 3.50":      "13/1/27",
		"BTO 5 AAPL 200C 2/29/27 @ 3.50":      "2/29/27",
		"BTO 5 AAPL 200C 2/30 @ 3.50":         "2/30",
		"BTO 5 AAPL 200C 0/15/27 @ 3.50":      "0/15/27",
		"BTO 5 AAPL 200C 1/15/27/1 @ 3.50":    "1/15/27/1",
		"BTO 5 AAPL 200C 1/15/1999 @ 3.50":    "1/15/1999",
		"BTO 5 AAPL 200C 1/15/27 3.50":        "3.50",
		"BTO 5 AAPL 200C 1/15/27 @":           "",
		"BTO 5 AAPL 200C 1/15/27 @ 0":         "0",
		"BTO 5 AAPL 200C 1/15/27 @ -1":        "-1",
		"BTO 5 AAPL 200C 1/15/27 @ 3,50":      "3,50",
		"BTO 5 AAPL 200C 1/15/27 @ 1e2":       "1e2",
		"BTO 5 AAPL 200C 1/15/27 @ 3.50 GTC":  "GTC",
		"BTO 5 AAPL 200C 1/15/27 @3.50":       "@3.50",
	} {
		_, err := ParseLine(line)
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != "validation_failed" {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if f.Details["word"] != want {
			t.Errorf("%q points at %q, want %q", line, f.Details["word"], want)
		}
		start, _ := f.Details["position"].(int)
		length, _ := f.Details["length"].(int)
		if start+length > len(line) || line[start:start+length] != want {
			t.Errorf("%q: position %d, length %d are not %q", line, start, length, want)
		}
	}
}

func TestALineTooLongIsRefused(t *testing.T) {
	t.Parallel()
	line := "BTO 5 AAPL 200C 1/15/27 @ 3.50"
	if _, err := ParseLine(line + strings.Repeat(" ", 100-len(line))); err != nil {
		t.Errorf("100 characters: %v", err)
	}
	if _, err := ParseLine(line + strings.Repeat(" ", 101-len(line))); err == nil {
		t.Error("101 characters are taken")
	}
}

// What an order is shown as, typed again, is the same order.
func TestALineAndItsOrderAreInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.SampledFrom([]Side{BTO, STC}).Draw(t, "side")
		quantity := rapid.IntRange(1, 10_000).Draw(t, "quantity")
		strike := decimal.New(rapid.Int64Range(1, 99_999_999).Draw(t, "strike"), -3)
		day := exchange.MustDate("2026-01-01").AddDays(rapid.IntRange(0, 4*365).Draw(t, "day"))
		root := rapid.SampledFrom([]string{"AAPL", "F", "BRK.B", "SPXW", "GOOGL"}).Draw(t, "root")
		c, err := exchange.NewContract(root, rapid.SampledFrom([]exchange.OptionType{exchange.Call, exchange.Put}).Draw(t, "type"), strike, day)
		if err != nil {
			t.Fatal(err)
		}
		var limit *money.Price
		if rapid.Bool().Draw(t, "limited") {
			p := money.Price{Decimal: decimal.New(rapid.Int64Range(1, 1_000_000).Draw(t, "price"), -2)}
			limit = &p
		}
		line := LineOf(side, quantity, c, limit)
		l, err := ParseLine(line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		again, listed := l.Expiration(nil)
		same, err := exchange.NewContract(l.Underlying, l.OptionType, l.Strike, again)
		if !listed || err != nil || same.Symbol != c.Symbol || l.Side != side || l.Quantity != quantity {
			t.Fatalf("%q reads %+v (%v), not %s", line, l, err, c.Symbol)
		}
		if (l.Limit == nil) != (limit == nil) || limit != nil && !l.Limit.Equal(limit.Decimal) {
			t.Fatalf("%q reads the price %v", line, l.Limit)
		}
	})
}

// Without a year the next listed expiration of that day is meant; with one, that.
func TestWhichExpirationALineMeans(t *testing.T) {
	t.Parallel()
	listed := []exchange.Date{exchange.MustDate("2026-12-18"), exchange.MustDate("2027-01-15"), exchange.MustDate("2028-01-15")}
	for line, want := range map[string]string{
		"1/15": "2027-01-15", "1/15/28": "2028-01-15", "12/18": "2026-12-18", "1/16": "", "1/16/27": "", "1/15/2027": "2027-01-15",
	} {
		l, err := ParseLine("BTO 1 AAPL 200C " + line + " @ 1")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if d, ok := l.Expiration(listed); ok {
			got = d.String()
		}
		if got != want {
			t.Errorf("%s means %q, want %q", line, got, want)
		}
	}
}

// Whatever is typed: no panic, errors that point into the line, orders that
// print as a line that reads the same.
func FuzzParseLine(f *testing.F) {
	for _, seed := range []string{
		"BTO 5 AAPL 200C 1/15/27 @ 3.50", "stc 1 brk.b 412.5p 12/18 @ m", "BTO 5 AAPL 200C", "@ @ @ @ @ @ @", "\xff \xf0\x9f\x9a\x80 C C C",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLine(s)
		var refusal *fault.Error
		if errors.As(err, &refusal) {
			start, _ := refusal.Details["position"].(int)
			length, _ := refusal.Details["length"].(int)
			if start < 0 || length < 0 || start+length > len(s) {
				t.Fatalf("%q: the error points at %d+%d", s, start, length)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if l.Quantity < 1 || l.Quantity > maxQuantity || l.Limit != nil && !l.Limit.IsPositive() || !l.Strike.IsPositive() {
			t.Fatalf("%q reads %+v", s, l)
		}
		day, ok := l.Expiration(nil)
		c, err := exchange.NewContract(l.Underlying, l.OptionType, l.Strike, day)
		if !ok || err != nil {
			return // a well-formed line may name a contract that cannot exist
		}
		again, err := ParseLine(LineOf(l.Side, l.Quantity, c, l.Limit))
		if err != nil || again.Underlying != l.Underlying || !again.Strike.Equal(l.Strike) || again.Quantity != l.Quantity || again.Side != l.Side {
			t.Fatalf("%q prints as %q, which reads %+v (%v)", s, LineOf(l.Side, l.Quantity, c, l.Limit), again, err)
		}
	})
}
