package delivery_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/delivery"
)

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func minutes(t *testing.T, clock string) int {
	t.Helper()
	at, err := time.Parse("15:04", clock)
	if err != nil {
		t.Fatal(err)
	}
	return at.Hour()*60 + at.Minute()
}

func TestQuietHours(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		zone, from, to string
		now            string // UTC
		until          string // UTC; empty: not quiet
	}{
		"within the day":                            {"UTC", "09:00", "17:00", "2026-11-20 12:00", "2026-11-20 17:00"},
		"at their first minute":                     {"UTC", "09:00", "17:00", "2026-11-20 09:00", "2026-11-20 17:00"},
		"at their end":                              {"UTC", "09:00", "17:00", "2026-11-20 17:00", ""},
		"before midnight":                           {"America/New_York", "22:00", "07:00", "2026-11-21 04:30", "2026-11-21 12:00"},
		"after midnight":                            {"America/New_York", "22:00", "07:00", "2026-11-21 09:00", "2026-11-21 12:00"},
		"the afternoon between":                     {"America/New_York", "22:00", "07:00", "2026-11-21 20:00", ""},
		"until midnight":                            {"Europe/Berlin", "20:00", "00:00", "2026-11-20 22:59", "2026-11-20 23:00"},
		"at midnight when they end":                 {"Europe/Berlin", "20:00", "00:00", "2026-11-20 23:00", ""},
		"over the end of a month":                   {"Asia/Tokyo", "23:00", "06:00", "2026-11-30 15:00", "2026-11-30 21:00"},
		"over the end of a year":                    {"UTC", "23:00", "06:00", "2026-12-31 23:30", "2027-01-01 06:00"},
		"a night of 8 hours when the clock goes on": {"America/New_York", "22:00", "07:00", "2026-03-08 04:00", "2026-03-08 11:00"},
		"a night of 10 when it goes back":           {"America/New_York", "22:00", "07:00", "2026-11-01 03:00", "2026-11-01 12:00"},
		"an end that no clock shows":                {"America/New_York", "22:00", "02:30", "2026-03-08 06:00", "2026-03-08 07:00"},
		"a beginning that no clock shows":           {"America/New_York", "02:30", "06:00", "2026-03-08 07:00", "2026-03-08 10:00"},
		"just before such a beginning":              {"America/New_York", "02:30", "06:00", "2026-03-08 06:59", ""},
		"the first of two hours":                    {"America/New_York", "01:15", "01:45", "2026-11-01 05:20", "2026-11-01 06:45"},
		"between the two":                           {"America/New_York", "01:15", "01:45", "2026-11-01 05:50", "2026-11-01 06:45"},
		"the second of two hours":                   {"America/New_York", "01:15", "01:45", "2026-11-01 06:20", "2026-11-01 06:45"},
		"a midnight that no clock shows":            {"America/Santiago", "00:00", "06:00", "2026-09-06 04:00", "2026-09-06 09:00"},
	} {
		q := delivery.QuietHours{From: minutes(t, c.from), To: minutes(t, c.to), Zone: zoneOf(t, c.zone)}
		now, err := time.Parse("2006-01-02 15:04", c.now)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if until, quiet := q.Until(now); quiet {
			got = until.Format("2006-01-02 15:04")
		}
		if got != c.until {
			t.Errorf("%s: quiet until %q, want %q", name, got, c.until)
		}
	}
}

// Whatever the zone, the hours and the instant: it is quiet whenever a clock on the wall
// shows a time between the two, it ends, and away from a change of the clock it is quiet
// at no other time.
func TestQuietHoursFollowTheClockOnTheWall(t *testing.T) {
	t.Parallel()
	zones := []string{
		"America/New_York", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago",
		"Africa/Cairo", "Africa/Casablanca", "Pacific/Chatham", "Antarctica/Troll", "Pacific/Apia", "UTC",
	}
	dice := rand.New(rand.NewPCG(5, 2026))
	year := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range zones {
		zone := zoneOf(t, name)
		for range 3000 {
			q := delivery.QuietHours{From: dice.IntN(1440), To: dice.IntN(1440), Zone: zone}
			if q.From == q.To {
				continue
			}
			now := year.Add(time.Duration(dice.IntN(365*24*60)) * time.Minute)
			if _, change := now.In(zone).ZoneBounds(); !change.IsZero() && dice.IntN(2) == 0 {
				now = change.Add(time.Duration(dice.IntN(48*60)-24*60) * time.Minute) // half of them near a change
			}
			checkQuiet(t, q, now)
		}
	}
}

func checkQuiet(t *testing.T, q delivery.QuietHours, now time.Time) {
	t.Helper()
	local := now.In(q.Zone)
	shown := local.Hour()*60 + local.Minute()
	between := q.From <= shown && shown < q.To
	if q.To < q.From {
		between = shown >= q.From || shown < q.To
	}
	until, quiet := q.Until(now)
	before, after := local.ZoneBounds()
	calm := (before.IsZero() || now.Sub(before) > 30*time.Hour) && (after.IsZero() || after.Sub(now) > 30*time.Hour)
	switch {
	case between && !quiet:
		t.Errorf("%s, %d to %d: not quiet at %s", q.Zone, q.From, q.To, local)
	case calm && quiet != between:
		t.Errorf("%s, %d to %d: quiet %v at %s", q.Zone, q.From, q.To, quiet, local)
	case !quiet:
		return
	case !until.After(now), until.Sub(now) > 27*time.Hour:
		t.Errorf("%s, %d to %d: quiet at %s until %s", q.Zone, q.From, q.To, local, until)
	}
	end := until.In(q.Zone)
	if calm && end.Hour()*60+end.Minute() != q.To {
		t.Errorf("%s, %d to %d: ends at %s", q.Zone, q.From, q.To, end)
	}
}
