package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
)

type bell struct {
	Order string `json:"order"`
}

func (bell) Kind() string { return "test_bell" }

type bellWorker struct {
	river.WorkerDefaults[bell]

	rang chan string
}

func (w *bellWorker) Work(_ context.Context, job *river.Job[bell]) error {
	w.rang <- job.Args.Order
	return nil
}

func TestAJobRidesInItsTransaction(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	add, err := postgres.NewQueue(db)
	if err != nil {
		t.Fatal(err)
	}
	rang := make(chan string, 100)
	workers := river.NewWorkers()
	river.AddWorker(workers, &bellWorker{rang: rang})
	cfg := postgres.QueueConfig(map[string]int{river.QueueDefault: 2}, workers, slog.New(slog.DiscardHandler))
	cfg.TestOnly, cfg.FetchPollInterval = true, time.Hour // only a bell tells it of a job
	work, err := postgres.NewWorkingQueue(db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := work.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := work.Stop(ctx); err != nil {
			t.Error(err)
		}
	})

	place := func(order string, outcome error) error {
		return db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := add.InsertTx(ctx, tx, bell{Order: order}, nil)
			return errors.Join(err, outcome)
		})
	}
	refused, kept := place("undone", errRefused), place("kept", nil)
	if refused == nil || kept != nil {
		t.Fatalf("refused %v, kept %v", refused, kept)
	}
	for end := time.After(time.Minute); ; {
		select {
		case order := <-rang:
			if order != "kept" {
				t.Errorf("rang for %q, whose transaction was undone", order)
			}
			return
		case <-time.After(time.Second): // it may not have listened yet when the first rang
			if err := place("kept", nil); err != nil {
				t.Fatal(err)
			}
		case <-end:
			t.Fatal("the bell did not ring")
		}
	}
}

// Correctness §4: what a crash and a deploy rely on.
func TestQueueSettings(t *testing.T) {
	t.Parallel()
	cfg := postgres.QueueConfig(map[string]int{"orders": 7}, river.NewWorkers(), slog.New(slog.DiscardHandler))
	if cfg.RescueStuckJobsAfter != 2*time.Minute || cfg.SoftStopTimeout != 50*time.Second || cfg.JobTimeout != 30*time.Second {
		t.Errorf("rescue %s, soft stop %s, timeout %s", cfg.RescueStuckJobsAfter, cfg.SoftStopTimeout, cfg.JobTimeout)
	}
	if cfg.FetchCooldown > 5*time.Millisecond || cfg.Queues["orders"].MaxWorkers != 7 {
		t.Errorf("cooldown %s, workers %d", cfg.FetchCooldown, cfg.Queues["orders"].MaxWorkers)
	}
}

// listened notes whether a transaction notifies by itself.
type listened struct {
	pgx.Tx

	notifies int
}

func (l *listened) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if strings.Contains(sql, "pg_notify") {
		l.notifies++
	}
	return l.Tx.Exec(ctx, sql, args...)
}

// Who waits for the commit of what adds a job must not wait for those whom the job wakes:
// they hear of it after the commit, each time, and never of what was undone.
func TestWorkersHearOfAJobAfterItsCommit(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	add, err := postgres.NewQueue(db)
	if err != nil {
		t.Fatal(err)
	}
	heard := listening(t, db, "public.river_insert")
	place := func(outcome error) error {
		return db.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
			l := &listened{Tx: tx}
			if _, err := add.InsertTx(ctx, l, bell{}, nil); err != nil {
				return err
			}
			if l.notifies != 0 {
				t.Error("the transaction that adds a job wakes the workers")
			}
			return outcome
		})
	}
	if err := place(errRefused); !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	if err := place(nil); err != nil {
		t.Fatal(err)
	}
	hears(t, heard, "the job")
	select {
	case <-heard:
		t.Error("a bell more than there were commits")
	default:
	}
}

