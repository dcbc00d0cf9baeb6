package exchange

import (
	"time"
)

// Session is one trading day's hours.
type Session struct {
	Day         Date
	Open, Close time.Time
	Early       bool
}

// Holidays of the NYSE and its 13:00 closes, as the exchange publishes them.
var holidays = dates(
	"2025-01-01", "2025-01-09", "2025-01-20", "2025-02-17", "2025-04-18", "2025-05-26", "2025-06-19", "2025-07-04", "2025-09-01", "2025-11-27", "2025-12-25",
	"2026-01-01", "2026-01-19", "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26", "2026-12-25",
	"2027-01-01", "2027-01-18", "2027-02-15", "2027-03-26", "2027-05-31", "2027-06-18", "2027-07-05", "2027-09-06", "2027-11-25", "2027-12-24",
	"2028-01-17", "2028-02-21", "2028-04-14", "2028-05-29", "2028-06-19", "2028-07-04", "2028-09-04", "2028-11-23", "2028-12-25",
)

var earlyCloses = dates(
	"2025-07-03", "2025-11-28", "2025-12-24",
	"2026-11-27", "2026-12-24",
	"2027-11-26",
	"2028-07-03", "2028-11-24",
)

// The calendar is known for these years; outside them every day counts as closed.
const (
	firstYear = 2025
	lastYear  = 2028
)

// Options on these trade a quarter of an hour longer.
var lateClasses = map[string]bool{
	"SPX": true, "NDX": true, "RUT": true, "VIX": true, "SPY": true, "QQQ": true, "IWM": true, "DIA": true,
}

func dates(list ...string) map[Date]bool {
	set := make(map[Date]bool, len(list))
	for _, s := range list {
		set[MustDate(s)] = true
	}
	return set
}

// Known reports whether the calendar covers the date's year.
func Known(d Date) bool { return d.Year >= firstYear && d.Year <= lastYear }

// IsTradingDay reports whether the exchange opens on that date.
func IsTradingDay(d Date) bool {
	weekend := d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
	return Known(d) && !weekend && !holidays[d]
}

// SessionOf is the trading hours of a date for options on an underlying; false
// on a day without trading.
func SessionOf(d Date, underlying string) (Session, bool) {
	if !IsTradingDay(d) {
		return Session{}, false
	}
	hour, minute := 16, 0
	early := earlyCloses[d]
	if early {
		hour = 13
	}
	if lateClasses[underlying] {
		minute = 15
	}
	return Session{Day: d, Open: d.At(9, 30), Close: d.At(hour, minute), Early: early}, true
}

// NextSession is the first session of the underlying that has not closed by t.
// False when the calendar ends before one comes.
func NextSession(t time.Time, underlying string) (Session, bool) {
	for d := TradingDay(t); Known(d); d = d.AddDays(1) {
		if s, open := SessionOf(d, underlying); open && t.Before(s.Close) {
			return s, true
		}
	}
	return Session{}, false
}
