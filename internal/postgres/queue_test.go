package postgres_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/jackc/pgx/v5"
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
	rang := make(chan string, 2)
	workers := river.NewWorkers()
	river.AddWorker(workers, &bellWorker{rang: rang})
	cfg := postgres.QueueConfig(map[string]int{river.QueueDefault: 2}, workers, slog.New(slog.DiscardHandler))
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

	refused := db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := add.InsertTx(ctx, tx, bell{Order: "undone"}, nil); err != nil {
			return err
		}
		return errRefused
	})
	kept := db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := add.InsertTx(ctx, tx, bell{Order: "kept"}, nil)
		return err
	})
	if refused == nil || kept != nil {
		t.Fatalf("refused %v, kept %v", refused, kept)
	}
	select {
	case order := <-rang:
		if order != "kept" {
			t.Errorf("rang for %q, whose transaction was undone", order)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the bell did not ring")
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
