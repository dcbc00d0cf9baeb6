package web

import (
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
)

// cannedChain is five strikes of AAPL around 186.02; of the 187.5 call three are
// held, and nobody bids for the 182.5 put.
func cannedChain(now time.Time) market.Chain {
	day := exchange.TradingDay(now).AddDays(7)
	c := market.Chain{Underlying: "AAPL", Expiration: day, Spot: price("186.02"), SpotAt: &now, At: now}
	for _, row := range []struct{ strike, callBid, callAsk, putBid, putAsk string }{
		{"180", "6.65", "6.80", "0.54", "0.56"},
		{"182.5", "4.75", "4.85", "", "1.12"},
		{"185", "3.15", "3.25", "1.98", "2.03"},
		{"187.5", "1.93", "1.98", "3.25", "3.30"},
		{"190", "1.09", "1.12", "4.85", "5.00"},
	} {
		c.Strikes = append(c.Strikes, market.Rung{
			Strike: money.MustPrice(row.strike).Decimal, Root: "AAPL",
			Call: cannedOption(now, contract("AAPL", exchange.Call, row.strike, day), row.callBid, row.callAsk),
			Put:  cannedOption(now, contract("AAPL", exchange.Put, row.strike, day), row.putBid, row.putAsk),
		})
	}
	c.ATM = &c.Strikes[2].Strike
	return c
}

func cannedOption(now time.Time, c exchange.Contract, bid, ask string) *market.Option {
	volume, open := int64(6380), int64(10_750)
	return &market.Option{
		Quote:  market.Quote{Symbol: c.Symbol, Bid: price(bid), Ask: price(ask), Last: price(ask), At: now.Add(-3 * time.Second)},
		Greeks: &market.Greeks{ImpliedVolatility: 0.263, Delta: 0.58, Gamma: 0.021, Theta: -0.084, Vega: 0.312}, Volume: &volume, OpenInterest: &open, Type: c.Type, Strike: c.Strike,
	}
}

func cannedHeld(c market.Chain) map[string]positions.Position {
	symbol := c.Strikes[3].Call.Symbol
	p := positions.Position{Contract: exchange.Contract{Symbol: symbol}}
	p.Ledger.Bought = 3
	return map[string]positions.Position{symbol: p}
}

func cannedChainView(now time.Time) chainView {
	c := cannedChain(now)
	today := exchange.TradingDay(now)
	return chainView{
		Symbol: "AAPL", Day: c.Expiration, Today: today, Near: "5", Side: "call", Spot: c.Spot, Source: "Alpaca, indicative",
		Days: []exchange.Date{today, c.Expiration, today.AddDays(14), today.AddDays(55)}, At: before(now, 3*time.Second), Open: true,
		Rungs: rungsOf(c, cannedHeld(c)),
	}
}

func closedChainView(now time.Time) chainView {
	v := cannedChainView(now)
	v.Open, v.At, v.Side, v.Near, v.Missed = false, before(now, 17*time.Hour), "put", "all", true
	return v
}

func cannedGrid(now time.Time) gridView {
	c := cannedChain(now)
	amount, today := money.MustAmount("1000"), exchange.TradingDay(now)
	calls := market.WatchRow{Underlying: "AAPL", Type: exchange.Call, Expiration: &c.Expiration, Near: 2}
	gone := today.AddDays(-3)
	return gridView{
		Amount: amount, Typed: watchTyped{Type: "call", Near: nearPreset},
		Rows: []gridRow{
			{Watch: calls, Day: c.Expiration, Today: today, Spot: c.Spot, At: before(now, 3*time.Second), Lines: gridLines(c, calls, amount, cannedHeld(c))},
			{
				Watch: market.WatchRow{Underlying: "SPY", Type: exchange.Put, Expiration: &gone, Near: 1}, Day: gone, Today: today,
				Sentence: "Nothing is listed for this row any more.",
			},
		},
	}
}
