package sandbox

import "time"

// The exchange calendar, worked out from its rules rather than from a table, so
// that it checks the application's table.

// session returns the opening and closing instants of a trading day, false when
// the exchange is closed all day.
func session(day civilDate, newYork *time.Location) (opens, closes time.Time, trading bool) {
	if !isTradingDay(day) {
		return time.Time{}, time.Time{}, false
	}
	closing := 16
	if isHalfDay(day) {
		closing = 13
	}
	opens = time.Date(day.Year, day.Month, day.Day, 9, 30, 0, 0, newYork)
	closes = time.Date(day.Year, day.Month, day.Day, closing, 0, 0, 0, newYork)
	return opens, closes, true
}

func isTradingDay(day civilDate) bool {
	weekday := day.utc().Weekday()
	return weekday != time.Saturday && weekday != time.Sunday && !isHoliday(day)
}

func isHoliday(day civilDate) bool {
	for _, holiday := range holidays(day.Year) {
		if holiday == day {
			return true
		}
	}
	return false
}

func holidays(year int) []civilDate {
	return []civilDate{
		newYear(year),
		nthWeekday(year, time.January, time.Monday, 3),
		nthWeekday(year, time.February, time.Monday, 3),
		easter(year).add(-2),
		lastMonday(year, time.May),
		observed(civilDate{year, time.June, 19}),
		observed(civilDate{year, time.July, 4}),
		nthWeekday(year, time.September, time.Monday, 1),
		nthWeekday(year, time.November, time.Thursday, 4),
		observed(civilDate{year, time.December, 25}),
	}
}

// newYear is not kept on the Friday before when it falls on a Saturday.
func newYear(year int) civilDate {
	day := civilDate{year, time.January, 1}
	if day.utc().Weekday() == time.Saturday {
		return day
	}
	return observed(day)
}

// observed moves a weekend holiday to the Friday before or the Monday after.
func observed(day civilDate) civilDate {
	switch day.utc().Weekday() {
	case time.Saturday:
		return day.add(-1)
	case time.Sunday:
		return day.add(1)
	default:
		return day
	}
}

// isHalfDay: the day after Thanksgiving, 3 July before a weekday 4 July, and a
// Christmas Eve that is itself a trading day close at 13:00.
func isHalfDay(day civilDate) bool {
	if !isTradingDay(day) {
		return false
	}
	switch {
	case day == nthWeekday(day.Year, time.November, time.Thursday, 4).add(1):
		return true
	case day.Month == time.July && day.Day == 3:
		return isHoliday(day.add(1))
	default:
		return day.Month == time.December && day.Day == 24
	}
}

func nthWeekday(year int, month time.Month, weekday time.Weekday, n int) civilDate {
	first := civilDate{year, month, 1}
	ahead := (int(weekday) - int(first.utc().Weekday()) + 7) % 7
	return first.add(ahead + 7*(n-1))
}

func lastMonday(year int, month time.Month) civilDate {
	day := civilDate{year, month + 1, 1}.add(-1)
	for day.utc().Weekday() != time.Monday {
		day = day.add(-1)
	}
	return day
}

// easter is the Gregorian computus.
func easter(year int) civilDate {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (b - (b+8)/25 + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	sum := h + l - 7*m + 114
	return civilDate{year, time.Month(sum / 31), sum%31 + 1}
}
