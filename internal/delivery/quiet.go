package delivery

import "time"

// QuietHours are when somebody wants no message that rings, by a clock in their zone.
// From 22:00 to 07:00 passes midnight; from 09:00 to 17:00 does not.
type QuietHours struct {
	From, To      int // minutes of the day; they differ
	Zone          *time.Location
	UrgentThrough bool // what cannot wait is sent all the same
}

// Until tells whether it is quiet at an instant, and when that ends. Quiet hours are
// quiet whenever the clock on the wall says so: where it is put back and an hour comes
// twice, they begin with the first and end with the second; where it is put forward
// over their beginning or end, that is the instant of the change.
func (q QuietHours) Until(now time.Time) (end time.Time, quiet bool) {
	year, month, day := now.In(q.Zone).Date()
	for back := 1; back >= 0; back-- { // what began yesterday may still hold
		ends := day - back
		if q.To <= q.From {
			ends++
		}
		begin := wallClock{year, month, day - back, q.From}.first(q.Zone)
		end = wallClock{year, month, ends, q.To}.last(q.Zone)
		if !now.Before(begin) && now.Before(end) {
			return end.UTC(), true
		}
	}
	return time.Time{}, false
}

// wallClock is what a clock shows; days may overflow their month.
type wallClock struct {
	year   int
	month  time.Month
	day    int
	minute int // of the day
}

// at is an instant at which it is shown. Where it never is, because the clock is put
// forward over it, it is the instant of that change, and shown is false.
func (w wallClock) at(zone *time.Location) (t time.Time, shown bool) {
	t = time.Date(w.year, w.month, w.day, 0, w.minute, 0, 0, zone)
	wanted := time.Date(w.year, w.month, w.day, 0, w.minute, 0, 0, time.UTC)
	year, month, day := t.Date()
	is := time.Date(year, month, day, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	begin, end := t.ZoneBounds()
	switch {
	case is.After(wanted):
		return begin, false
	case is.Before(wanted):
		return end, false
	}
	return t, true
}

// first is the earlier of the two instants, where an hour comes twice.
func (w wallClock) first(zone *time.Location) time.Time {
	t, shown := w.at(zone)
	begin, _ := t.ZoneBounds()
	if !shown || begin.IsZero() {
		return t
	}
	if before := t.Add(apart(t, begin.Add(-time.Second))); before.Before(begin) {
		return before
	}
	return t
}

// last is the later of them.
func (w wallClock) last(zone *time.Location) time.Time {
	t, shown := w.at(zone)
	_, end := t.ZoneBounds()
	if !shown || end.IsZero() {
		return t
	}
	if after := t.Add(apart(t, end)); !after.Before(end) {
		return after
	}
	return t
}

// apart is how far the clock of one instant is ahead of the other's.
func apart(t, other time.Time) time.Duration {
	_, here := t.Zone()
	_, there := other.Zone()
	return time.Duration(here-there) * time.Second
}
