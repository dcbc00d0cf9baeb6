package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/postgres"
)

// Rounds is what happens by itself at a pace, once in each period whatever the number of
// processes. Each is safe to run twice.
type Rounds struct {
	SyncOrders func(context.Context) error // looks at what works at brokers
	Rank       func(context.Context) error // makes the hour's leaderboards
	CleanUp    func(context.Context) error // removes what nobody can ask for any more
	WarmCache  func(context.Context) error // reads what many are about to ask for
	Examine    func(context.Context) error // holds the data against the invariants
}

// roundsQueue is the queue of the rounds, roundsAtOnce how many of them one process runs.
const (
	roundsQueue  = "rounds"
	roundsAtOnce = 2
)

// round is one line of the list: what outside schedulers call it, and how often it is due.
// The one of a period is made at its beginning, or when somebody asks for it before.
type round struct {
	name string // as in /api/cron/{name}; empty: nobody outside asks for it, nor does a start
	args river.JobArgs
	pace time.Duration
	most int // attempts; 0: as many as roundAttempts
}

// roundAttempts is how often a round is tried that fails.
const roundAttempts = 5

// ExamineEvery is how often the data are held against the invariants, which reads all of them:
// once, whatever comes of it, and not while the market is open.
const ExamineEvery = 4 * time.Hour

// NextExamination is when they are after a time, given when the market is open.
func NextExamination(after time.Time, open func(time.Time) bool) time.Time {
	next := beginningOf(ExamineEvery).Next(after)
	for range 24 * time.Hour / ExamineEvery { // no session lasts a day
		if !open(next) {
			break
		}
		next = next.Add(ExamineEvery)
	}
	return next
}

func rounds() []round {
	return []round{
		{name: "sync-orders", args: syncOrders{}, pace: 5 * time.Minute},
		{name: "update-leaderboard", args: leaderboard{}, pace: time.Hour},
		{name: "cleanup-expired", args: cleanUp{}, pace: 10 * time.Minute},
		{name: "warm-cache", args: warmCache{}, pace: 5 * time.Minute},
		{args: examine{}, pace: ExamineEvery, most: 1},
	}
}

// opts make one job of all that are asked for in a period, by whichever process.
func (r round) opts() *river.InsertOpts {
	return &river.InsertOpts{Queue: roundsQueue, MaxAttempts: cmp.Or(r.most, roundAttempts), UniqueOpts: river.UniqueOpts{ByPeriod: r.pace}}
}

// periodic is the round as River rings it: in one process of the cluster, and once more when
// that one starts, so that what was missed is made up for.
func (r round) periodic() *river.PeriodicJob {
	return river.NewPeriodicJob(beginningOf(r.pace), func() (river.JobArgs, *river.InsertOpts) { return r.args, r.opts() },
		&river.PeriodicJobOpts{RunOnStart: r.name != ""})
}

// beginningOf is the schedule of full periods, such as full hours.
type beginningOf time.Duration

// Next is the beginning of the period after a time.
func (p beginningOf) Next(now time.Time) time.Time {
	return now.Truncate(time.Duration(p)).Add(time.Duration(p))
}

// ErrUnknown says that there is no round of that name.
var ErrUnknown = errors.New("there is no such job")

// Asked is what became of asking for a round.
type Asked struct {
	Job   string `json:"job"`   // the name it was asked for by
	Kind  string `json:"kind"`  // the name of its kind in the queue
	JobID string `json:"jobId"` // of the one that was put into the queue, or is there of this period already
	// Enqueued tells whether it was put there now; false: it has its turn, or had it, in this period.
	Enqueued bool `json:"enqueued"`
}

// Ask puts a round into the queue as if its time had come, and has committed that when it
// answers. Of all who ask within its period one makes a job. The error may be ErrUnknown.
func Ask(ctx context.Context, db *postgres.DB, queue *river.Client[pgx.Tx], name string) (Asked, error) {
	return ask(ctx, db, queue, rounds(), name)
}

func ask(ctx context.Context, db *postgres.DB, queue *river.Client[pgx.Tx], list []round, name string) (a Asked, err error) {
	i := slices.IndexFunc(list, func(r round) bool { return r.name == name })
	if i < 0 || name == "" {
		return Asked{}, ErrUnknown
	}
	r := list[i]
	err = db.AsSystem(ctx, "cron", func(ctx context.Context, tx pgx.Tx) error {
		made, err := queue.InsertTx(ctx, tx, r.args, r.opts())
		if err != nil {
			return err
		}
		a = Asked{Job: name, Kind: r.args.Kind(), JobID: strconv.FormatInt(made.Job.ID, 10), Enqueued: !made.UniqueSkippedAsDuplicate}
		return nil
	})
	if err != nil {
		return Asked{}, fmt.Errorf("ask for %s: %w", name, err)
	}
	return a, nil
}

// addRounds says who works them.
func addRounds(workers *river.Workers, do Rounds) {
	river.AddWorker(workers, &roundWorker[syncOrders]{do: do.SyncOrders, within: time.Minute})
	river.AddWorker(workers, &roundWorker[leaderboard]{do: do.Rank, within: 90 * time.Second})
	river.AddWorker(workers, &roundWorker[cleanUp]{do: do.CleanUp, within: 5 * time.Minute})
	river.AddWorker(workers, &roundWorker[warmCache]{do: do.WarmCache, within: time.Minute})
	river.AddWorker(workers, &roundWorker[examine]{do: do.Examine, within: 20 * time.Minute})
}

type roundWorker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	do     func(context.Context) error
	within time.Duration
}

// Timeout is that of its statements and calls, and some more.
func (w *roundWorker[T]) Timeout(*river.Job[T]) time.Duration { return w.within }

// Work goes the round.
func (w *roundWorker[T]) Work(ctx context.Context, _ *river.Job[T]) error { return w.do(ctx) }

type (
	syncOrders  struct{}
	leaderboard struct{}
	cleanUp     struct{}
	warmCache   struct{}
	examine     struct{}
)

// Kind names the job.
func (syncOrders) Kind() string { return "sync_orders" }

// Kind names the job.
func (leaderboard) Kind() string { return "leaderboard" }

// Kind names the job.
func (cleanUp) Kind() string { return "clean_up" }

// Kind names the job.
func (warmCache) Kind() string { return "warm_cache" }

// Kind names the job.
func (examine) Kind() string { return "examine" }
