package exchange

import (
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
)

var (
	penny   = decimal.RequireFromString("0.01")
	nickel  = decimal.RequireFromString("0.05")
	dime    = decimal.RequireFromString("0.10")
	nickelT = decimal.RequireFromString("3.00") // from three dollars on, ticks are coarser
)

// Classes that trade in pennies at every price.
var pennyAlways = map[string]bool{"SPY": true, "QQQ": true, "IWM": true}

// Classes outside the exchanges' penny programme, quoted in nickels and dimes.
var nickelClasses = map[string]bool{"SPX": true, "NDX": true, "RUT": true, "VIX": true, "BRK.B": true}

// Tick is the smallest step of a limit price at that price. Ordinary classes
// are in the penny programme: $0.01 under $3, $0.05 from there.
func (c Contract) Tick(p money.Price) decimal.Decimal {
	coarse := p.GreaterThanOrEqual(nickelT)
	switch {
	case pennyAlways[c.Underlying]:
		return penny
	case nickelClasses[c.Underlying] && coarse:
		return dime
	case nickelClasses[c.Underlying] || coarse:
		return nickel
	}
	return penny
}

// OnTick reports whether p is a legal limit price of the contract.
func (c Contract) OnTick(p money.Price) bool {
	return p.Mod(c.Tick(p)).IsZero()
}

// RoundDown is the highest legal price not above p; RoundUp the lowest not below it.
func (c Contract) RoundDown(p money.Price) money.Price {
	tick := c.Tick(p)
	return money.Price{Decimal: p.Div(tick).Floor().Mul(tick)}
}

// RoundUp is the lowest legal price not below p.
func (c Contract) RoundUp(p money.Price) money.Price {
	tick := c.Tick(p)
	up := money.Price{Decimal: p.Div(tick).Ceil().Mul(tick)}
	if c.OnTick(up) {
		return up
	}
	// Rounding crossed the three-dollar line, where the coarser tick begins.
	tick = c.Tick(up)
	return money.Price{Decimal: up.Div(tick).Ceil().Mul(tick)}
}
