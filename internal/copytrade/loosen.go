package copytrade

import (
	"cmp"
	"slices"

	"github.com/alertsify/alertsify/internal/money"
)

// Loosens tells whether given settings turn automation on or raise a limit, which
// needs a fresh sign-in. The settings in force have every field. On paper nothing is
// at stake.
func (s Settings) Loosens(now Settings) bool {
	if *s.over(now).Paper {
		return false
	}
	return s.AutoExecute != nil && *s.AutoExecute && !*now.AutoExecute ||
		above(s.MaxPositionSize, now.MaxPositionSize) || above(s.MaxDailyTrades, now.MaxDailyTrades) ||
		above(s.MaxDelaySeconds, now.MaxDelaySeconds) ||
		dearer(s.MaxSlippagePercent, now.MaxSlippagePercent) || dearer(s.MaxSpreadPercent, now.MaxSpreadPercent) ||
		s.Scaling != nil && (s.Scaling.Mode != now.Scaling.Mode || s.Scaling.Value.GreaterThan(now.Scaling.Value.Decimal)) ||
		turned(s.SameContract, now.SameContract, "add") || turned(s.OrderType, now.OrderType, "market") || s.widens(now)
}

// widens tells whether given settings let trades through that those in force keep out.
func (s Settings) widens(now Settings) bool {
	return s.AllowedUnderlyings != nil && len(*now.AllowedUnderlyings) > 0 &&
		(len(*s.AllowedUnderlyings) == 0 || adds(*s.AllowedUnderlyings, *now.AllowedUnderlyings)) ||
		s.DeniedUnderlyings != nil && adds(*now.DeniedUnderlyings, *s.DeniedUnderlyings) ||
		s.OptionTypes != nil && adds(*s.OptionTypes, *now.OptionTypes) ||
		s.MinDaysToExpiration.Lower(now.MinDaysToExpiration, cmp.Compare) ||
		s.MaxDaysToExpiration.Higher(now.MaxDaysToExpiration, cmp.Compare) ||
		s.MaxOpenPositions.Higher(now.MaxOpenPositions, cmp.Compare) ||
		s.MaxPremiumPerTrade.Higher(now.MaxPremiumPerTrade, compareAmounts) ||
		s.MaxExposure.Higher(now.MaxExposure, compareAmounts) || s.exposes(now)
}

// exposes tells whether given settings let copies lose more, or stay longer into
// their last day, than those in force. A take-profit keeps nobody from a loss.
func (s Settings) exposes(now Settings) bool {
	return s.DailyLossStop.Higher(now.DailyLossStop, compareAmounts) ||
		s.StopLossPercent.Higher(now.StopLossPercent, compareAmounts) ||
		s.CloseOnExpiryAt.Higher(now.CloseOnExpiryAt, cmp.Compare)
}

func compareAmounts(a, b money.Amount) int { return a.Cmp(b.Decimal) }

// adds tells whether list holds what before does not.
func adds(list, before []string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(before, s) })
}

func above(given, now *int) bool { return given != nil && *given > *now }

func dearer(given, now *money.Amount) bool { return given != nil && given.GreaterThan(now.Decimal) }

func turned(given, now *string, to string) bool { return given != nil && *given == to && *now != to }
