package jobs

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

// process is one of several on a database that go the rounds.
func process(t *testing.T, url string, list []round, worked *atomic.Int64) (*postgres.DB, *river.Client[pgx.Tx]) {
	t.Helper()
	db := pgtest.Open(t, url)
	count := func(context.Context) error { worked.Add(1); return nil }
	cfg := config(Options{DB: db, Logger: slog.New(slog.DiscardHandler), Rounds: Rounds{SyncOrders: count, Rank: count, CleanUp: count, WarmCache: count}}, list)
	cfg.TestOnly = true // nothing waits at random
	client, err := postgres.NewWorkingQueue(db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return db, client
}

// Two processes ring each round once in each of its periods.
func TestARoundIsGoneOnceInEachPeriodByAllProcessesTogether(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	quick := []round{{name: "cleanup-expired", args: cleanUp{}, pace: time.Second}}
	var worked atomic.Int64
	var db *postgres.DB
	for range 2 {
		var client *river.Client[pgx.Tx]
		db, client = process(t, url, quick, &worked)
		if err := client.Start(context.Background()); err != nil { // it is stopped below
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := client.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	for end := time.Now().Add(time.Minute); worked.Load() < 3 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	var jobs, periods int
	err := db.Pool().QueryRow(t.Context(), `
		select count(*), count(distinct date_trunc('second', scheduled_at)) from river_job where kind = 'clean_up'`).Scan(&jobs, &periods)
	if err != nil || jobs < 3 || jobs != periods {
		t.Errorf("%d jobs of %d periods, %v", jobs, periods, err)
	}
}

// Whoever asks, and however often at once, one job comes of it; it is the one that would have
// been rung, and it is worked.
func TestAskingTwiceMakesOneJob(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	var worked atomic.Int64
	yearly := []round{{name: "update-leaderboard", args: leaderboard{}, pace: 365 * 24 * time.Hour}, {name: "warm-cache", args: warmCache{}, pace: 365 * 24 * time.Hour}}
	db, client := process(t, url, nil, &worked)
	other, _ := process(t, url, nil, &worked)
	var asking sync.WaitGroup
	var enqueued atomic.Int64
	for _, from := range []*postgres.DB{db, other, db, other} {
		adder, err := postgres.NewQueue(from)
		if err != nil {
			t.Fatal(err)
		}
		asking.Go(func() {
			got, err := ask(t.Context(), from, adder, yearly, "update-leaderboard")
			if err != nil || got.Kind != "leaderboard" || got.JobID == "" {
				t.Errorf("%+v, %v", got, err)
			}
			if got.Enqueued {
				enqueued.Add(1)
			}
		})
	}
	asking.Wait()
	var jobs int
	if err := db.Pool().QueryRow(t.Context(), `select count(*) from river_job`).Scan(&jobs); err != nil || jobs != 1 || enqueued.Load() != 1 {
		t.Errorf("%d jobs, %d were told that theirs is it, %v", jobs, enqueued.Load(), err)
	}
	adder, err := postgres.NewQueue(db)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t.Context(), db, adder, yearly, "warm-cache"); err != nil || !got.Enqueued {
		t.Errorf("another round: %+v, %v", got, err)
	}
	if _, err := Ask(t.Context(), db, adder, "rm-rf"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown one: %v", err)
	}
	if err := client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Stop(context.Background()) }()
	for end := time.Now().Add(time.Minute); worked.Load() < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of 2 were worked", worked.Load())
		}
	}
}

// The data are held against the invariants once in four hours, and not while the market is
// open: in winter that takes from noon to midnight by UTC, twelve hours.
func TestTheInvariantsAreExaminedOnceAndWhileNobodyTrades(t *testing.T) {
	t.Parallel()
	for _, r := range rounds() {
		if most := r.opts().MaxAttempts; (r.args == examine{}) != (most == 1) || most < 1 {
			t.Errorf("%s is tried %d times", r.args.Kind(), most)
		}
	}
	day := time.Date(2026, 1, 14, 0, 0, 0, 0, time.UTC)
	open := func(at time.Time) bool {
		return !at.Before(day.Add(14*time.Hour+30*time.Minute)) && at.Before(day.Add(21*time.Hour))
	}
	for after, want := range map[time.Duration]time.Duration{0: 4 * time.Hour, 9 * time.Hour: 12 * time.Hour, 12 * time.Hour: 24 * time.Hour} {
		if got := NextExamination(day.Add(after), open); !got.Equal(day.Add(want)) {
			t.Errorf("after %s comes %s", after, got)
		}
	}
}

// Whatever is worked is named.
func TestEveryJobIsNamed(t *testing.T) {
	t.Parallel()
	worked := reflect.ValueOf(config(Options{Logger: slog.New(slog.DiscardHandler)}, nil).Workers).Elem().FieldByName("workersMap").MapKeys()
	if len(worked) < 10 || len(worked) != len(Kinds()) {
		t.Errorf("%d are worked, %d are named", len(worked), len(Kinds()))
	}
	for _, kind := range worked {
		if !slices.Contains(Kinds(), kind.String()) {
			t.Errorf("%s is not named", kind)
		}
	}
}
