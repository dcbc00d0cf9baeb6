package risk

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// inSession is a Monday, half past ten in New York.
var inSession = time.Date(2026, 9, 21, 14, 30, 0, 0, time.UTC)

func rulesAt(now time.Time) *Rules {
	real := func() time.Time { return now }
	return New(nil, exchange.NewClock(real), Defaults(), real)
}

func contractOf(t *testing.T, symbol string) exchange.Contract {
	t.Helper()
	c, err := exchange.ParseSymbol(symbol)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func price(s string) *money.Price { p := money.MustPrice(s); return &p }

func dollars(s string) *money.Amount { a := money.MustAmount(s); return &a }

// calm is a manual entry that every check lets pass without a word: 5 × $3.50,
// quoted 3.45 to 3.50, with $100,000 to spend.
func calm(t *testing.T, now time.Time) Facts {
	t.Helper()
	listed := true
	return Facts{
		Entry: true, Contract: contractOf(t, "AAPL  270115C00200000"), Quantity: 5, Limit: price("3.50"), Listed: &listed,
		Bid: price("3.45"), Ask: price("3.50"), QuoteAt: now, BuyingLeft: dollars("100000"),
	}
}

// check is one row: what is different, and which code refuses it ("" none, "!" a
// warning).
type check struct {
	name   string
	change func(f *Facts)
	want   string
}

func run(t *testing.T, now time.Time, checks []check) {
	t.Helper()
	for _, c := range checks {
		f := calm(t, now)
		c.change(&f)
		warnings, err := rulesAt(now).Check(f)
		got := ""
		switch {
		case err != nil:
			got = fault.CodeOf(err)
		case len(warnings) > 0:
			got = "!"
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q (%v %v)", c.name, got, c.want, warnings, err)
		}
		if err != nil && fault.Of(err).Status != 422 {
			t.Errorf("%s: status %d, want 422", c.name, fault.Of(err).Status)
		}
	}
}

func exits(f *Facts) { f.Entry, f.BuyingLeft = false, nil }

func copies(f *Facts) { f.Copy = true }

func at(f *Facts, limit string) { f.Limit = price(limit) }

func market(f *Facts) { f.Market, f.Limit = true, nil }

func TestR3TheContract(t *testing.T) {
	t.Parallel()
	no := false
	run(t, inSession, []check{
		{"as it is", func(*Facts) {}, ""},
		{"expired", func(f *Facts) { f.Contract = contractOf(t, "AAPL  260918C00200000") }, "risk_contract"},
		{"expired, to sell", func(f *Facts) { exits(f); f.Contract = contractOf(t, "AAPL  260918C00200000") }, "risk_contract"},
		{"not listed", func(f *Facts) { f.Listed = &no }, "risk_contract"},
		{"nobody can say whether it is listed", func(f *Facts) { f.Listed = nil }, ""},
		{"adjusted", func(f *Facts) { f.Contract = contractOf(t, "AAPL1 270115C00200000") }, "risk_contract"},
		{"adjusted, to sell", func(f *Facts) { exits(f); f.Contract = contractOf(t, "AAPL1 270115C00200000") }, ""},
	})
}

func TestR4ContractsForOneOrder(t *testing.T) {
	t.Parallel()
	cheap := func(f *Facts, n int) { f.Quantity, f.Bid, f.Ask = n, price("0.04"), price("0.05"); at(f, "0.05") }
	run(t, inSession, []check{
		{"100", func(f *Facts) { cheap(f, 100) }, ""},
		{"101", func(f *Facts) { cheap(f, 101) }, "risk_contracts"},
		{"a copy of 10", func(f *Facts) { cheap(f, 10); copies(f) }, ""},
		{"a copy of 11", func(f *Facts) { cheap(f, 11); copies(f) }, "risk_contracts"},
		{"an exit of 500", func(f *Facts) { cheap(f, 500); exits(f) }, ""},
		{"an exit of 501", func(f *Facts) { cheap(f, 501); exits(f) }, "risk_contracts"},
		{"a copied exit of 500", func(f *Facts) { cheap(f, 500); exits(f); copies(f) }, ""},
	})
}

func TestR5DollarsForOneEntry(t *testing.T) {
	t.Parallel()
	cost := func(f *Facts, n int, p string) { f.Quantity, f.Bid, f.Ask = n, price(p), price(p); at(f, p) }
	run(t, inSession, []check{
		{"$25,000", func(f *Facts) { cost(f, 50, "5.00") }, ""},
		{"a cent a share more", func(f *Facts) { cost(f, 50, "5.05") }, "risk_premium"},
		{"a copy for $2,500", func(f *Facts) { cost(f, 5, "5.00"); copies(f) }, ""},
		{"a copy for more", func(f *Facts) { cost(f, 5, "5.05"); copies(f) }, "risk_premium"},
		{"an exit for any amount", func(f *Facts) { cost(f, 500, "50.00"); exits(f) }, ""},
		{"ten shares a contract", func(f *Facts) { cost(f, 100, "25.00"); f.Contract.Multiplier = 10 }, ""},
	})
}

func TestR6TheCollar(t *testing.T) {
	t.Parallel()
	quoted := func(f *Facts, bid, ask string) { f.Bid, f.Ask = price(bid), price(ask) }
	stale := func(f *Facts) { f.QuoteAt = inSession.Add(-15*time.Second - 1) }
	none := func(f *Facts) { f.Bid, f.Ask, f.QuoteAt = nil, nil, time.Time{} }
	run(t, inSession, []check{
		{"a quarter above the ask", func(f *Facts) { quoted(f, "3.90", "4.00"); at(f, "5.00") }, ""},
		{"a tick more", func(f *Facts) { quoted(f, "3.90", "4.00"); at(f, "5.05") }, "risk_collar"},
		{"half a dollar above a cheap ask", func(f *Facts) { quoted(f, "0.09", "0.10"); at(f, "0.60") }, ""},
		{"a tick more than that", func(f *Facts) { quoted(f, "0.09", "0.10"); at(f, "0.61") }, "risk_collar"},
		{"far below", func(f *Facts) { quoted(f, "3.90", "4.00"); at(f, "0.01") }, ""},
		{"a copy too far above", func(f *Facts) { quoted(f, "3.90", "4.00"); at(f, "5.05"); copies(f) }, "risk_collar"},
		{"an exit a quarter below the bid", func(f *Facts) { exits(f); quoted(f, "4.00", "4.10"); at(f, "3.00") }, ""},
		{"a tick less", func(f *Facts) { exits(f); quoted(f, "4.00", "4.10"); at(f, "2.99") }, "risk_collar"},
		{"confirmed", func(f *Facts) { exits(f); quoted(f, "4.00", "4.10"); at(f, "0.01"); f.Confirmed = true }, ""},
		{"a copied exit", func(f *Facts) { exits(f); copies(f); quoted(f, "4.00", "4.10"); at(f, "0.01") }, ""},
		{"an exit at a cent in a cheap market", func(f *Facts) { exits(f); quoted(f, "0.40", "0.45"); at(f, "0.01") }, ""},
		{"a market exit", func(f *Facts) { exits(f); market(f) }, ""},
		{"a quote 15 seconds old", func(f *Facts) { f.QuoteAt = inSession.Add(-15 * time.Second) }, ""},
		{"one older than that", stale, "!"},
		{"no quote", none, "!"},
		{"no quote, at market", func(f *Facts) { none(f); market(f) }, "risk_no_quote"},
		{"no quote, a copy", func(f *Facts) { none(f); copies(f) }, "risk_no_quote"},
		{"an old quote, at market", func(f *Facts) { stale(f); market(f) }, "risk_no_quote"},
		{"no quote, an exit at market", func(f *Facts) { exits(f); none(f); market(f) }, "!"},
		{"no quote, a copied exit", func(f *Facts) { exits(f); none(f); copies(f) }, "!"},
	})
}

func TestR7ALegalPrice(t *testing.T) {
	t.Parallel()
	exit := func(symbol, limit string) func(*Facts) {
		return func(f *Facts) {
			exits(f)
			f.Contract, f.Confirmed = contractOf(t, symbol), true
			at(f, limit)
		}
	}
	const apple, spy, spx = "AAPL  270115C00200000", "SPY   270115C00500000", "SPXW  270115C05000000"
	run(t, inSession, []check{
		{"pennies under three dollars", exit(apple, "2.99"), ""},
		{"nickels from there", exit(apple, "3.05"), ""},
		{"a penny above three dollars", exit(apple, "3.01"), "risk_price"},
		{"pennies always in SPY", exit(spy, "3.01"), ""},
		{"nickels under three dollars in SPX", exit(spx, "2.95"), ""},
		{"pennies in SPX", exit(spx, "2.96"), "risk_price"},
		{"a nickel above three dollars in SPX", exit(spx, "3.05"), "risk_price"},
		{"dimes there", exit(spx, "3.10"), ""},
		{"three decimals", exit(apple, "2.999"), "risk_price"},
		{"zeros after two decimals", exit(apple, "2.9900"), ""},
		{"nothing", exit(apple, "0"), "risk_price"},
		{"10,000", exit(apple, "10000"), ""},
		{"more", exit(apple, "10000.05"), "risk_price"},
	})
}

// R7 holds for the stop as it does for the limit, and the refusal names the one that
// is wrong.
func TestR7ALegalStop(t *testing.T) {
	t.Parallel()
	const apple, spx = "AAPL  270115C00200000", "SPXW  270115C05000000"
	for _, c := range []struct{ name, symbol, limit, stop, wrong string }{
		{"a stop", apple, "", "3.05", ""},
		{"a stop in pennies above three dollars", apple, "", "3.01", "stopPrice"},
		{"a stop in pennies below", apple, "", "2.99", ""},
		{"a stop in pennies in SPX", spx, "", "2.96", "stopPrice"},
		{"a stop at nothing", apple, "", "0", "stopPrice"},
		{"a stop below nothing", apple, "", "-1", "stopPrice"},
		{"a stop at 10,000", apple, "", "10000", ""},
		{"a stop above it", apple, "", "10000.05", "stopPrice"},
		{"a stop with three decimals", apple, "", "2.991", "stopPrice"},
		{"a stop with zeros after two", apple, "", "2.9900", ""},
		{"a stop limit", apple, "3.05", "3.10", ""},
		{"a stop limit whose stop is off the tick", apple, "3.05", "3.01", "stopPrice"},
		{"a stop limit whose limit is", apple, "3.01", "3.05", "limitPrice"},
		{"a stop limit with neither right", apple, "3.01", "3.02", "limitPrice"},
		{"a stop limit whose stop is too much", apple, "3.05", "10000.05", "stopPrice"},
		{"a limit off the tick", apple, "3.01", "", "limitPrice"},
	} {
		for _, side := range []string{"entry", "exit"} {
			f := calm(t, inSession)
			f.Contract, f.Limit, f.Stop, f.Confirmed = contractOf(t, c.symbol), maybe(c.limit), maybe(c.stop), true
			if side == "exit" {
				exits(&f)
			}
			f.Bid, f.Ask = price("9999"), price("10000") // no collar in the way
			f.BuyingLeft = dollars("100000000")
			_, err := roomy(inSession).Check(f)
			named := ""
			if err != nil {
				fields, _ := fault.Of(err).Details["fields"].(map[string]any)
				named = strings.Join(slices.Sorted(maps.Keys(fields)), " ")
			}
			if named != c.wrong || (err != nil) != (fault.CodeOf(err) == "risk_price") {
				t.Errorf("%s, %s: wrong is %q, want %q (%v)", c.name, side, named, c.wrong, err)
			}
		}
	}
}

// roomy are rules with no bounds on dollars.
func roomy(now time.Time) *Rules {
	r := rulesAt(now)
	r.limits.ManualPremium = money.MustAmount("100000000")
	return r
}

func maybe(p string) *money.Price {
	if p == "" {
		return nil
	}
	return price(p)
}

// The collar of a stop is that of its limit, and where it has none its own.
func TestR6TheCollarOfAStop(t *testing.T) {
	t.Parallel()
	stop := func(f *Facts, limit, stop string) { f.Limit, f.Stop = maybe(limit), maybe(stop) }
	run(t, inSession, []check{
		{"a quarter above the ask", func(f *Facts) { stop(f, "", "4.35") }, ""},
		{"more than that", func(f *Facts) { stop(f, "", "4.40") }, "risk_collar"},
		{"whose limit is within it", func(f *Facts) { stop(f, "3.50", "9.00") }, ""},
		{"whose limit is not", func(f *Facts) { stop(f, "4.40", "3.50") }, "risk_collar"},
		{"an exit far below the bid", func(f *Facts) { exits(f); stop(f, "", "0.05") }, "risk_collar"},
		{"one that is confirmed", func(f *Facts) { exits(f); stop(f, "", "0.05"); f.Confirmed = true }, ""},
	})
}

func TestR15BuyingPower(t *testing.T) {
	t.Parallel()
	run(t, inSession, []check{
		{"exactly enough", func(f *Facts) { f.BuyingLeft = dollars("1750") }, ""},
		{"a cent short", func(f *Facts) { f.BuyingLeft = dollars("1749.99") }, "risk_buying_power"},
		{"overdrawn", func(f *Facts) { f.BuyingLeft = dollars("-5") }, "risk_buying_power"},
		{"unknown", func(f *Facts) { f.BuyingLeft = nil }, "!"},
		{"unknown, at market", func(f *Facts) { f.BuyingLeft = nil; market(f) }, "risk_buying_power"},
		{"unknown, a copy", func(f *Facts) { f.BuyingLeft = nil; copies(f) }, "risk_buying_power"},
		{"nothing left, an exit", func(f *Facts) { exits(f); f.BuyingLeft = dollars("0") }, ""},
	})
}

func TestR17TheSession(t *testing.T) {
	t.Parallel()
	const apple, today = "AAPL  270115C00200000", "AAPL  260921C00200000"
	at := func(symbol string, change ...func(*Facts)) func(*Facts) {
		return func(f *Facts) {
			f.Contract = contractOf(t, symbol)
			for _, c := range change {
				c(f)
			}
		}
	}
	newYork := func(hour, minute int) time.Time { return exchange.MustDate("2026-09-21").At(hour, minute) }
	for now, checks := range map[time.Time][]check{
		newYork(9, 29): {
			{"before the bell", at(apple), "!"},
			{"at market before the bell", at(apple, market), "risk_market_closed"},
			{"a copy before the bell", at(apple, copies), "risk_market_closed"},
			{"a copied exit before the bell", at(apple, exits, copies), "risk_market_closed"},
			{"an exit before the bell", at(apple, exits), "!"},
		},
		newYork(9, 30): {{"with the bell", at(apple, market), ""}},
		newYork(15, 30): {
			{"the last half hour begins", at(today), ""},
		},
		newYork(15, 31): {
			{"in it", at(today), "risk_market_closed"},
			{"in it, an exit", at(today, exits, market), ""},
			{"in it, a contract that lives on", at(apple), ""},
		},
		newYork(16, 0): {
			{"after the close", at(apple, market), "risk_market_closed"},
			{"after the close, the contract of the day", at(today, exits), "risk_contract"},
		},
		exchange.MustDate("2026-09-20").At(12, 0): {{"a Sunday", at(apple, market), "risk_market_closed"}},
		exchange.MustDate("2026-11-27").At(13, 0): {{"an early close", at(apple, market), "risk_market_closed"}},
	} {
		run(t, now, checks)
	}
}

func TestWhatAnEntryIsReckonedToCost(t *testing.T) {
	t.Parallel()
	f := calm(t, inSession)
	if cost, known := EntryCost(f); !known || cost.String() != "1750.00" {
		t.Errorf("a limit costs %s", cost)
	}
	market(&f)
	if cost, known := EntryCost(f); !known || cost.String() != "1837.50" { // the ask and five per cent
		t.Errorf("at market it costs %s", cost)
	}
	f.Ask = nil
	if _, known := EntryCost(f); known {
		t.Error("a market order without a quote has a cost")
	}
	f.Market, f.Stop = false, price("4.00") // it becomes a market order there
	if cost, known := EntryCost(f); !known || cost.String() != "2100.00" {
		t.Errorf("a stop costs %s", cost)
	}
	f.Limit = price("4.10")
	if cost, known := EntryCost(f); !known || cost.String() != "2050.00" {
		t.Errorf("a stop with a limit costs %s", cost)
	}
}