// A transaction begun elsewhere does not ring for what it adds, so the queue does.
func TestAJobInAForeignTransactionNotifies(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	add, err := postgres.NewQueue(db)
	if err != nil {
		t.Fatal(err)
	}
	heard := listening(t, db, "public.river_insert")
	err = pgx.BeginFunc(t.Context(), db.Pool(), func(tx pgx.Tx) error {
		_, err := add.InsertTx(t.Context(), tx, bell{}, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	hears(t, heard, "the job")
}

// What the working client writes is forgotten by a crash at worst; what it works on is not.
func TestOnlyTheQueueItselfWaitsForNoDisk(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := pgtest.New(t)
	var at struct{ queue, job string }
	worked := make(chan error, 1)
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, _ *river.Job[bell]) error {
		err := db.Pool().QueryRow(ctx, `show synchronous_commit`).Scan(&at.job)
		worked <- err
		return err
	}))
	cfg := postgres.QueueConfig(map[string]int{river.QueueDefault: 1}, workers, slog.New(slog.DiscardHandler))
	cfg.TestOnly = true
	work, err := postgres.NewWorkingQueue(db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := work.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := work.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if _, err := work.Insert(ctx, bell{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-worked; err != nil {
		t.Fatal(err)
	}
	tx, err := work.Driver().GetExecutor().Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = work.Driver().UnwrapTx(tx).QueryRow(ctx, `show synchronous_commit`).Scan(&at.queue)
	if err := errors.Join(err, tx.Rollback(ctx)); err != nil {
		t.Fatal(err)
	}
	if at.queue != "off" || at.job != "on" {
		t.Errorf("synchronous_commit is %s in the queue's sessions, %s in those of its jobs", at.queue, at.job)
	}
}

// What runs for a person adds jobs, and sees and changes none that another has added.
func TestAMemberSeesNoJobOfOthers(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	add, err := postgres.NewQueue(db)
	if err != nil {
		t.Fatal(err)
	}
	ava, ben := member(t, db, "ava"), member(t, db, "ben")
	for range 2 { // the second time with what the library does about one that is there already
		for _, who := range []uuid.UUID{ava, ben} {
			err := db.As(ctx, who, func(ctx context.Context, tx pgx.Tx) error {
				_, err := add.InsertTx(ctx, tx, bell{Order: who.String()}, &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}})
				return err
			})
			if err != nil {
				t.Fatalf("add a job: %v", err)
			}
		}
	}
	if err := db.AsSystem(ctx, "job:test", func(ctx context.Context, tx pgx.Tx) error {
		_, err := add.InsertTx(ctx, tx, bell{Order: "of nobody"}, nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var all, hers int
	if err := db.Pool().QueryRow(ctx, `select count(*) from river_job`).Scan(&all); err != nil || all != 3 {
		t.Errorf("%d jobs wait, %v, want one of each and one of nobody", all, err)
	}
	err = db.As(ctx, ava, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select count(*) from river_job where kind = 'test_bell'`).Scan(&hers)
	})
	if err != nil || hers != 1 {
		t.Errorf("ava sees %d jobs, %v, want her own", hers, err)
	}
	for _, sql := range []string{
		`update river_job set state = 'cancelled'`, `update river_job set args = '{}'`, `delete from river_job`,
		`insert into river_job (kind, args, max_attempts, by_user) values ('test_bell', '{}', 1, '` + ben.String() + `')`,
		`insert into river_job (kind, args, max_attempts, by_user) values ('test_bell', '{}', 1, null)`,
		`insert into river_job (kind, args, max_attempts, state, finalized_at) values ('test_bell', '{}', 1, 'completed', now())`,
	} {
		err := db.As(ctx, ava, func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, sql); return err })
		if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("%s: %v, want a refusal", sql, err)
		}
	}
	var changed int64
	err = db.As(ctx, ava, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update river_job set kind = 'test_bell'`)
		changed = tag.RowsAffected()
		return err
	})
	if err != nil || changed != 1 {
		t.Errorf("everybody's jobs were named anew: %d, %v", changed, err)
	}
}
