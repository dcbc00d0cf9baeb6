package postgres

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// How the job queue behaves (correctness §4). The queue is only a bell: it delivers
// at least once and the rows it points to are the fence.
const (
	fetchCooldown  = 2 * time.Millisecond   // the library's 100 ms would cap a queue at 10 × workers a second
	fetchPoll      = 500 * time.Millisecond // for a lost NOTIFY
	jobTimeout     = 30 * time.Second       // a worker may say otherwise: the placer has 90 s
	rescueAfter    = 2 * time.Minute        // the library's hour is too slow
	softStop       = 50 * time.Second       // requests in flight finish; cut off they would become unknowns
	keepCompleted  = 24 * time.Hour
	keepUnfinished = 7 * 24 * time.Hour
	queueConns     = 6 // to fetch, to complete, to listen
)

// NewQueue makes the client that rooms hold: it can add jobs inside a transaction
// (InsertTx, InsertManyFastTx) and nothing else.
func NewQueue(db *DB) (*river.Client[pgx.Tx], error) {
	client, err := river.NewClient(afterCommit{riverpgxv5.New(db.pool)}, &river.Config{Logger: db.log, Middleware: db.tracedJobs()})
	if err != nil {
		return nil, fmt.Errorf("make job queue: %w", err)
	}
	return client, nil
}

// QueueConfig is what a working client starts from: queues maps each queue's name
// to how many of its jobs may run at once here. The caller adds periodic jobs and
// middleware, then hands it to NewWorkingQueue.
func QueueConfig(queues map[string]int, workers *river.Workers, logger *slog.Logger) *river.Config {
	cfg := &river.Config{
		FetchCooldown:               fetchCooldown,
		FetchPollInterval:           fetchPoll,
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		SoftStopTimeout:             softStop,
		CompletedJobRetentionPeriod: keepCompleted,
		CancelledJobRetentionPeriod: keepUnfinished,
		DiscardedJobRetentionPeriod: keepUnfinished,
		// Rebuilding an index outlasts the pool's statement timeout, and what a cut
		// rebuild leaves behind costs more than bloat: none is rebuilt.
		ReindexerIndexNames: []string{},
		Logger:              logger,
		Workers:             workers,
		Queues:              make(map[string]river.QueueConfig, len(queues)),
	}
	for name, workers := range queues {
		cfg.Queues[name] = river.QueueConfig{MaxWorkers: workers}
	}
	return cfg
}

// NewWorkingQueue makes the client that runs jobs; Start and Stop are the caller's. What it
// writes is that a job was taken, is done, or is to be called again. A crash of the database
// may forget the last of that, and then runs the job once more, which every job bears: the
// rows it points to are the fence. So its sessions wait for no disk. Jobs are added by
// others, in the transactions of what they are about, and are as safe as those are.
func NewWorkingQueue(db *DB, cfg *river.Config) (*river.Client[pgx.Tx], error) {
	cfg.Middleware = append(db.tracedJobs(), cfg.Middleware...)
	pool, err := db.openQueuePool()
	if err != nil {
		return nil, err
	}
	client, err := river.NewClient(riverpgxv5.New(pool), cfg)
	if err != nil {
		return nil, fmt.Errorf("make working job queue: %w", err)
	}
	return client, nil
}

// tracedJobs are what jobs carry their trace by; none while traces are off.
func (db *DB) tracedJobs() []rivertype.Middleware {
	if !db.tracer.On() {
		return nil
	}
	return []rivertype.Middleware{&tracedJobs{tracer: db.tracer}}
}
