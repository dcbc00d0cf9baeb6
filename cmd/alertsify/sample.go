package main

import (
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
)

// What the demo trades, and the tests with it, expires on the next standard monthly
// expiration that is at least 30 days away: it is listed on every day that this runs.
var (
	sampleDay  = exchange.Monthly(exchange.TradingDay(time.Now()), 30)
	expiry     = sampleDay.Short()                    // 1/15/27, as in a quick line
	expiryDate = sampleDay.String()                   // 2027-01-15
	expiryCode = sampleDay.At(12, 0).Format("060102") // 270115, as in an option symbol
)
