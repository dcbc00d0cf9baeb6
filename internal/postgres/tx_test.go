package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var errRefused = errors.New("refused")

func TestAnErrorLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.Empty(t)
	mustExec(t, db, "create table t (id int)")

	err := db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into t values (1)"); err != nil {
			return err
		}
		return errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Fatalf("err = %v, want the function's own", err)
	}
	if n := count(t, db, "t"); n != 0 {
		t.Errorf("rows = %d after a refusal, want none (INV-35)", n)
	}
}

func TestTransientRacesRunAgainAtMostThreeTimes(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	for _, test := range []struct {
		code string
		opts []postgres.TxOption
		want int
	}{
		{"40001", nil, 4}, {"40P01", nil, 4}, {"55P03", nil, 4}, {"23505", nil, 1}, {"57014", nil, 1},
		{"40001", []postgres.TxOption{postgres.NoRetry()}, 1},
	} {
		runs := 0
		err := db.InTx(context.Background(), func(context.Context, pgx.Tx) error {
			runs++
			return &pgconn.PgError{Code: test.code}
		}, test.opts...)
		if err == nil || runs != test.want {
			t.Errorf("%s with %d options ran %d times (%v), want %d", test.code, len(test.opts), runs, err, test.want)
		}
	}
}

func TestADeadlockIsSurvived(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.Empty(t)
	mustExec(t, db, "create table t (id int primary key, n int)")
	mustExec(t, db, "insert into t values (1, 0), (2, 0)")

	var both sync.WaitGroup
	both.Add(2)
	lock := func(first, second int) error {
		tried := false
		return db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "update t set n = n + 1 where id = $1", first); err != nil {
				return err
			}
			if !tried { // both hold their first row before either asks for its second
				tried = true
				both.Done()
				both.Wait()
			}
			_, err := tx.Exec(ctx, "update t set n = n + 1 where id = $1", second)
			return err
		})
	}
	done := make(chan error, 1)
	go func() { done <- lock(1, 2) }()
	if err := errors.Join(lock(2, 1), <-done); err != nil {
		t.Fatal(err)
	}
	var sum int
	if err := db.Pool().QueryRow(ctx, "select sum(n) from t").Scan(&sum); err != nil || sum != 4 {
		t.Errorf("sum = %d, %v; want both transactions once each", sum, err)
	}
}

func TestTheDoorsSayWhoActs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.Empty(t)
	user := uuid.New()
	hostile := `job'; drop table x; --\'`
	for _, test := range []struct {
		name        string
		run         func(postgres.TxFunc) error
		actor, user string
	}{
		{"user", func(fn postgres.TxFunc) error { return db.As(ctx, user, fn) }, "user", user.String()},
		{"job", func(fn postgres.TxFunc) error { return db.AsSystem(ctx, "job:send_order", fn) }, "job:send_order", ""},
		{"quoted", func(fn postgres.TxFunc) error { return db.AsSystem(ctx, hostile, fn) }, hostile, ""},
	} {
		var actor, user string
		err := test.run(func(ctx context.Context, tx pgx.Tx) error {
			return tx.QueryRow(ctx, "select current_setting('app.actor'), current_setting('app.user_id')").Scan(&actor, &user)
		})
		if err != nil || actor != test.actor || user != test.user {
			t.Errorf("%s: actor %q user %q (%v), want %q %q", test.name, actor, user, err, test.actor, test.user)
		}
	}
	var after string
	err := db.Pool().QueryRow(ctx, "select coalesce(current_setting('app.user_id', true), '')").Scan(&after)
	if err != nil || after != "" {
		t.Errorf("after the transaction app.user_id = %q, %v; want it gone", after, err)
	}
}

func TestAsGivesUpTheProgramsRights(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := pgtest.EmptyURL(t)
	admin := pgtest.Open(t, url)
	role := "people_" + uuid.NewString()[:8]
	mustExec(t, admin, "create role "+role)
	t.Cleanup(func() { mustExec(t, admin, "drop role "+role) })
	db, err := postgres.Open(ctx, postgres.Options{URL: url, RestrictRole: role, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)

	var inside, outside string
	err = db.As(ctx, uuid.New(), func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select current_user").Scan(&inside)
	})
	if err != nil || inside != role {
		t.Errorf("inside: %q, %v; want %q", inside, err, role)
	}
	if err := db.Pool().QueryRow(ctx, "select current_user").Scan(&outside); err != nil || outside == role {
		t.Errorf("outside: %q, %v; want the program's own again", outside, err)
	}
	var reading string
	err = db.ReadAs(ctx, uuid.New(), func(b *pgx.Batch) {
		b.Queue("select current_user").QueryRow(func(row pgx.Row) error { return row.Scan(&reading) })
	})
	if err != nil || reading != role {
		t.Errorf("reading: %q, %v; want %q", reading, err, role)
	}
}

