package copytrade

import (
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

var (
	nickel  = decimal.RequireFromString("0.05")
	hundred = decimal.NewFromInt(100)
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
