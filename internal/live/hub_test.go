package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func newHub(t *testing.T, o live.Options) *live.Hub {
	t.Helper()
	h, err := live.NewHub(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func subscribe(t *testing.T, h *live.Hub, user uuid.UUID, last string) *live.Subscription {
	t.Helper()
	s, err := h.Subscribe(context.Background(), user, last)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func publish(t *testing.T, db *postgres.DB, user uuid.UUID, data any) {
	t.Helper()
	err := db.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
		return live.Publish(ctx, tx, user, "test", data)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// next waits for the next n events of a stream.
func next(t *testing.T, s *live.Subscription, n int) []*live.Event {
	t.Helper()
	var got []*live.Event
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for len(got) < n {
		select {
		case <-s.Ready():
			got = append(got, s.Take()...)
		case <-s.Done():
			t.Fatalf("the stream ended with %d of %d events: %v", len(got), n, s.Err())
		case <-deadline.C:
			t.Fatalf("waited 20 s in vain; got %s, want %d events", words(got), n)
		}
	}
	return got
}

func words(events []*live.Event) string {
	var all []string
	for _, e := range events {
		all = append(all, e.Kind+string(e.Data))
	}
	return strings.Join(all, " ")
}

func wantWords(t *testing.T, events []*live.Event, want string) {
	t.Helper()
	if got := words(events); got != want {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestEventsReachTheirUserOnEveryTabAndServer(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	one, two := newHub(t, live.Options{DB: db}), newHub(t, live.Options{DB: db})
	ava, ben := uuid.New(), uuid.New()
	tabs := []*live.Subscription{subscribe(t, one, ava, ""), subscribe(t, one, ava, ""), subscribe(t, two, ava, "")}
	other := subscribe(t, one, ben, "")

	publish(t, db, ava, 1)
	publish(t, db, uuid.Nil, 2)
	for _, tab := range tabs {
		wantWords(t, next(t, tab, 2), "test1 test2")
	}
	wantWords(t, next(t, other, 1), "test2") // and nothing of ava's (INV-39)
}

func TestWhatWasUndoneIsNotTold(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	ava := uuid.New()
	s := subscribe(t, newHub(t, live.Options{DB: db}), ava, "")
	undone := errors.New("undone")
	err := db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := live.Publish(ctx, tx, ava, "test", "undone"); err != nil {
			return err
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	err = db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return live.PublishTo(ctx, tx, []uuid.UUID{ava, uuid.New()}, "test", "done")
	})
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, next(t, s, 1), `test"done"`)
}

// Ids are given when rows are written and not when they commit: a reader that only
// remembers the highest id loses the slower transaction's event.
func TestTransactionsThatCommitOutOfOrderLoseNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	ava := uuid.New()
	h := newHub(t, live.Options{DB: db})
	here, leaving := subscribe(t, h, ava, ""), subscribe(t, h, ava, "")

	slow, err := db.Pool().Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := live.Publish(ctx, slow, ava, "test", "slow"); err != nil {
		t.Fatal(err)
	}
	publish(t, db, ava, "fast")
	wantWords(t, next(t, here, 1), `test"fast"`)
	last := next(t, leaving, 1)[0].ID
	leaving.Close()

	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	wantWords(t, next(t, here, 1), `test"slow"`)
	back := subscribe(t, newHub(t, live.Options{DB: db}), ava, last) // on another server
	wantWords(t, next(t, back, 1), `test"slow"`)
}

func TestAPageGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ava := uuid.New()
	h := newHub(t, live.Options{DB: db})
	made := h.Cursor() // the page is made, then something happens, then it connects
	publish(t, db, ava, 1)
	publish(t, db, uuid.New(), "of somebody else")
	publish(t, db, uuid.Nil, 2)
	first := subscribe(t, h, ava, made)
	got := next(t, first, 2)
	wantWords(t, got, "test1 test2")
	first.Close()

	publish(t, db, ava, 3)
	wantWords(t, next(t, subscribe(t, h, ava, got[1].ID), 1), "test3")
	wantWords(t, next(t, subscribe(t, h, ava, got[0].ID), 2), "test2 test3")
}

func TestWhatCannotBeToldAnyMoreIsAResync(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ava := uuid.New()
	h := newHub(t, live.Options{DB: db})
	now := h.Cursor()
	_, rest, _ := strings.Cut(now, ".")
	for name, last := range map[string]string{
		"too old":         fmt.Sprintf("%d.%s", time.Now().Add(-11*time.Minute).Unix(), rest),
		"from the future": fmt.Sprintf("%d.%s", time.Now().Add(time.Hour).Unix(), rest),
		"garbage":         "'; drop table live_events; --",
		"no snapshot":     fmt.Sprintf("%d.1.2:1:", time.Now().Unix()),
		"other database":  fmt.Sprintf("%d.1.99999999999:99999999999:", time.Now().Unix()),
	} {
		s := subscribe(t, h, uuid.New(), last)
		got := next(t, s, 1)
		if got[0].Kind != live.Resync {
			t.Errorf("%s: %s, want a resync", name, words(got))
		}
		again := subscribe(t, h, uuid.New(), got[0].ID)
		if missed := again.Take(); len(missed) > 0 {
			t.Errorf("%s: after the resync came %s", name, words(missed))
		}
	}

	for i := range 65 {
		publish(t, db, ava, i)
	}
	if got := next(t, subscribe(t, h, ava, now), 1); got[0].Kind != live.Resync {
		t.Errorf("65 missed events began with %s, want a resync", words(got[:1]))
	}
}

func TestASlowReaderCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ava := uuid.New()
	h := newHub(t, live.Options{DB: db})
	slow, quick := subscribe(t, h, ava, ""), subscribe(t, h, ava, "")
	told := make(chan struct{}, 1)
	slow.OnReady(func() {
		if slow.Err() != nil {
			told <- struct{}{}
		}
	})
	for i := range 65 {
		publish(t, db, ava, i)
		next(t, quick, 1)
	}
	<-slow.Done()
	<-told
	if !errors.Is(slow.Err(), live.ErrSlow) || slow.Take() != nil {
		t.Errorf("err = %v, want ErrSlow and an empty queue", slow.Err())
	}
}

func TestStreamsAreCapped(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := newHub(t, live.Options{DB: pgtest.New(t), PerUser: 2, PerProcess: 3})
	ava, ben := uuid.New(), uuid.New()
	first := subscribe(t, h, ava, "")
	subscribe(t, h, ava, "")
	if _, err := h.Subscribe(ctx, ava, ""); !errors.Is(err, live.ErrTooMany) {
		t.Errorf("third of a user: %v", err)
	}
	subscribe(t, h, ben, "")
	if _, err := h.Subscribe(ctx, ben, ""); !errors.Is(err, live.ErrFull) {
		t.Errorf("fourth of the process: %v", err)
	}
	first.Close()
	first.Close()
	if n := h.Open(); n != 2 {
		t.Errorf("open = %d after one was closed twice, want 2", n)
	}
	subscribe(t, h, ava, "")
}

func TestClosingEndsEveryStream(t *testing.T) {
	t.Parallel()
	h := newHub(t, live.Options{DB: pgtest.New(t)})
	s := subscribe(t, h, uuid.New(), "")
	h.Close()
	<-s.Done()
	if _, err := h.Subscribe(context.Background(), uuid.New(), ""); !errors.Is(err, live.ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
	if h.Open() != 0 {
		t.Errorf("open = %d", h.Open())
	}
}

// Rule 18: bells are a convenience. A row that rang none is found by polling.
func TestALostBellLosesNoEvent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ava := uuid.New()
	s := subscribe(t, newHub(t, live.Options{DB: db, PollEvery: 20 * time.Millisecond}), ava, "")
	_, err := db.Pool().Exec(context.Background(), `insert into live_events (user_id, kind, data) values ($1, 'quiet', '{}')`, ava)
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, next(t, s, 1), "quiet{}")
}