// What one message reads knows whose it is, writes nothing, and leaves its
// connection, the only one here, as it was, whatever became of it.
func TestReadingAsSomebodyLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	ctx, user := context.Background(), uuid.New()
	url := pgtest.EmptyURL(t)
	mustExec(t, pgtest.Open(t, url), "create table t (id int)")
	db, err := postgres.Open(ctx, postgres.Options{URL: url, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	settings := func() (actor, owner string) {
		err := db.Pool().QueryRow(ctx, "select coalesce(current_setting('app.actor', true), ''), coalesce(current_setting('app.user_id', true), '')").Scan(&actor, &owner)
		if err != nil {
			t.Fatal(err)
		}
		return actor, owner
	}
	refusal := errors.New("refused")
	for what, want := range map[string]struct {
		sql  string
		read func(row pgx.Row) error
		is   func(error) bool
	}{
		"what it asks for": {"select current_setting('app.user_id')", func(row pgx.Row) error {
			var owner string
			err := row.Scan(&owner)
			if owner != user.String() {
				t.Errorf("it is read as %q", owner)
			}
			return err
		}, func(err error) bool { return err == nil }},
		"a refusal": {"select 1", func(pgx.Row) error { return refusal }, func(err error) bool { return errors.Is(err, refusal) }},
		"a fault":   {"select 1 / 0", func(row pgx.Row) error { return row.Scan(new(int)) }, func(err error) bool { return err != nil }},
		"a write":   {"insert into t values (1) returning id", func(row pgx.Row) error { return row.Scan(new(int)) }, func(err error) bool { return err != nil }},
	} {
		err := db.ReadAs(ctx, user, func(b *pgx.Batch) { b.Queue(want.sql).QueryRow(want.read) })
		if !want.is(err) {
			t.Errorf("%s: %v", what, err)
		}
		if actor, owner := settings(); actor != "" || owner != "" {
			t.Errorf("after %s the connection is still %q for %q", what, actor, owner)
		}
	}
}

func TestUniqueViolationsAreKnownByTheirName(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	mustExec(t, db, "create table t (id int constraint t_once unique, n int constraint t_small check (n < 10))")
	mustExec(t, db, "insert into t values (1, 1)")
	_, twice := db.Pool().Exec(context.Background(), "insert into t values (1, 1)")
	_, big := db.Pool().Exec(context.Background(), "insert into t values (2, 11)")

	if !postgres.IsUnique(twice, "t_once") || !postgres.IsUnique(twice, "") || postgres.IsUnique(twice, "t_small") || postgres.IsUnique(big, "") {
		t.Errorf("IsUnique misjudges %v or %v", twice, big)
	}
	if !postgres.IsCheck(big, "t_small") || postgres.IsCheck(twice, "") {
		t.Errorf("IsCheck misjudges %v or %v", twice, big)
	}
}

func TestATradingSwitchWaitsForClaims(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.Empty(t)
	err := db.InTx(ctx, func(ctx context.Context, claim pgx.Tx) error {
		if err := share(ctx, claim, "trading"); err != nil {
			return err
		}
		return db.InTx(ctx, func(ctx context.Context, other pgx.Tx) error {
			if err := share(ctx, other, "trading"); err != nil {
				return err
			}
			got, err := postgres.TryLock(ctx, other, "trading")
			if got {
				t.Error("the switch was turned while a claim was open (INV-36)")
			}
			if free, _ := postgres.TryLock(ctx, other, "something else"); !free {
				t.Error("locks of different names exclude each other")
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return postgres.Lock(ctx, tx, "trading") })
	if err != nil {
		t.Errorf("lock after the claims ended: %v", err)
	}
}

func share(ctx context.Context, tx pgx.Tx, name string) error {
	batch := &pgx.Batch{}
	postgres.QueueLockShared(batch, name)
	return tx.SendBatch(ctx, batch).Close()
}

func mustExec(t *testing.T, db *postgres.DB, sql string) {
	t.Helper()
	if _, err := db.Pool().Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func count(t *testing.T, db *postgres.DB, table string) int {
	t.Helper()
	var n int
	if err := db.Pool().QueryRow(context.Background(), "select count(*) from "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A note waits for no disk, and whoever has the connection next does again.
func TestANoteAloneWaitsForNoDisk(t *testing.T) {
	t.Parallel()
	db := pgtest.Empty(t)
	mustExec(t, db, `create table notes (commits text check (commits <> ''))`)
	if err := db.Note(t.Context(), `insert into notes select $1 || current_setting('synchronous_commit')`, "waits: "); err != nil {
		t.Fatal(err)
	}
	if err := db.Note(t.Context(), `insert into notes values ('')`); !postgres.IsCheck(err, "") {
		t.Errorf("a note that the table refuses: %v", err)
	}
	var noted, after string
	if err := db.Pool().QueryRow(t.Context(), `select string_agg(commits, ','), current_setting('synchronous_commit') from notes`).Scan(&noted, &after); err != nil {
		t.Fatal(err)
	}
	if noted != "waits: off" || after != "on" {
		t.Errorf("noted %q, afterwards %q", noted, after)
	}
}
