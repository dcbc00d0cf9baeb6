package copytrade

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

var hundred = decimal.NewFromInt(100)

// Check names every setting that is out of its bounds.
func (s Settings) Check() error {
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
	s.checkFilters(wrong)
	if len(wrong) > 0 {
		return fault.Validation(wrong)
	}
	return nil
}

func (s Settings) checkFilters(wrong map[string]string) {
	tickers(wrong, "allowedUnderlyings", *s.AllowedUnderlyings)
	tickers(wrong, "deniedUnderlyings", *s.DeniedUnderlyings)
	if len(*s.OptionTypes) == 0 {
		wrong["optionTypes"] = "At least one of: call, put."
	}
	for i, kind := range *s.OptionTypes {
		if slices.Contains((*s.OptionTypes)[:i], kind) {
			wrong["optionTypes"] = "Each at most once."
		}
		oneOf(wrong, "optionTypes", kind, "call", "put")
	}
	bounded(wrong, "minDaysToExpiration", s.MinDaysToExpiration, 0, 1500)
	bounded(wrong, "maxDaysToExpiration", s.MaxDaysToExpiration, 0, 1500)
	if low, high := s.MinDaysToExpiration.Value, s.MaxDaysToExpiration.Value; low != nil && high != nil && *low > *high {
		wrong["maxDaysToExpiration"] = "Not below minDaysToExpiration."
	}
	bounded(wrong, "maxOpenPositions", s.MaxOpenPositions, 1, 1000)
	dollars(wrong, "maxPremiumPerTrade", s.MaxPremiumPerTrade)
	dollars(wrong, "maxExposure", s.MaxExposure)
	s.checkGuards(wrong)
}

// checkGuards judges what ends copying for a day and what sells copies by itself.
func (s Settings) checkGuards(wrong map[string]string) {
	dollars(wrong, "dailyLossStop", s.DailyLossStop)
	if v := s.StopLossPercent.Value; v != nil && (!v.IsPositive() || !v.LessThan(hundred) || !v.Equal(v.Truncate(2))) {
		wrong["stopLossPercent"] = "Above 0 and below 100, with at most 2 decimals."
	}
	if v := s.TakeProfitPercent.Value; v != nil && (!v.IsPositive() || v.GreaterThan(takeProfitMost) || !v.Equal(v.Truncate(2))) {
		wrong["takeProfitPercent"] = "Above 0 and at most 10,000, with at most 2 decimals."
	}
	if v := s.CloseOnExpiryAt.Value; v != nil && !inSession(*v) {
		wrong["closeOnExpiryAt"] = "A New York time from 09:35 to 15:55, such as 15:30."
	}
}

var takeProfitMost = decimal.NewFromInt(10_000)

// inSession reports whether a text is a time of day at which an exit may still
// sell before the close of a usual day.
func inSession(text string) bool {
	at, err := time.Parse("15:04", text)
	return err == nil && at.Format("15:04") == text && text >= "09:35" && text <= "15:55"
}

const tickersMost = 100

var ticker = regexp.MustCompile(`^[A-Z][A-Z0-9.]{0,7}$`)

func tickers(wrong map[string]string, field string, list []string) {
	if len(list) > tickersMost {
		wrong[field] = "At most " + strconv.Itoa(tickersMost) + " of them."
	}
	for _, t := range list {
		if !ticker.MatchString(t) {
			wrong[field] = "Tickers in capital letters, such as AAPL."
		}
	}
}

func bounded(wrong map[string]string, field string, b Bound[int], low, high int) {
	if b.Value != nil {
		between(wrong, field, *b.Value, low, high)
	}
}

func dollars(wrong map[string]string, field string, b Bound[money.Amount]) {
	if v := b.Value; v != nil && (!v.IsPositive() || v.GreaterThan(dollarsMost) || !v.Equal(v.Truncate(2))) {
		wrong[field] = "Above 0 and at most 1,000,000,000, with at most 2 decimals."
	}
}

var dollarsMost = decimal.NewFromInt(1_000_000_000)

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
