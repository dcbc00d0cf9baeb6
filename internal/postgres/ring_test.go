package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/jackc/pgx/v5"
)

// listening hears the bells of a channel; the first one, of the connect, is taken.
func listening(t *testing.T, db *postgres.DB, channel string) <-chan struct{} {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	heard, ended := make(chan struct{}, 100), make(chan struct{})
	go func() {
		defer close(ended)
		db.Listen(ctx, channel, func() { heard <- struct{}{} })
	}()
	t.Cleanup(func() { stop(); <-ended })
	hears(t, heard, "the connect")
	return heard
}

func hears(t *testing.T, heard <-chan struct{}, what string) {
	t.Helper()
	if !hearsWithin(heard, time.Minute) {
		t.Fatalf("no bell for %s", what)
	}
}

func hearsWithin(heard <-chan struct{}, d time.Duration) bool {
	select {
	case <-heard:
		return true
	case <-time.After(d):
		return false
	}
}

// What was undone rings for nobody: the bell that comes is the next one's.
func TestABellRingsForWhatCommitted(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	mustExec(t, db, "create table t (id int)")
	heard := listening(t, db, "done")
	write := func(id int, outcome error) error {
		return db.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "insert into t values ($1)", id); err != nil {
				return err
			}
			b := &pgx.Batch{}
			postgres.QueueRing(ctx, b, "done")
			if b.Len() != 0 {
				t.Error("a bell is a statement of the transaction")
			}
			return errors.Join(postgres.Ring(ctx, tx, "done"), outcome)
		})
	}
	if err := write(1, errRefused); !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	if err := write(2, nil); err != nil {
		t.Fatal(err)
	}
	hears(t, heard, "what committed")
	if n := count(t, db, "t"); n != 1 {
		t.Errorf("%d rows when the bell rang, want the committed one", n)
	}
	if err := write(3, nil); err != nil {
		t.Fatal(err)
	}
	hears(t, heard, "the second commit")
	select {
	case <-heard:
		t.Error("a bell more than there were commits")
	default:
	}
}

// A transaction begun elsewhere rings by itself, alone and in a batch.
func TestABellInAForeignTransactionIsANotify(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	heard := listening(t, db, "foreign")
	err := pgx.BeginFunc(t.Context(), db.Pool(), func(tx pgx.Tx) error { return postgres.Ring(t.Context(), tx, "foreign") })
	if err != nil {
		t.Fatal(err)
	}
	hears(t, heard, "a statement")
	b := &pgx.Batch{}
	postgres.QueueRing(t.Context(), b, "foreign")
	if err := db.Pool().SendBatch(t.Context(), b).Close(); err != nil {
		t.Fatal(err)
	}
	hears(t, heard, "a batch")
}

// However many ring at once, everybody is heard after they did.
func TestManyBellsAreAFewRounds(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	first, second := listening(t, db, "first"), listening(t, db, "second")
	for range 1000 {
		db.Ring("first", "second")
	}
	for name, heard := range map[string]<-chan struct{}{"first": first, "second": second} {
		for tries := 60; !hearsWithin(heard, time.Second); tries-- {
			if tries == 0 {
				t.Fatalf("no bell for the %s channel", name)
			}
			db.Ring(name) // a round that a busy machine has no time for is lost
		}
	}
}

// A connection that was cut while nothing rang costs no bell. A round that a busy machine has no
// time for does, so there is another try, with another cut; one bell more instead would be heard
// also where the cut cost one.
func TestABellRingsOverANewConnection(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	for _, channel := range []string{"first_try", "second_try", "third_try"} {
		if ringsOverACut(t, db, channel) {
			return
		}
	}
	t.Error("a cut costs a bell")
}

func ringsOverACut(t *testing.T, db *postgres.DB, channel string) bool {
	t.Helper()
	heard := listening(t, db, channel)
	db.Ring(channel)
	if !hearsWithin(heard, 20*time.Second) {
		return false
	}
	mustExec(t, db, `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query = 'commit' and pid <> pg_backend_pid()`)
	db.Ring(channel)
	return hearsWithin(heard, 20*time.Second)
}
