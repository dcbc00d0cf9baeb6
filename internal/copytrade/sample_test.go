package copytrade

import (
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
)

// What these tests trade expires on the next standard monthly expiration that is at
// least 30 days away.
var (
	sampleDay  = exchange.Monthly(exchange.TradingDay(time.Now()), 30)
	expiryDate = sampleDay.String()
	expiryCode = sampleDay.At(12, 0).Format("060102")
)
