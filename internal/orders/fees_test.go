package orders

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// traded is a line of a history: "BUY 5 0.65 first CAD", its contracts, fee, reference
// and currency.
func tradedLine(text string, at time.Time) snaptrade.Activity {
	f := strings.Fields(text)
	units, fee := decimal.RequireFromString(f[1]), decimal.RequireFromString(f[2])
	a := snaptrade.Activity{Type: f[0], Symbol: oneContract, Option: true, Units: &units, Fee: &fee, TradedAt: at}
	if f[0] == "FEE" {
		a.Option, a.Units, a.Fee, a.Amount = false, nil, nil, &fee
	}
	if len(f) > 3 {
		a.ReferenceID = f[3]
	}
	if len(f) > 4 {
		a.Currency = f[4]
	}
	return a
}

// The fees of a history belong to the fills that its lines are about: by the order
// where a line names it, else by contract, side and day; and only when all of them
// are told.
func TestFeesBelongToTheFillsTheirLinesAreAbout(t *testing.T) {
	t.Parallel()
	contract, err := exchange.ParseSymbol(oneContract)
	if err != nil {
		t.Fatal(err)
	}
	day := exchange.MustDate("2026-11-20")
	noon, dayAlone := day.At(12, 0), time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	fill := func(name byte, side Side, quantity int, on exchange.Date, ids ...string) charged {
		return charged{Fee: positions.Fee{OrderID: uuid.UUID{name}, Cum: quantity}, side: side, contract: contract, quantity: quantity, day: on, ids: ids}
	}
	bought, more, sold := fill('a', BTO, 5, day, "first"), fill('b', BTO, 1, day, "second"), fill('c', STC, 3, day, "third")
	for name, c := range map[string]struct {
		at    time.Time
		lines []string
		fills []charged
		want  string
	}{
		"by the order it names":            {noon, []string{"BUY 5 3.25 first", "BUY 1 0.65 second", "SELL -3 1.95 third"}, []charged{bought, more, sold}, "a 3.25, b 0.65, c 1.95"},
		"in parts":                         {noon, []string{"BUY 2 1.30 first", "BUY 3 1.95 first"}, []charged{bought}, "a 3.25"},
		"while a part is missing":          {noon, []string{"BUY 2 1.30 first"}, []charged{bought}, ""},
		"by contracts where it names none": {noon, []string{"BUY 6 0.30 x1", "SELL -3 0.09"}, []charged{bought, more, sold}, "a 0.25, b 0.05, c 0.09"},
		"of the day alone":                 {dayAlone, []string{"BUY 6 3.90"}, []charged{bought, more}, "a 3.25, b 0.65"},
		"of another day":                   {noon.AddDate(0, 0, 1), []string{"BUY 6 3.90"}, []charged{bought, more}, ""},
		"of more than we know":             {noon, []string{"BUY 10 1.00"}, []charged{bought}, "a 0.5"},
		"less than all is not told":        {noon, []string{"BUY 5 1.00"}, []charged{bought, more}, ""},
		"one named, one not":               {noon, []string{"BUY 5 3.25 first", "BUY 1 0.70"}, []charged{bought, more}, "a 3.25, b 0.7"},
		"written as a cost":                {noon, []string{"BUY 5 -3.25 first"}, []charged{bought}, "a 3.25"},
		"on a line of its own":             {noon, []string{"BUY 5 1.00 first", "FEE 0 -0.25 first"}, []charged{bought}, "a 1.25"},
		"and one that is given back":       {noon, []string{"BUY 5 1.00 first", "FEE 0 -0.25 first", "FEE 0 0.10 first"}, []charged{bought}, "a 1.15"},
		"no fees":                          {noon, []string{"BUY 5 0 first"}, []charged{bought}, ""},
		"in dollars, said so":              {noon, []string{"BUY 5 3.25 first USD"}, []charged{bought}, "a 3.25"},
		"in another currency":              {noon, []string{"BUY 5 3.25 first CAD", "BUY 1 0.65 second USD"}, []charged{bought, more}, "a in CAD, b 0.65"},
		"one part in another currency":     {noon, []string{"BUY 2 1.30 first USD", "BUY 3 1.95 first CAD"}, []charged{bought}, "a in CAD"},
		"nothing, in another currency":     {noon, []string{"BUY 2 0 first CAD", "BUY 3 1.95 first USD"}, []charged{bought}, "a 1.95"},
		"on its own line in another one":   {noon, []string{"BUY 5 1.00 first", "FEE 0 -0.25 first CAD"}, []charged{bought}, "a in CAD"},
		"by contracts in another one":      {noon, []string{"BUY 6 0.30 x1 CAD"}, []charged{bought, more}, "a in CAD, b in CAD"},
		"a third each, to the last digit":  {noon, []string{"SELL -3 1.00 third"}, []charged{fill('d', STC, 1, day), fill('e', STC, 1, day), fill('f', STC, 1, day)}, "d 0.33333333, e 0.33333334, f 0.33333333"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var history []snaptrade.Activity
			for _, text := range c.lines {
				history = append(history, tradedLine(text, c.at))
			}
			var got []string
			for _, f := range feesIn(history, c.fills) {
				text := f.Total.String()
				if f.Foreign != "" {
					text = "in " + f.Foreign
				}
				got = append(got, fmt.Sprintf("%c %s", f.OrderID[0], text))
			}
			slices.Sort(got)
			if text := strings.Join(got, ", "); text != c.want {
				t.Errorf("charged %q, want %q", text, c.want)
			}
		})
	}
}

// Lines about other contracts and shares are nobody's fees here.
func TestFeesOfOtherContractsAreNotTaken(t *testing.T) {
	t.Parallel()
	contract, err := exchange.ParseSymbol(oneContract)
	if err != nil {
		t.Fatal(err)
	}
	day := exchange.MustDate("2026-11-20")
	other, shares := tradedLine("BUY 5 3.25", day.At(12, 0)), tradedLine("BUY 5 3.25", day.At(12, 0))
	other.Symbol, shares.Symbol, shares.Option = "MSFT  270115C00400000", "AAPL", false
	f := charged{Fee: positions.Fee{OrderID: uuid.UUID{'a'}}, side: BTO, contract: contract, quantity: 5, day: day}
	if list := feesIn([]snaptrade.Activity{other, shares}, []charged{f}); len(list) != 0 {
		t.Errorf("charged %+v", list)
	}
}
