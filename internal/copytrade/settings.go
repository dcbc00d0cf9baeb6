package copytrade

import (
	"github.com/google/uuid"

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
	Paper              *bool         `json:"paper,omitempty"`              // with live quotes, and nothing is traded; for as long as the subscription lives
	MaxPositionSize    *int          `json:"maxPositionSize,omitempty"`    // contracts, 1 to 500
	MaxDailyTrades     *int          `json:"maxDailyTrades,omitempty"`     // per trading day, 1 to 100
	Scaling            *Scaling      `json:"scaling,omitempty"`            //
	MaxSlippagePercent *money.Amount `json:"maxSlippagePercent,omitempty"` // 0 to 100
	MaxDelaySeconds    *int          `json:"maxDelaySeconds,omitempty"`    // 5 to 900
	MaxSpreadPercent   *money.Amount `json:"maxSpreadPercent,omitempty"`   // 0 to 200
	SameContract       *string       `json:"sameContract,omitempty"`       // skip, add
	OrderType          *string       `json:"orderType,omitempty"`          // limit, market
	AccountID          *uuid.UUID    `json:"accountId,omitempty"`

	AllowedUnderlyings  *[]string           `json:"allowedUnderlyings,omitempty"` // none: all of them
	DeniedUnderlyings   *[]string           `json:"deniedUnderlyings,omitempty"`  //
	OptionTypes         *[]string           `json:"optionTypes,omitempty"`        // call, put
	MinDaysToExpiration Bound[int]          `json:"minDaysToExpiration,omitzero"` // 0 to 1500
	MaxDaysToExpiration Bound[int]          `json:"maxDaysToExpiration,omitzero"` // 0 to 1500
	MaxPremiumPerTrade  Bound[money.Amount] `json:"maxPremiumPerTrade,omitzero"`  // dollars
	MaxOpenPositions    Bound[int]          `json:"maxOpenPositions,omitzero"`    // copied from this trader, 1 to 1000
	MaxExposure         Bound[money.Amount] `json:"maxExposure,omitzero"`         // dollars copied from this trader, held and on their way

	DailyLossStop     Bound[money.Amount] `json:"dailyLossStop,omitzero"`     // dollars that this trader's copies may lose in a day before no more are bought
	StopLossPercent   Bound[money.Amount] `json:"stopLossPercent,omitzero"`   // below what the copies cost: they are sold
	TakeProfitPercent Bound[money.Amount] `json:"takeProfitPercent,omitzero"` // above it
	CloseOnExpiryAt   Bound[string]       `json:"closeOnExpiryAt,omitzero"`   // "HH:MM", New York: copies are sold on their last day
}

// Defaults are the settings of a new subscription.
func Defaults() Settings {
	auto, paper, size, trades, delay, same, kind := false, false, 10, 5, 60, "skip", "limit"
	slippage, spread := money.MustAmount("5"), money.MustAmount("25")
	return Settings{
		AutoExecute: &auto, Paper: &paper, MaxPositionSize: &size, MaxDailyTrades: &trades,
		Scaling:            &Scaling{Mode: "factor", Value: money.MustAmount("1")},
		MaxSlippagePercent: &slippage, MaxDelaySeconds: &delay, MaxSpreadPercent: &spread,
		SameContract: &same, OrderType: &kind,
		AllowedUnderlyings: &[]string{}, DeniedUnderlyings: &[]string{}, OptionTypes: &[]string{"call", "put"},
		MinDaysToExpiration: Off[int](), MaxDaysToExpiration: Off[int](), MaxPremiumPerTrade: Off[money.Amount](),
		MaxOpenPositions: Off[int](), MaxExposure: Off[money.Amount](),
		DailyLossStop: Off[money.Amount](), StopLossPercent: Off[money.Amount](), TakeProfitPercent: Off[money.Amount](),
		CloseOnExpiryAt: Off[string](),
	}
}

// over lays the settings that are given over a base.
func (s Settings) over(base Settings) Settings {
	keep(&base.AutoExecute, s.AutoExecute)
	keep(&base.Paper, s.Paper)
	keep(&base.MaxPositionSize, s.MaxPositionSize)
	keep(&base.MaxDailyTrades, s.MaxDailyTrades)
	keep(&base.Scaling, s.Scaling)
	keep(&base.MaxSlippagePercent, s.MaxSlippagePercent)
	keep(&base.MaxDelaySeconds, s.MaxDelaySeconds)
	keep(&base.MaxSpreadPercent, s.MaxSpreadPercent)
	keep(&base.SameContract, s.SameContract)
	keep(&base.OrderType, s.OrderType)
	keep(&base.AccountID, s.AccountID)
	keep(&base.AllowedUnderlyings, s.AllowedUnderlyings)
	keep(&base.DeniedUnderlyings, s.DeniedUnderlyings)
	keep(&base.OptionTypes, s.OptionTypes)
	base.MinDaysToExpiration = s.MinDaysToExpiration.or(base.MinDaysToExpiration)
	base.MaxDaysToExpiration = s.MaxDaysToExpiration.or(base.MaxDaysToExpiration)
	base.MaxPremiumPerTrade = s.MaxPremiumPerTrade.or(base.MaxPremiumPerTrade)
	base.MaxOpenPositions = s.MaxOpenPositions.or(base.MaxOpenPositions)
	base.MaxExposure = s.MaxExposure.or(base.MaxExposure)
	base.DailyLossStop = s.DailyLossStop.or(base.DailyLossStop)
	base.StopLossPercent = s.StopLossPercent.or(base.StopLossPercent)
	base.TakeProfitPercent = s.TakeProfitPercent.or(base.TakeProfitPercent)
	base.CloseOnExpiryAt = s.CloseOnExpiryAt.or(base.CloseOnExpiryAt)
	return base
}

func keep[T any](to **T, given *T) {
	if given != nil {
		*to = given
	}
}
