package copytrade

import (
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

var (
	nickel  = decimal.RequireFromString("0.05")
	hundred = decimal.NewFromInt(100)
	tenth   = decimal.RequireFromString("10") // percent an exit may give up
)

// entryLimit is the most a copied entry pays: the leader's average plus the
// allowed slippage, at least $0.05 of it, rounded down to the contract's tick.
// At 0 % there is no allowance at all.
func entryLimit(c exchange.Contract, leader money.Price, slippagePercent decimal.Decimal) money.Price {
	if slippagePercent.IsZero() {
		return c.RoundDown(leader)
	}
	allowance := decimal.Max(leader.Mul(slippagePercent).Div(hundred), nickel)
	return c.RoundDown(money.Price{Decimal: leader.Add(allowance)})
}

// exitLimit is the least a copied exit takes: the leader's average less 10 %,
// at least $0.05 of it, rounded up to the tick and never below one tick.
func exitLimit(c exchange.Contract, leader money.Price) money.Price {
	allowance := decimal.Max(leader.Mul(tenth).Div(hundred), nickel)
	bottom := money.Price{Decimal: leader.Sub(allowance)}
	lowest := money.Price{Decimal: c.Tick(money.Price{})}
	if bottom.LessThan(lowest.Decimal) {
		return lowest
	}
	return c.RoundUp(bottom)
}

// exitTarget is how many of the copied contracts should be sold by now: in
// proportion to what the leader's order has sold of what the leader held,
// rounded half down; everything when the leader is flat.
func exitTarget(copied, leaderSold, leaderHeld int, flat bool) int {
	if flat {
		return copied
	}
	if leaderHeld <= 0 {
		return 0
	}
	twice := 2 * copied * leaderSold
	whole, rest := twice/(2*leaderHeld), twice%(2*leaderHeld)
	if rest > leaderHeld { // more than half of a contract
		whole++
	}
	return min(whole, copied)
}
