package orders

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// Expirations are settled from 08:00 New York on the next trading day, through
// weekends, holidays, and the change of clocks.
func TestWhenExpirationsAreSettled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ now, day string }{
		{"2027-01-15T17:00:00-05:00", "2027-01-15"}, // Friday, after the close
		{"2027-01-18T12:00:00-05:00", "2027-01-15"}, // Monday, a holiday
		{"2027-01-19T07:59:59-05:00", "2027-01-15"},
		{"2027-01-19T08:00:00-05:00", "2027-01-19"},
		{"2027-03-15T07:59:59-04:00", "2027-03-12"}, // the clocks were changed on Sunday
		{"2027-03-15T08:00:00-04:00", "2027-03-15"},
		{"2026-11-27T08:00:00-05:00", "2026-11-27"}, // a short day
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := SettlementDay(now); got.String() != c.day {
			t.Errorf("at %s: what expired before %s, want %s", c.now, got, c.day)
		}
	}
}

func TestWhatTheHistorySaysOfAnEnding(t *testing.T) {
	t.Parallel()
	contract, err := exchange.ParseSymbol("AAPL  270115C00200000")
	if err != nil {
		t.Fatal(err)
	}
	p := positions.Position{Contract: contract, Ledger: positions.Ledger{Bought: 5, Sold: 1}}
	line := func(kind, symbol, units, amount string) snaptrade.Activity {
		n := decimal.RequireFromString(units)
		a := snaptrade.Activity{Type: kind, Symbol: symbol, Option: true, Units: &n}
		if amount != "" {
			d := decimal.RequireFromString(amount)
			a.Amount = &d
		}
		return a
	}
	on := func(day string, a snaptrade.Activity) snaptrade.Activity {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		a.TradedAt = at
		return a
	}
	const unpadded = "AAPL270115C00200000"
	for name, c := range map[string]struct {
		history            []snaptrade.Activity
		known              bool
		expired, exercised int
		proceeds           string
		elsewhere          int
	}{
		"nothing yet":          {nil, false, 0, 0, "", 0},
		"expired":              {[]snaptrade.Activity{line("OPTIONEXPIRATION", unpadded, "-4", "0")}, true, 4, 0, "", 0},
		"exercised for cash":   {[]snaptrade.Activity{line("OPTIONEXERCISE", unpadded, "-4", "4000")}, true, 0, 4, "4000", 0},
		"exercised for shares": {[]snaptrade.Activity{line("OPTIONEXERCISE", unpadded, "4", "0")}, true, 0, 4, "", 0},
		"both":                 {[]snaptrade.Activity{line("OPTIONEXERCISE", unpadded, "-1", "1000"), line("OPTIONEXPIRATION", unpadded, "-3", "")}, true, 3, 1, "1000", 0},
		"more than is ours":    {[]snaptrade.Activity{line("OPTIONEXERCISE", unpadded, "-8", "8000")}, true, 0, 4, "4000", 0},
		"only a part":          {[]snaptrade.Activity{line("OPTIONEXPIRATION", unpadded, "-3", "0")}, false, 3, 0, "", 0},
		"another contract":     {[]snaptrade.Activity{line("OPTIONEXPIRATION", "AAPL270115C00210000", "-4", "0")}, false, 0, 0, "", 0},
		"shares delivered":     {[]snaptrade.Activity{line("OPTIONEXERCISE", unpadded, "-4", "80000")}, true, 0, 4, "", 0},
		"delivered, less fees": {[]snaptrade.Activity{line("OPTIONEXERCISE", unpadded, "-4", "79999.40")}, true, 0, 4, "", 0},
		"one line says less":   {[]snaptrade.Activity{line("OPTIONEXERCISE", unpadded, "-1", "1000"), line("OPTIONEXERCISE", unpadded, "-3", "")}, true, 0, 4, "", 0},
		"exercised of nothing": {[]snaptrade.Activity{line("OPTIONEXERCISE", unpadded, "0", "1000")}, false, 0, 0, "", 0},
		"bought and sold":      {[]snaptrade.Activity{line("BUY", unpadded, "5", "-1"), line("SELL", unpadded, "-4", "1")}, false, 0, 0, "", 0},
		"assigned: never ours": {[]snaptrade.Activity{line("OPTIONASSIGNMENT", unpadded, "-4", "0")}, false, 0, 0, "", 0},
		"sold on the last day": {[]snaptrade.Activity{on("2027-01-15", line("SELL", unpadded, "-5", "1"))}, true, 0, 0, "", 4},
		"sold in part":         {[]snaptrade.Activity{on("2027-01-15", line("SELL", unpadded, "-2", "1")), line("OPTIONEXPIRATION", unpadded, "-3", "0")}, true, 3, 0, "", 1},
		"sold by us":           {[]snaptrade.Activity{on("2027-01-15", line("SELL", unpadded, "-1", "1")), line("OPTIONEXPIRATION", unpadded, "-4", "0")}, true, 4, 0, "", 0},
		"sold the day before":  {[]snaptrade.Activity{on("2027-01-14", line("SELL", unpadded, "-5", "1"))}, false, 0, 0, "", 0},
	} {
		e, known := endingOf(p, c.history, 1)
		if known != c.known || e.Expired != c.expired || e.Exercised != c.exercised || e.Elsewhere != c.elsewhere {
			t.Errorf("%s: %+v, known %v", name, e, known)
		}
		if got := e.Proceeds; (got == nil) != (c.proceeds == "") || got != nil && got.String() != c.proceeds {
			t.Errorf("%s: brought %v, want %q", name, got, c.proceeds)
		}
	}
}

