// Package jobs is the list of "when this happened, do that".
package jobs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/account"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Options are the rooms the jobs call.
type Options struct {
	DB      *postgres.DB
	Desk    *orders.Desk
	Copier  *copytrade.Copier
	Account *account.Accounts
	Rounds  Rounds
	Observe Observe // may be nil
	// Failed hears of jobs that are not tried again, and of panics; may be nil.
	Failed func(Failure)
	Logger *slog.Logger
}

// How many jobs of a queue one process works at once. A send mostly waits for a
// broker; its real bound is the shared request budget. Exits and cancels have
// workers of their own, so that entries which hang cannot hold them up.
const (
	sendsAtOnce  = 24
	exitsAtOnce  = 64 // each may hang for the 45 s of a claim, and nobody's exit waits for another's broker
	copiesAtOnce = 8
)

// New makes the client that works the queue. One line for each kind of job says
// who listens to it.
func New(o Options) (*river.Client[pgx.Tx], error) {
	return postgres.NewWorkingQueue(o.DB, config(o, rounds()))
}

// config is everything the client knows.
func config(o Options, list []round) *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, &send{desk: o.Desk})
	river.AddWorker(workers, &cancel{desk: o.Desk})
	river.AddWorker(workers, &replace{desk: o.Desk})
	river.AddWorker(workers, &changed{desk: o.Desk, copier: o.Copier})
	river.AddWorker(workers, &execute{copier: o.Copier})
	river.AddWorker(workers, &triggered{copier: o.Copier})
	river.AddWorker(workers, &farewell{account: o.Account})
	river.AddWorker(workers, &emailChanged{account: o.Account})
	addRounds(workers, o.Rounds)
	queues := map[string]int{hourly: 1, roundsQueue: roundsAtOnce, orders.SendQueue: sendsAtOnce, orders.ExitQueue: exitsAtOnce, orders.ChangedQueue: copiesAtOnce}
	cfg := postgres.QueueConfig(queues, workers, o.Logger)
	if o.Observe != nil {
		cfg.Middleware = append(cfg.Middleware, &watch{observe: o.Observe})
	}
	if o.Failed != nil {
		cfg.ErrorHandler = failures{o.Failed}
	}
	for _, r := range list {
		cfg.PeriodicJobs = append(cfg.PeriodicJobs, r.periodic())
	}
	return cfg
}

// Kinds names every job that is worked.
func Kinds() []string {
	all := []river.JobArgs{
		orders.SendJob{}, orders.CancelJob{}, orders.ChangeJob{}, orders.ChangedJob{}, copytrade.ExecuteJob{}, copytrade.TriggerJob{},
		account.FarewellJob{}, account.EmailChangedJob{},
	}
	for _, r := range rounds() {
		all = append(all, r.args)
	}
	names := make([]string, len(all))
	for i, args := range all {
		names[i] = args.Kind()
	}
	return names
}

// hourly is the queue of before, in which a process of the version before puts leaderboards
// while both run.
const hourly = "hourly"

// waiting is snoozed for a bell that may be a second one, which does not wait.
func waiting(bell interface{ Second() bool }, err error) error {
	var again orders.Again
	if bell.Second() && errors.As(err, &again) {
		return nil
	}
	return snoozed(err)
}

// snoozed turns a verb's wish to be called again into the queue's own.
func snoozed(err error) error {
	var again orders.Again
	if errors.As(err, &again) {
		return river.JobSnooze(again.After)
	}
	return err
}

type send struct {
	river.WorkerDefaults[orders.SendJob]
	desk *orders.Desk
}

// Timeout leaves room for the claim's 45 s and the writing of its outcome.
func (w *send) Timeout(*river.Job[orders.SendJob]) time.Duration { return 90 * time.Second }

// Work sends one order.
func (w *send) Work(ctx context.Context, job *river.Job[orders.SendJob]) error {
	return waiting(job.Args, w.desk.Send(ctx, job.Args.OrderID))
}

type cancel struct {
	river.WorkerDefaults[orders.CancelJob]
	desk *orders.Desk
}

// Timeout is that of one request.
func (w *cancel) Timeout(*river.Job[orders.CancelJob]) time.Duration { return 60 * time.Second }

// Work asks the broker to cancel one order.
func (w *cancel) Work(ctx context.Context, job *river.Job[orders.CancelJob]) error {
	return w.desk.SendCancel(ctx, job.Args.OrderID)
}

type replace struct {
	river.WorkerDefaults[orders.ChangeJob]
	desk *orders.Desk
}

// Timeout is that of sending an order, and of the look before it.
func (w *replace) Timeout(*river.Job[orders.ChangeJob]) time.Duration { return 100 * time.Second }

// Work sends one change of a working order.
func (w *replace) Work(ctx context.Context, job *river.Job[orders.ChangeJob]) error {
	return waiting(job.Args, w.desk.SendChange(ctx, job.Args.ChangeID))
}

type changed struct {
	river.WorkerDefaults[orders.ChangedJob]
	desk   *orders.Desk
	copier *copytrade.Copier
}

// Work decides about the copies of an order that filled or ended, then reads
// what its account has left.
func (w *changed) Work(ctx context.Context, job *river.Job[orders.ChangedJob]) error {
	if err := w.copier.OnOrder(ctx, job.Args.OrderID); err != nil {
		return snoozed(err)
	}
	return w.desk.ReadBalance(ctx, job.Args.OrderID)
}

type execute struct {
	river.WorkerDefaults[copytrade.ExecuteJob]
	copier *copytrade.Copier
}

// Work places what was decided about one order of a leader.
func (w *execute) Work(ctx context.Context, job *river.Job[copytrade.ExecuteJob]) error {
	return snoozed(w.copier.Execute(ctx, job.Args.LeaderOrderID))
}

type triggered struct {
	river.WorkerDefaults[copytrade.TriggerJob]
	copier *copytrade.Copier
}

// Work sells what a follower's own bounds have reached.
func (w *triggered) Work(ctx context.Context, _ *river.Job[copytrade.TriggerJob]) error {
	return snoozed(w.copier.PlaceTriggered(ctx))
}

type farewell struct {
	river.WorkerDefaults[account.FarewellJob]
	account *account.Accounts
}

// Timeout leaves room for Whop, and for a trader with many followers.
func (w *farewell) Timeout(*river.Job[account.FarewellJob]) time.Duration { return 5 * time.Minute }

// Work does what follows from a deleted account elsewhere.
func (w *farewell) Work(ctx context.Context, job *river.Job[account.FarewellJob]) error {
	return w.account.Farewell(ctx, job.Args.UserID)
}

type emailChanged struct {
	river.WorkerDefaults[account.EmailChangedJob]
	account *account.Accounts
}

// Timeout is more than one mail may take.
func (w *emailChanged) Timeout(*river.Job[account.EmailChangedJob]) time.Duration { return time.Minute }

// Work tells the mailbox of before, with the way back.
func (w *emailChanged) Work(ctx context.Context, job *river.Job[account.EmailChangedJob]) error {
	return w.account.TellOldMailbox(ctx, job.Args.ChangeID)
}
