package web

import (
	"encoding/json"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/web/ui"
)

// What a decision compared, in the order it is read.
var numberNames = []struct {
	key, label string
	own        bool // an amount or quantity of the follower's: the eye hides it
}{
	{"wanted", "Your size came to", true},
	{"maxPositionSize", "Most contracts", false},
	{"scaling", "Size by", false},
	{"value", "Size value", true},
	{"delaySeconds", "Seconds since their fill", false},
	{"maxDelaySeconds", "Most seconds", false},
	{"daysToExpiration", "Days to expiration", false},
	{"minDaysToExpiration", "Fewest days", false},
	{"maxDaysToExpiration", "Most days", false},
	{"costEach", "Dollars for one contract", true},
	{"maxPremiumPerTrade", "Most dollars for a trade", true},
	{"openPositions", "Other copied positions", false},
	{"maxOpenPositions", "Most copied positions", false},
	{"exposure", "Dollars in copies", true},
	{"maxExposure", "Most dollars in copies", true},
	{"totalExposure", "Dollars in copies of all traders", true},
	{"maxTotalExposure", "Most dollars in all copies", true},
	{"copiesToday", "Copies made today", false},
	{"maxDailyTrades", "Most copies in a day", false},
	{"most", "Most contracts for one copy", false},
	{"buyingPower", "Buying power", true},
	{"forecastMs", "Milliseconds until it could be sent", false},
	{"waitsMs", "Milliseconds it may wait", false},
	{"copied", "Copied contracts held", true},
	{"free", "Of them not being sold already", true},
	{"leaderBought", "Bought by the trader", false},
	{"leaderSold", "Sold by their order", false},
	{"leaderHeld", "Held by the trader", false},
	{"ordered", "Contracts ordered", true},
	{"stopLossPercent", "Stop-loss, percent below the cost", false},
	{"takeProfitPercent", "Take-profit, percent above the cost", false},
	{"costPerShare", "They cost, per share", false},
	{"mark", "The mark", false},
	{"bid", "The bid", false},
	{"closeOnExpiryAt", "Sold on the last day at", false},
	{"latest", "Latest on that day", false},
	{"time", "New York time", false},
	{"contracts", "Contracts", true},
	{"quoteAgeSeconds", "Age of the quote, seconds", false},
	{"maxQuoteAgeSeconds", "Most seconds for a quote", false},
	{"needed", "Dollars it needs", true},
	{"available", "Available", true},
	{"price", "Its limit price", false},
	{"ask", "The ask", false},
	{"spreadPercent", "Spread, percent of mid", false},
	{"lost", "Lost today", true},
	{"limit", "The limit", true},
	{"madeToday", "Made today by their trades", true},
	{"dailyLossStop", "Most lost in a day", true},
}

// decisionNumbers reads the numbers a decision was made from, as exact text.
func decisionNumbers(raw json.RawMessage) map[string]string {
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil {
		return nil
	}
	texts := make(map[string]string, len(values))
	for key, value := range values {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		if text != "null" {
			texts[key] = text
		}
	}
	return texts
}

func comparedOf(texts map[string]string) []ui.Compared {
	var list []ui.Compared
	for _, name := range numberNames {
		if text, ok := texts[name.key]; ok {
			list = append(list, ui.Compared{Name: name.label, Value: text, Own: name.own})
		}
	}
	return list
}

// delayOf is how long after the trader's fill it was sent, or decided where it was not, in
// seconds; null where that is not known.
func delayOf(texts map[string]string, sentAfter *int) (seconds decimal.NullDecimal, sent bool) {
	if sentAfter != nil {
		return decimal.NewNullDecimal(decimal.New(int64(*sentAfter), -3)), true
	}
	d, err := decimal.NewFromString(texts["delaySeconds"])
	return decimal.NullDecimal{Decimal: d, Valid: err == nil}, false
}
