package web

import (
	"encoding/json"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/web/ui"
)

// What a decision compared, in the order it is read.
var numberNames = []struct{ key, label string }{
	{"wanted", "Your size came to"},
	{"maxPositionSize", "Most contracts"},
	{"scaling", "Size by"},
	{"value", "Size value"},
	{"delaySeconds", "Seconds since their fill"},
	{"maxDelaySeconds", "Most seconds"},
	{"daysToExpiration", "Days to expiration"},
	{"minDaysToExpiration", "Fewest days"},
	{"maxDaysToExpiration", "Most days"},
	{"costEach", "Dollars for one contract"},
	{"maxPremiumPerTrade", "Most dollars for a trade"},
	{"openPositions", "Other copied positions"},
	{"maxOpenPositions", "Most copied positions"},
	{"exposure", "Dollars in copies"},
	{"maxExposure", "Most dollars in copies"},
	{"totalExposure", "Dollars in copies of all traders"},
	{"maxTotalExposure", "Most dollars in all copies"},
	{"copiesToday", "Copies made today"},
	{"maxDailyTrades", "Most copies in a day"},
	{"most", "Most contracts for one copy"},
	{"buyingPower", "Buying power"},
	{"forecastMs", "Milliseconds until it could be sent"},
	{"waitsMs", "Milliseconds it may wait"},
	{"copied", "Copied contracts held"},
	{"free", "Of them not being sold already"},
	{"leaderBought", "Bought by the trader"},
	{"leaderSold", "Sold by their order"},
	{"leaderHeld", "Held by the trader"},
	{"ordered", "Contracts ordered"},
	{"stopLossPercent", "Stop-loss, percent below the cost"},
	{"takeProfitPercent", "Take-profit, percent above the cost"},
	{"costPerShare", "They cost, per share"},
	{"mark", "The mark"},
	{"bid", "The bid"},
	{"closeOnExpiryAt", "Sold on the last day at"},
	{"latest", "Latest on that day"},
	{"time", "New York time"},
	{"contracts", "Contracts"},
	{"quoteAgeSeconds", "Age of the quote, seconds"},
	{"maxQuoteAgeSeconds", "Most seconds for a quote"},
	{"needed", "Dollars it needs"},
	{"available", "Available"},
	{"price", "Its limit price"},
	{"ask", "The ask"},
	{"spreadPercent", "Spread, percent of mid"},
	{"lost", "Lost today"},
	{"limit", "The limit"},
	{"madeToday", "Made today by their trades"},
	{"dailyLossStop", "Most lost in a day"},
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

func numberFields(texts map[string]string) []ui.Field {
	var fields []ui.Field
	for _, name := range numberNames {
		if text, ok := texts[name.key]; ok {
			fields = append(fields, ui.Field{Name: name.label, Value: text})
		}
	}
	return fields
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
