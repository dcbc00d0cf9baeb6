package exchange

import "time"

// How instants are written for people of whose own clock nothing is known, in mail, chats
// and pictures. Pages write them by their viewer's clock.

// Moment is "20 Nov 2026, 12:00 New York".
func Moment(t time.Time) string { return DayOf(t) + ", " + TimeOf(t) + " New York" }

// DayOf is the day of an instant in New York: "20 Nov 2026".
func DayOf(t time.Time) string { return t.In(NewYork).Format("2 Jan 2006") }

// TimeOf is the time of day in New York: "12:00".
func TimeOf(t time.Time) string { return t.In(NewYork).Format("15:04") }
