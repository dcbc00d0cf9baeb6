package copytrade

import (
	"strings"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// Scaling says how large a copy is: a factor of the leader's quantity, a fixed
// number of contracts, a dollar amount, or a percentage of buying power.
type Scaling struct {
	Mode  string       `json:"mode"`
	Value money.Amount `json:"value"`
}

// Settings are how a follower copies a trader. Absent ones keep their value, or
// take the default on subscribing.
type Settings struct {
	AutoExecute        *bool         `json:"autoExecute,omitempty"`
	MaxPositionSize    *int          `json:"maxPositionSize,omitempty"`    // contracts, 1 to 500
	MaxDailyTrades     *int          `json:"maxDailyTrades,omitempty"`     // per trading day, 1 to 100
	Scaling            *Scaling      `json:"scaling,omitempty"`            //
	MaxSlippagePercent *money.Amount `json:"maxSlippagePercent,omitempty"` // 0 to 100
	MaxDelaySeconds    *int          `json:"maxDelaySeconds,omitempty"`    // 5 to 900
	MaxSpreadPercent   *money.Amount `json:"maxSpreadPercent,omitempty"`   // 0 to 200
	SameContract       *string       `json:"sameContract,omitempty"`       // skip, add
	OrderType          *string       `json:"orderType,omitempty"`          // limit, market
	AccountID          *uuid.UUID    `json:"accountId,omitempty"`
}

// Defaults are the settings of a new subscription.
func Defaults() Settings {
	auto, size, trades, delay, same, kind := false, 10, 5, 60, "skip", "limit"
	slippage, spread := money.MustAmount("5"), money.MustAmount("25")
	return Settings{
		AutoExecute: &auto, MaxPositionSize: &size, MaxDailyTrades: &trades,
		Scaling:            &Scaling{Mode: "factor", Value: money.MustAmount("1")},
		MaxSlippagePercent: &slippage, MaxDelaySeconds: &delay, MaxSpreadPercent: &spread,
		SameContract: &same, OrderType: &kind,
	}
}

// over lays the settings that are given over a base.
func (s Settings) over(base Settings) Settings {
	keep(&base.AutoExecute, s.AutoExecute)
	keep(&base.MaxPositionSize, s.MaxPositionSize)
	keep(&base.MaxDailyTrades, s.MaxDailyTrades)
	keep(&base.Scaling, s.Scaling)
	keep(&base.MaxSlippagePercent, s.MaxSlippagePercent)
	keep(&base.MaxDelaySeconds, s.MaxDelaySeconds)
	keep(&base.MaxSpreadPercent, s.MaxSpreadPercent)
	keep(&base.SameContract, s.SameContract)
	keep(&base.OrderType, s.OrderType)
	keep(&base.AccountID, s.AccountID)
	return base
}

func keep[T any](to **T, given *T) {
	if given != nil {
		*to = given
	}
}

// check names every setting that is out of its bounds.
func (s Settings) check() error {
	wrong := map[string]string{}
	between(wrong, "maxPositionSize", *s.MaxPositionSize, 1, 500)
	between(wrong, "maxDailyTrades", *s.MaxDailyTrades, 1, 100)
	between(wrong, "maxDelaySeconds", *s.MaxDelaySeconds, 5, 900)
	percent(wrong, "maxSlippagePercent", *s.MaxSlippagePercent, 100)
	percent(wrong, "maxSpreadPercent", *s.MaxSpreadPercent, 200)
	oneOf(wrong, "sameContract", *s.SameContract, "skip", "add")
	oneOf(wrong, "orderType", *s.OrderType, "limit", "market")
	oneOf(wrong, "scaling.mode", s.Scaling.Mode, "factor", "contracts", "dollars", "buyingPowerPercent")
	if v := s.Scaling.Value; !v.IsPositive() || v.GreaterThan(decimal.NewFromInt(1_000_000)) || !v.Equal(v.Truncate(4)) {
		wrong["scaling.value"] = "Above 0 and at most 1,000,000, with at most 4 decimals."
	} else if s.Scaling.Mode == "buyingPowerPercent" && v.GreaterThan(hundred) {
		wrong["scaling.value"] = "At most 100 percent."
	}
	if len(wrong) > 0 {
		return fault.Validation(wrong)
	}
	return nil
}

func between(wrong map[string]string, field string, n, low, high int) {
	if n < low || n > high {
		wrong[field] = "Between " + decimal.NewFromInt(int64(low)).String() + " and " + decimal.NewFromInt(int64(high)).String() + "."
	}
}

func percent(wrong map[string]string, field string, p money.Amount, high int64) {
	if p.IsNegative() || p.GreaterThan(decimal.NewFromInt(high)) || !p.Equal(p.Truncate(2)) {
		wrong[field] = "Between 0 and " + decimal.NewFromInt(high).String() + ", with at most 2 decimals."
	}
}

func oneOf(wrong map[string]string, field, given string, allowed ...string) {
	for _, a := range allowed {
		if given == a {
			return
		}
	}
	wrong[field] = "One of: " + strings.Join(allowed, ", ") + "."
}