// An index pays cash, whatever the amount; shares that were delivered are no proceeds.
func TestWhatAnExerciseBrought(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		symbol, amount string
		said           bool
	}{
		{"SPXW  270115P05000000", "480000", true},
		{"SPY   270115P00500000", "50000", false},
		{"SPY   270115P00500000", "1200", true},
		{"SPY   270115P00500000", "-50000", false},
		{"SPY   270115C00500000", "50000", false},
	} {
		contract, err := exchange.ParseSymbol(c.symbol)
		if err != nil {
			t.Fatal(err)
		}
		units, amount := decimal.NewFromInt(-1), decimal.RequireFromString(c.amount)
		each, said := settlement(contract, snaptrade.Activity{Units: &units, Amount: &amount})
		if said != c.said || said && !each.Equal(amount) {
			t.Errorf("%s for %s: %s, said %v", c.symbol, c.amount, each, said)
		}
	}
}

func TestTradingDaysAreCounted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		after, to string
		want      int
	}{
		{"2027-01-15", "2027-01-15", 0},
		{"2027-01-15", "2027-01-18", 0}, // a holiday
		{"2027-01-15", "2027-01-19", 1},
		{"2027-01-15", "2027-01-21", 3},
		{"2027-01-15", "2027-03-01", settleDays + 1}, // enough
	} {
		if got := tradingDays(exchange.MustDate(c.after), exchange.MustDate(c.to)); got != c.want {
			t.Errorf("after %s to %s: %d, want %d", c.after, c.to, got, c.want)
		}
	}
}

// Near the strike nobody knows which close was gone by.
func TestWhatIsOutOfTheMoney(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		symbol, closed string
		want           bool
	}{
		{"AAPL  270115C00200000", "197.99", true},
		{"AAPL  270115C00200000", "198.01", false},
		{"AAPL  270115C00200000", "210", false},
		{"AAPL  270115P00200000", "202.01", true},
		{"AAPL  270115P00200000", "201.99", false},
		{"AAPL  270115P00200000", "190", false},
	} {
		contract, err := exchange.ParseSymbol(c.symbol)
		if err != nil {
			t.Fatal(err)
		}
		if got := outOfTheMoney(contract, decimal.RequireFromString(c.closed)); got != c.want {
			t.Errorf("%s at %s: %v", c.symbol, c.closed, got)
		}
	}
}
