package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/money"
)

// settingsSentence repeats a subscription's settings so that people can check them.
func settingsSentence(sub copytrade.Subscription) string {
	v := sub.Settings
	price := fmt.Sprintf("limit up to %s%% above their fill", v.MaxSlippagePercent.Decimal)
	if *v.OrderType == "market" {
		price = fmt.Sprintf("at the market while it asks at most %s%% above their fill", v.MaxSlippagePercent.Decimal)
	}
	where := ""
	switch {
	case *v.Paper && *v.AutoExecute:
		where = "On paper, nothing is traded: "
	case *v.Paper:
		where = "On paper, nothing is traded, and you are asked first: "
	}
	return fmt.Sprintf("%sWhen @%s buys 10, you buy %s, at most %d contracts%s, %s, at most %d a day%s%s. Exits follow in proportion.%s",
		where, sub.Trader, sizeWords(*v.Scaling), *v.MaxPositionSize, premiumWords(v), price, *v.MaxDailyTrades, lossStopWords(v), filterWords(v), guardWords(v))
}

func lossStopWords(v copytrade.Settings) string {
	if most := v.DailyLossStop.Value; most != nil {
		return ", stop for the day at −" + most.Short()
	}
	return ""
}

// guardWords says what sells copies by itself.
func guardWords(v copytrade.Settings) string {
	var at []string
	if low := v.StopLossPercent.Value; low != nil {
		at = append(at, "−"+money.Trim(low.Decimal)+"%")
	}
	if high := v.TakeProfitPercent.Value; high != nil {
		at = append(at, "+"+money.Trim(high.Decimal)+"%")
	}
	words := ""
	if len(at) > 0 {
		words = " Copies are sold at " + strings.Join(at, " or ") + " of what they cost."
	}
	if on := v.CloseOnExpiryAt.Value; on != nil {
		words += " On their last day they are sold at " + *on + " New York."
	}
	return words
}

func premiumWords(v copytrade.Settings) string {
	words := ""
	if most := v.MaxPremiumPerTrade.Value; most != nil {
		words += " for at most " + most.Short()
	}
	if most := v.MaxExposure.Value; most != nil {
		words += " and " + most.Short() + " in all their trades"
	}
	return words
}

// filterWords says which of the trader's trades are left out.
func filterWords(v copytrade.Settings) string {
	var words []string
	if only := *v.AllowedUnderlyings; len(only) > 0 {
		words = append(words, "only "+strings.Join(only, ", "))
	}
	if never := *v.DeniedUnderlyings; len(never) > 0 {
		words = append(words, "never "+strings.Join(never, ", "))
	}
	if types := *v.OptionTypes; len(types) == 1 {
		words = append(words, types[0]+"s only")
	}
	if low := v.MinDaysToExpiration.Value; low != nil {
		words = append(words, fmt.Sprintf("%d or more days to expiration", *low))
	}
	if high := v.MaxDaysToExpiration.Value; high != nil {
		words = append(words, fmt.Sprintf("%d or fewer days to expiration", *high))
	}
	if most := v.MaxOpenPositions.Value; most != nil {
		words = append(words, fmt.Sprintf("at most %d open at once", *most))
	}
	if len(words) == 0 {
		return ""
	}
	return "; " + strings.Join(words, ", ")
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

// lateWords are brokers with how late their trades are seen: "Robinhood (about 4 minutes)".
func lateWords(list []copytrade.LateBroker) string {
	words := make([]string, len(list))
	for i, b := range list {
		words[i] = b.Institution + " (about 1 minute)"
		if minutes := (b.Seconds + 30) / 60; minutes > 1 {
			words[i] = b.Institution + " (about " + strconv.Itoa(minutes) + " minutes)"
		}
	}
	return strings.Join(words, ", ")
}