// A process whose own LISTEN is broken hears through Redis.
func TestRedisRingsToo(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	bell, err := redis.Open(ctx, redis.Options{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bell.Close() })
	db := pgtest.New(t)
	ava := uuid.New()
	s := subscribe(t, newHub(t, live.Options{DB: db, Redis: bell, PollEvery: time.Hour}), ava, "")
	_, err = db.Pool().Exec(ctx, `insert into live_events (user_id, kind, data) values ($1, 'quiet', '{}')`, ava)
	if err != nil {
		t.Fatal(err)
	}
	rung := make(chan error, 1)
	go func() { rung <- bell.Ring(ctx, "live") }()
	wantWords(t, next(t, s, 1), "quiet{}")
	if err := <-rung; err != nil {
		t.Fatal(err)
	}
}

func TestACutListenerComesBack(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ava := uuid.New()
	s := subscribe(t, newHub(t, live.Options{DB: db, PollEvery: time.Hour}), ava, "")
	publish(t, db, ava, 1)
	next(t, s, 1)
	_, err := db.Pool().Exec(context.Background(),
		`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen %'`)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, db, ava, 2)
	wantWords(t, next(t, s, 1), "test2")
}

// Many writers commit in any order while a reader comes and goes between two
// servers: it is told everything, and nothing twice within one stream.
func TestNoEventIsLostInAStorm(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	ava := uuid.New()
	hubs := []*live.Hub{newHub(t, live.Options{DB: db}), newHub(t, live.Options{DB: db})}
	last := hubs[0].Cursor()

	// Fewer in all than a page is told at once (64): a reader that a busy machine keeps
	// waiting would be told to load itself anew, which loses nothing and is another test's.
	const writers, each = 4, 15
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				err := db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
					if err := live.Publish(ctx, tx, ava, "test", fmt.Sprintf("%d-%d", w, i)); err != nil {
						return err
					}
					_, err := tx.Exec(ctx, "select pg_sleep($1)", rand.Float64()/200) // commit out of order
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := make(map[string]bool)
	for round := 0; len(seen) < writers*each; round++ {
		s := subscribe(t, hubs[round%2], ava, last)
		inStream := make(map[string]bool)
		for _, e := range next(t, s, 1) {
			var name string
			if err := json.Unmarshal(e.Data, &name); err != nil {
				t.Fatalf("%s: %v", words([]*live.Event{e}), err)
			}
			if inStream[name] {
				t.Errorf("%s came twice in one stream", name)
			}
			inStream[name], seen[name], last = true, true, e.ID
			if rand.N(4) == 0 {
				break // the page went away with events unread
			}
		}
		s.Close()
	}
	all.Wait()
}

func TestOldEventsAreRemoved(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	publish(t, db, uuid.Nil, 1)
	for _, test := range []struct {
		after time.Duration
		want  int64
	}{{11 * time.Minute, 0}, {16 * time.Minute, 1}} {
		if n, err := live.Trim(ctx, db, time.Now().Add(test.after)); err != nil || n != test.want {
			t.Errorf("after %s removed %d, %v; want %d", test.after, n, err, test.want)
		}
	}
}
