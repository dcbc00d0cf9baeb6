package status

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/pgtest"
)

// recorder is one whose clock the test holds.
func recorder(t *testing.T, at time.Time) (*Recorder, *time.Time) {
	t.Helper()
	clock := at
	r := NewRecorder(pgtest.New(t))
	r.now = func() time.Time { return clock }
	return r, &clock
}

var halfPast = time.Date(2026, 1, 15, 14, 30, 20, 0, time.UTC) //nolint:gochecknoglobals // a constant time

func record(t *testing.T, r *Recorder, name string, state State, latency time.Duration, detail string) {
	t.Helper()
	if err := r.Record(context.Background(), name, state, latency, detail); err != nil {
		t.Fatal(err)
	}
}

func TestTheWorstOfAMinuteStays(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, clock := recorder(t, halfPast)
	record(t, r, "discord", Disabled, 0, "")
	record(t, r, "discord", OK, 90*time.Millisecond, "")
	record(t, r, "discord", Error, 30*time.Millisecond, "answered 500")
	record(t, r, "discord", OK, 20*time.Millisecond, "fine again")
	*clock = clock.Add(time.Minute)
	record(t, r, "discord", OK, 10*time.Millisecond, "")

	got, err := r.History(ctx, "discord", halfPast.Add(-time.Hour))
	if err != nil || len(got) != 2 {
		t.Fatalf("history %v, %v; want two minutes", got, err)
	}
	minute := halfPast.Truncate(time.Minute)
	for i, want := range []Minute{
		{"discord", minute, Error, 90 * time.Millisecond, "answered 500"},
		{"discord", minute.Add(time.Minute), OK, 10 * time.Millisecond, ""},
	} {
		got[i].Minute = got[i].Minute.UTC()
		if got[i] != want {
			t.Errorf("minute %d: %+v, want %+v", i, got[i], want)
		}
	}
}

func TestLatestIsTheNewestOfEach(t *testing.T) {
	t.Parallel()
	r, clock := recorder(t, halfPast)
	record(t, r, "forgotten", OK, 0, "")
	*clock = clock.Add(8 * 24 * time.Hour)
	record(t, r, "snaptrade", Error, 0, "timeout")
	record(t, r, "discord", OK, 0, "")
	*clock = clock.Add(time.Minute)
	record(t, r, "snaptrade", OK, 0, "")
	got, err := r.Latest(context.Background())
	if err != nil || len(got) != 2 || got[0].Name != "discord" || got[1].Name != "snaptrade" || got[1].State != OK {
		t.Errorf("latest %+v, %v; want discord and snaptrade, both ok", got, err)
	}
}

func TestProcessesShareTheirMinutes(t *testing.T) {
	t.Parallel()
	r, _ := recorder(t, halfPast)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			state := OK
			if i == 7 {
				state = Error
			}
			record(t, r, "redis", state, time.Duration(i)*time.Millisecond, "")
		})
	}
	all.Wait()
	got, err := r.Latest(context.Background())
	if err != nil || len(got) != 1 || got[0].State != Error || got[0].Latency != 19*time.Millisecond {
		t.Errorf("latest %+v, %v; want one error of 19 ms", got, err)
	}
}

func TestWatchingTellsTheThreeStatesApart(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := recorder(t, halfPast)
	for name, failed := range map[string]error{"a": nil, "b": errors.New(strings.Repeat("é", 200)), "c": errors.ErrUnsupported} {
		if err := r.Watch(ctx, name, func(context.Context) error { return failed }); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.Latest(ctx)
	if err != nil || len(got) != 3 {
		t.Fatalf("latest %v, %v", got, err)
	}
	if got[0].State != OK || got[1].State != Error || got[2].State != Disabled {
		t.Errorf("states %s %s %s", got[0].State, got[1].State, got[2].State)
	}
	if n := len(got[1].Detail); n == 0 || n > detailMax {
		t.Errorf("detail has %d bytes, want 1 to %d", n, detailMax)
	}
}

func TestAnUnknownStateIsRefused(t *testing.T) {
	t.Parallel()
	r, _ := recorder(t, halfPast)
	if err := r.Record(context.Background(), "discord", "so-so", 0, ""); err == nil {
		t.Error("a state that is none was recorded")
	}
}

func TestMinutesAreKeptNinetyDays(t *testing.T) {
	t.Parallel()
	r, _ := recorder(t, halfPast)
	record(t, r, "discord", OK, 0, "")
	for _, test := range []struct {
		days int
		want int64
	}{{89, 0}, {91, 1}} {
		if n, err := Trim(context.Background(), r.db, halfPast.AddDate(0, 0, test.days)); err != nil || n != test.want {
			t.Errorf("after %d days removed %d, %v; want %d", test.days, n, err, test.want)
		}
	}
}
