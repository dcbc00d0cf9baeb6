package exchange

import "time"

// Monthly is the next standard monthly expiration at least so many days after a date:
// a third Friday, or the trading day before it where the exchange is closed then.
func Monthly(after Date, days int) Date {
	earliest := after.AddDays(days)
	month := Date{earliest.Year, earliest.Month, 1}
	for {
		untilFriday := (int(time.Friday) - int(month.Weekday()) + 7) % 7
		d := month.AddDays(untilFriday + 14)
		for Known(d) && !IsTradingDay(d) {
			d = d.AddDays(-1)
		}
		if !d.Before(earliest) {
			return d
		}
		next := month.AddDays(31)
		month = Date{next.Year, next.Month, 1}
	}
}
