// Package exchange is what the exchange defines: contracts, symbols, ticks, trading days and sessions.
package exchange

import (
	"database/sql/driver"
	"fmt"
	"time"
	_ "time/tzdata" // the trading day is New York's wherever the binary runs
)

// NewYork is the zone of every trading day.
var NewYork = mustZone("America/New_York")

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the zone data is compiled in
	}
	return zone
}

// Date is a civil date. An expiration is one: it never passes through a zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads YYYY-MM-DD and refuses days that do not exist.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date like 2027-01-15", s)
	}
	return dateOf(t), nil
}

// MustDate is ParseDate for literals.
func MustDate(s string) Date {
	d, err := ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

// TradingDay is the New York date of an instant.
func TradingDay(t time.Time) Date { return dateOf(t.In(NewYork)) }

func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// At is the instant of a New York wall-clock time on this date.
func (d Date) At(hour, minute int) time.Time {
	return time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, NewYork)
}

func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// AddDays moves by calendar days.
func (d Date) AddDays(n int) Date { return dateOf(d.utc().AddDate(0, 0, n)) }

// DaysUntil counts calendar days to another date; negative when it has passed.
func (d Date) DaysUntil(other Date) int { return int(other.utc().Sub(d.utc()) / (24 * time.Hour)) }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// Before reports whether d comes before other.
func (d Date) Before(other Date) bool { return d.utc().Before(other.utc()) }

// IsZero reports whether no date is set.
func (d Date) IsZero() bool { return d == Date{} }

// String is YYYY-MM-DD.
func (d Date) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// Short is the date as people type it: 1/15/27.
func (d Date) Short() string {
	return fmt.Sprintf("%d/%d/%02d", int(d.Month), d.Day, d.Year%100)
}

// Display is the date as pages show it: 15 Jan 27.
func (d Date) Display() string { return d.utc().Format("2 Jan 06") }

// MarshalText writes YYYY-MM-DD, also as JSON.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads YYYY-MM-DD.
func (d *Date) UnmarshalText(b []byte) error {
	parsed, err := ParseDate(string(b))
	*d = parsed
	return err
}

// Value gives the database a date.
func (d Date) Value() (driver.Value, error) {
	if d.IsZero() {
		return nil, nil
	}
	return d.String(), nil
}

// Scan reads a date column; NULL becomes the zero Date.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = Date{}
		return nil
	case time.Time:
		*d = dateOf(v)
		return nil
	case string:
		return d.UnmarshalText([]byte(v))
	}
	return fmt.Errorf("a date cannot be read from %T", src)
}
