// Package copytrade repeats a trader's trades for the followers who asked for it.
package copytrade

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
)

// Copier decides about copies and places them.
type Copier struct {
	db     *postgres.DB
	queue  *river.Client[pgx.Tx]
	desk   *orders.Desk
	rules  *risk.Rules
	market *market.Market
	alerts *alerts.Announcer
	gate   *billing.Gate
	clock  *exchange.Clock
	now    func() time.Time
	log    *slog.Logger
	crash  func(point string)
	count  func(event string)
	random io.Reader

	slice       int // followers decided about at once, at first
	markTime    time.Duration
	paperCounts bool
	forecast    func(ctx context.Context, within time.Duration, most int) ([]time.Duration, error)
}

// Options are the parts a Copier works with.
type Options struct {
	DB     *postgres.DB
	Queue  *river.Client[pgx.Tx]
	Desk   *orders.Desk
	Rules  *risk.Rules
	Market *market.Market
	Alerts *alerts.Announcer
	Gate   *billing.Gate
	Clock  *exchange.Clock
	Now    func() time.Time
	Logger *slog.Logger
	Random io.Reader          // of the seeds of lines; crypto/rand's when nil
	Crash  func(point string) // development and tests: may end the process at a named point; nil does nothing
	Count  func(event string) // counts what sold copies by itself; nil does nothing

	MarkTime time.Duration // how long a decision waits for quotes of what is held; 0: markTime

	// PaperCounts lets what was made in paper accounts of brokers count in a trader's
	// figures: development has no others.
	PaperCounts bool

	// Forecast says when the request budget lets further copied entries out, at most
	// so many within a time; nil is a program without one, whose entries never wait.
	Forecast func(ctx context.Context, within time.Duration, most int) ([]time.Duration, error)
}

// New makes a Copier.
func New(o Options) *Copier {
	if o.Count == nil {
		o.Count = func(string) {}
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Crash == nil {
		o.Crash = func(string) {}
	}
	if o.MarkTime == 0 {
		o.MarkTime = markTime
	}
	return &Copier{
		db: o.DB, queue: o.Queue, desk: o.Desk, rules: o.Rules, market: o.Market, alerts: o.Alerts, gate: o.Gate,
		clock: o.Clock, now: o.Now, log: o.Logger, crash: o.Crash, count: o.Count, forecast: o.Forecast, random: o.Random,
		paperCounts: o.PaperCounts, slice: decideSlice, markTime: o.MarkTime,
	}
}

// ExecuteJob places what was decided about one order of a leader.
type ExecuteJob struct {
	LeaderOrderID uuid.UUID `json:"leader_order_id"`
}

// Kind names the job for the queue.
func (ExecuteJob) Kind() string { return "copy_execute" }

// InsertOpts puts copies behind a trader's own orders, in a queue of their own.
func (ExecuteJob) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: orders.ChangedQueue}
}
