package inbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

func newInbox(t *testing.T, db *postgres.DB) *inbox.Inbox {
	t.Helper()
	b := inbox.New(inbox.Options{DB: db})
	t.Cleanup(b.Close)
	return b
}

func event(id string) inbox.Event {
	return inbox.Event{
		Provider: "snaptrade", ID: id, Type: "ACCOUNT_HOLDINGS_UPDATED", User: "u", Account: "a", Connection: "c",
		At: time.Date(2026, 1, 15, 15, 30, 0, 0, time.UTC),
	}
}

func put(t *testing.T, b *inbox.Inbox, e inbox.Event) bool {
	t.Helper()
	fresh, err := b.Put(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

// work runs workers until the test ends or the returned function is called.
func work(t *testing.T, b *inbox.Inbox, do inbox.Do) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); b.Work(ctx, "snaptrade", do) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func rows(t *testing.T, db *postgres.DB, where string) int {
	t.Helper()
	var n int
	if err := db.Pool().QueryRow(context.Background(), "select count(*) from inbound_webhooks where "+where).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func waitRows(t *testing.T, db *postgres.DB, where string, want int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for rows(t, db, where) != want {
		if time.Now().After(deadline) {
			t.Fatalf("rows where %s = %d, want %d", where, rows(t, db, where), want)
		}
		<-tick.C
	}
}

func mustExec(t *testing.T, db *postgres.DB, sql string) {
	t.Helper()
	if _, err := db.Pool().Exec(context.Background(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestAWebhookIsStoredOnceWithAllItSaid(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	e := event("w1")
	e.Stale, e.Payload = true, json.RawMessage(`{"a": 1}`)
	if !put(t, b, e) {
		t.Error("the first is not new")
	}
	if put(t, b, e) {
		t.Error("a repeat is new")
	}
	other := e
	other.Provider = "whop"
	if !put(t, b, other) {
		t.Error("the same id of another provider is not new")
	}
	got := make(chan inbox.Event, 1)
	work(t, b, func(_ context.Context, e inbox.Event) error { got <- e; return nil })
	worked := <-got
	if worked.ReceivedAt.IsZero() || worked.Attempt != 1 {
		t.Errorf("received %v, attempt %d", worked.ReceivedAt, worked.Attempt)
	}
	worked.ReceivedAt, worked.Attempt = time.Time{}, 0
	worked.At = worked.At.UTC()
	said, err1 := json.Marshal(worked)
	want, err2 := json.Marshal(e)
	if err1 != nil || err2 != nil || string(said) != string(want) {
		t.Errorf("worked %s, want %s", said, want)
	}
	waitRows(t, db, "state = 'done' and worked_at is not null", 1)
}

// INV-31: any repetition, any number at once: each is new exactly once and there is one row.
func TestRequestsThatShareTransactionsAreEachAnsweredRightly(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	const ids, times = 150, 4
	var fresh [ids]atomic.Int32
	var all sync.WaitGroup
	for i := range ids * times {
		all.Go(func() {
			if put(t, b, event(fmt.Sprint(i%ids))) {
				fresh[i%ids].Add(1)
			}
		})
	}
	all.Wait()
	for i := range fresh {
		if n := fresh[i].Load(); n != 1 {
			t.Errorf("webhook %d was new %d times", i, n)
		}
	}
	if n := rows(t, db, "true"); n != ids {
		t.Errorf("rows = %d, want %d", n, ids)
	}
}

func TestABadEventDoesNotSpoilTheOthersOfItsBatch(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	var all sync.WaitGroup
	var refused atomic.Int32
	for i := range 60 {
		all.Go(func() {
			e := event(fmt.Sprint(i))
			if i%20 == 0 {
				e.Payload = json.RawMessage(`{"zero": "\u0000"}`) // Postgres takes no such text in jsonb
			}
			if _, err := b.Put(context.Background(), e); err != nil {
				refused.Add(1)
			}
		})
	}
	all.Wait()
	if n := rows(t, db, "true"); n != 57 || refused.Load() != 3 {
		t.Errorf("stored %d and refused %d, want 57 and 3", n, refused.Load())
	}
}

func TestWithoutTheDatabaseTheSenderIsToldToRepeat(t *testing.T) {
	t.Parallel()
	db := pgtest.Open(t, pgtest.URL(t))
	b := newInbox(t, db)
	db.Close()
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			if _, err := b.Put(context.Background(), event(fmt.Sprint(i))); !postgres.IsUnavailable(err) {
				t.Errorf("err = %v, want unavailable (503)", err)
			}
		})
	}
	all.Wait()
}

func TestARequestThatLeavesDoesNotWait(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	hold, err := db.Pool().Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(context.Background(), "lock table inbound_webhooks in exclusive mode"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	ctx, leave := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer leave()
	for i := range 5 { // one by itself, the others in the queue
		all.Go(func() {
			if _, err := b.Put(ctx, event(fmt.Sprint(i))); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("err = %v, want the context's", err)
			}
		})
	}
	all.Wait()
	if err := hold.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestClosingKeepsWhatWasTaken(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := inbox.New(inbox.Options{DB: db})
	var all sync.WaitGroup
	var stored atomic.Int32
	for i := range 50 {
		all.Go(func() {
			switch _, err := b.Put(context.Background(), event(fmt.Sprint(i))); {
			case err == nil:
				stored.Add(1)
			case !errors.Is(err, inbox.ErrClosed):
				t.Error(err)
			}
		})
	}
	b.Close()
	all.Wait()
	if n := rows(t, db, "true"); n != int(stored.Load()) {
		t.Errorf("%d were told yes, %d are stored (INV-34)", stored.Load(), n)
	}
}

func TestFailuresAreTriedAgainAndParkedWithTheirReason(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	for _, id := range []string{"flaky", "hopeless", "panics", "down", "worn out"} {
		put(t, b, event(id))
	}
	mustExec(t, db, "update inbound_webhooks set attempts = 9 where webhook_id = 'worn out'")
	work(t, b, func(_ context.Context, e inbox.Event) error {
		switch {
		case e.ID == "flaky" && e.Attempt == 1:
			return errors.New("provider hiccup")
		case e.ID == "hopeless":
			return inbox.Park(errors.New("unknown user"))
		case e.ID == "panics" && e.Attempt == 1:
			panic("boom")
		case e.ID == "down":
			return inbox.Later(time.Hour, errors.New("provider is down"))
		case e.ID == "worn out":
			return errors.New("still no good")
		}
		return nil
	})
	waitRows(t, db, "webhook_id in ('flaky', 'panics') and state = 'done' and attempts = 2 and reason = ''", 2)
	waitRows(t, db, "webhook_id = 'hopeless' and state = 'parked' and reason = 'unknown user' and attempts = 1", 1)
	waitRows(t, db, "webhook_id = 'worn out' and state = 'parked' and reason = 'still no good' and attempts = 10", 1)
	waitRows(t, db, "webhook_id = 'down' and state = 'new' and attempts = 0 and not_before > now() + interval '50 min'", 1)
}

// INV-50: whichever process dies, the row is worked or parked.
func TestTheWorkOfADeadProcessIsTakenOver(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	put(t, b, event("orphan"))
	put(t, b, event("cursed"))
	put(t, b, event("busy elsewhere"))
	mustExec(t, db, `update inbound_webhooks set state = 'working', attempts = 1, not_before = now() - interval '1 s' where webhook_id = 'orphan'`)
	mustExec(t, db, `update inbound_webhooks set state = 'working', attempts = 10, not_before = now() - interval '1 s' where webhook_id = 'cursed'`)
	mustExec(t, db, `update inbound_webhooks set state = 'working', attempts = 1, not_before = now() + interval '1 h' where webhook_id = 'busy elsewhere'`)
	work(t, b, func(_ context.Context, e inbox.Event) error {
		if e.ID != "orphan" {
			return fmt.Errorf("%s was handed out", e.ID)
		}
		return nil
	})
	waitRows(t, db, "webhook_id = 'orphan' and state = 'done' and attempts = 2", 1)
	waitRows(t, db, "webhook_id = 'cursed' and state = 'parked' and reason like 'given up%'", 1)
	waitRows(t, db, "webhook_id = 'busy elsewhere' and state = 'working' and attempts = 1", 1)
}

func TestEachEventIsWorkedByOneOfManyProcesses(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var worked sync.Map
	do := func(_ context.Context, e inbox.Event) error {
		if _, twice := worked.LoadOrStore(e.ID, true); twice {
			t.Errorf("%s was worked twice", e.ID)
		}
		return nil
	}
	in := newInbox(t, db)
	for range 3 {
		work(t, newInbox(t, db), do) // these hear only the NOTIFY
	}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() { put(t, in, event(fmt.Sprint(i))) })
	}
	all.Wait()
	waitRows(t, db, "state = 'done'", 200)
}

func TestStoppingFinishesWhatIsInHand(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	begun, finish := make(chan struct{}), make(chan struct{})
	stop := work(t, b, func(ctx context.Context, _ inbox.Event) error {
		close(begun)
		<-finish
		return ctx.Err()
	})
	put(t, b, event("in hand"))
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Error("stopped while an event was in hand")
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	<-stopped
	waitRows(t, db, "state = 'done'", 1)
}

func TestReasonsAreBounded(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	b := newInbox(t, db)
	put(t, b, event("wordy"))
	put(t, b, event("wordless"))
	work(t, b, func(_ context.Context, e inbox.Event) error {
		if e.ID == "wordless" {
			return inbox.Park(errors.New(""))
		}
		return inbox.Park(errors.New(strings.Repeat("é", 400) + "\x00"))
	})
	waitRows(t, db, "state = 'parked' and length(reason) between 1 and 500", 2)
}

func TestEndedRowsAreRemovedAfter35Days(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	b := newInbox(t, db)
	put(t, b, event("ended"))
	put(t, b, event("open"))
	mustExec(t, db, "update inbound_webhooks set state = 'done', worked_at = now() where webhook_id = 'ended'")
	for _, test := range []struct {
		days int
		want int64
	}{{34, 0}, {36, 1}} {
		if n, err := inbox.Trim(ctx, db, time.Now().AddDate(0, 0, test.days)); err != nil || n != test.want {
			t.Errorf("after %d days removed %d, %v; want %d", test.days, n, err, test.want)
		}
	}
	if rows(t, db, "webhook_id = 'open'") != 1 {
		t.Error("a row that has not ended was removed (INV-50)")
	}
}
