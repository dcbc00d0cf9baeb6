package web

import (
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/copytrade"
)

// settingsSentence repeats a subscription's settings so that people can check them.
func settingsSentence(sub copytrade.Subscription) string {
	v := sub.Settings
	price := fmt.Sprintf("limit up to %s%% above their fill", v.MaxSlippagePercent.Decimal)
	if *v.OrderType == "market" {
		price = "at the market"
	}
	return fmt.Sprintf("When @%s buys 10, you buy %s, at most %d contracts, %s, at most %d a day. Exits follow in proportion.",
		sub.Trader, sizeWords(*v.Scaling), *v.MaxPositionSize, price, *v.MaxDailyTrades)
}

// sizeWords is what a follower buys when the trader buys ten.
func sizeWords(s copytrade.Scaling) string {
	switch s.Mode {
	case "contracts":
		return s.Value.Floor().String()
	case "dollars":
		return "for " + s.Value.Short()
	case "buyingPowerPercent":
		return "for " + s.Value.Decimal.String() + "% of your buying power"
	}
	return s.Value.Mul(decimal.NewFromInt(10)).Floor().String()
}
