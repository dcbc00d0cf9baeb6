package status

import (
	"context"
	"testing"
	"time"
)

// What a day came to is the same before it has ended, after it was added up, and after it
// was added up twice; a day's border is midnight UTC, and what was not set up counts for
// nothing.
func TestADayIsTheSumOfItsMinutes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	night := time.Date(2026, 3, 7, 23, 58, 0, 0, time.UTC)
	r, clock := recorder(t, night)
	for _, state := range []State{OK, Error, OK, OK} { // two minutes on either side of midnight
		record(t, r, "snaptrade", state, 0, "")
		record(t, r, "whop", Disabled, 0, "")
		*clock = clock.Add(time.Minute)
	}
	want := []Day{
		{"snaptrade", time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC), 1, 1},
		{"snaptrade", time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC), 2, 0},
	}
	check := func(when string, want []Day) {
		t.Helper()
		got, err := r.Days(ctx)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %+v, %v", when, got, err)
		}
		for i := range got {
			got[i].Day = got[i].Day.UTC()
			if got[i] != want[i] {
				t.Errorf("%s: %+v, want %+v", when, got[i], want[i])
			}
		}
	}
	settle := func(rows int64) {
		t.Helper()
		if n, err := Settle(ctx, r.db, r.now()); err != nil || n != rows {
			t.Errorf("%d days were added up, %v, want %d", n, err, rows)
		}
	}
	check("before it was added up", want)
	settle(1)
	check("after one day was", want)
	*clock = clock.Add(24 * time.Hour)
	settle(2) // the one before may have been late with its last minute
	settle(1)
	check("after both were", want)
	*clock = clock.AddDate(0, 0, Days-2)
	check("when the first is too long ago", want[1:])
	*clock = clock.AddDate(0, 0, 1)
	check("when both are", nil)
}

// The first time everything there is, back to the bound, is added up; with nothing there is nothing to do.
func TestSettlingBeginsWhereMinutesBegin(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, clock := recorder(t, halfPast)
	if n, err := Settle(ctx, r.db, r.now()); err != nil || n != 0 {
		t.Errorf("%d rows of nothing, %v", n, err)
	}
	record(t, r, "ancient", OK, 0, "")
	*clock = clock.AddDate(0, 0, 200)
	record(t, r, "discord", OK, 0, "")
	*clock = clock.AddDate(0, 0, 2)
	if n, err := Settle(ctx, r.db, r.now()); err != nil || n != 1 {
		t.Errorf("%d rows, %v, want the one of discord", n, err)
	}
}
