package orders

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// Desk takes orders and follows them to their end.
type Desk struct {
	db       *postgres.DB
	held     *positions.Book
	queue    *river.Client[pgx.Tx]
	rules    *risk.Rules
	accounts *brokers.Accounts
	market   *market.Market
	broker   *snaptrade.Client
	alerts   *alerts.Announcer
	gate     *billing.Gate
	clock    *exchange.Clock
	now      func() time.Time
	log      *slog.Logger
	crash    func(point string)
	alarm    func(kind string)
	observe  func(hop Hop, side Side, took time.Duration)
	mayAsk   func(ctx context.Context, user uuid.UUID) bool

	lookUpTime time.Duration
	clockWrong atomic.Bool // off against the database: nothing is sent
	newID      func() uuid.UUID
	odd        oddWords
}

// Options are the parts a Desk works with.
type Options struct {
	DB       *postgres.DB
	Queue    *river.Client[pgx.Tx] // only adds jobs
	Rules    *risk.Rules
	Accounts *brokers.Accounts
	Market   *market.Market
	Broker   *snaptrade.Client
	Alerts   *alerts.Announcer
	Gate     *billing.Gate
	Clock    *exchange.Clock
	Now      func() time.Time
	Logger   *slog.Logger
	Crash    func(point string)                           // development and tests: may end the process at a named point; nil does nothing
	Alarm    func(kind string)                            // counts what an operator must see; nil does nothing
	NewID    func() uuid.UUID                             // of orders; nil: random
	Observe  func(hop Hop, side Side, took time.Duration) // hears how long each hop of an order took; nil does nothing

	LookUpTime time.Duration // how long an order waits for a quote or a balance; 0: lookUpTime

	// MayAsk bounds how often a user's previews ask the broker, out of the request budget that
	// everybody's orders are sent from; beyond it they are estimates. Nil: always.
	MayAsk func(ctx context.Context, user uuid.UUID) bool
}

// New makes a Desk.
func New(o Options) *Desk {
	if o.Crash == nil {
		o.Crash = func(string) {}
	}
	if o.Alarm == nil {
		o.Alarm = func(string) {}
	}
	if o.Observe == nil {
		o.Observe = func(Hop, Side, time.Duration) {}
	}
	if o.NewID == nil {
		o.NewID = uuid.New
	}
	if o.MayAsk == nil {
		o.MayAsk = func(context.Context, uuid.UUID) bool { return true }
	}
	if o.LookUpTime == 0 {
		o.LookUpTime = lookUpTime
	}
	return &Desk{
		db: o.DB, held: positions.New(o.DB), queue: o.Queue, rules: o.Rules, accounts: o.Accounts, market: o.Market, broker: o.Broker,
		alerts: o.Alerts, gate: o.Gate, clock: o.Clock, now: o.Now, log: o.Logger, crash: o.Crash, alarm: o.Alarm, observe: o.Observe, newID: o.NewID, mayAsk: o.MayAsk,
		lookUpTime: o.LookUpTime,
	}
}

// SendJob is the bell for one queued order. The order's row is the fence: a
// job that runs twice, or at the same time, sends once.
type SendJob struct {
	OrderID uuid.UUID `json:"order_id"`
	Exit    bool      `json:"exit,omitempty"`
	Swept   bool      `json:"swept,omitempty"` // see Second
}

// Second reports whether the bell is one of the sweeper's, rung in case the first was
// lost. Where the order has to wait, it ends, and the sweeper rings again: bells that
// all waited would become more and more, and ask the database as often.
func (j SendJob) Second() bool { return j.Swept }

// bell is the job that sends an order.
func bell(o Order) SendJob { return SendJob{OrderID: o.ID, Exit: o.Side == STC} }

// Kind names the job for the queue.
func (SendJob) Kind() string { return "order_send" }

// CancelJob asks the broker to cancel one order.
type CancelJob struct {
	OrderID uuid.UUID `json:"order_id"`
}

// Kind names the job for the queue.
func (CancelJob) Kind() string { return "order_cancel" }

// ChangeJob is the bell for one queued change of a working order.
type ChangeJob struct {
	ChangeID uuid.UUID `json:"change_id"`
	Exit     bool      `json:"exit,omitempty"`
	Swept    bool      `json:"swept,omitempty"`
}

// Second is that of SendJob.
func (j ChangeJob) Second() bool { return j.Swept }

// Kind names the job for the queue.
func (ChangeJob) Kind() string { return "order_replace" }

// InsertOpts puts changes beside the sends of their side.
func (j ChangeJob) InsertOpts() river.InsertOpts { return SendJob{Exit: j.Exit}.InsertOpts() }

// ChangedJob says that an order filled or ended, for whoever repeats trades.
type ChangedJob struct {
	OrderID uuid.UUID `json:"order_id"`
	Entry   bool      `json:"entry,omitempty"` // what follows a buy may wait for what follows a sell
}

func (o Order) changed() ChangedJob { return ChangedJob{OrderID: o.ID, Entry: o.Side == BTO} }

// Kind names the job for the queue.
func (ChangedJob) Kind() string { return "order_changed" }

// Queue names.
const (
	SendQueue    = "orders"
	ExitQueue    = "exits" // sells and cancels: entries that hang take none of their workers
	ChangedQueue = "copies"
)

// InsertOpts puts sends into their own queues, with their own workers.
func (j SendJob) InsertOpts() river.InsertOpts {
	if j.Exit {
		return river.InsertOpts{Queue: ExitQueue}
	}
	return river.InsertOpts{Queue: SendQueue}
}

// InsertOpts puts cancels beside exits.
func (CancelJob) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: ExitQueue} }

// InsertOpts keeps fan-outs from standing before sends, and buys before sells: who copies
// gets out before others get in.
func (j ChangedJob) InsertOpts() river.InsertOpts {
	opts := river.InsertOpts{Queue: ChangedQueue, Priority: river.PriorityDefault}
	if j.Entry {
		opts.Priority++ // the higher, the later
	}
	return opts
}
