// Package inbox keeps verified webhooks until they are worked, each once.
package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	channel = "inbox" // of NOTIFY

	batchMax     = 500              // rows of one statement
	committers   = 2                // one batch forms and travels while another is on its way to disk
	putTimeout   = 5 * time.Second  // of one statement; the sender repeats what took longer
	pollEvery    = 2 * time.Second  // for bells that were lost
	workTimeout  = 30 * time.Second // of one piece of work
	claimFor     = 45 * time.Second // after which somebody else takes it: its worker must have died
	slotsDefault = 8                // pieces of work of one provider at once, in one process
	attemptsMax  = 10
	reasonMax    = 500 // bytes of an error kept with the row
	keepRows     = 35 * 24 * time.Hour
)

// ErrClosed says that the inbox takes nothing more: this process is stopping.
var ErrClosed = errors.New("inbox closed")

// Event is a verified webhook. Provider and ID together name it for ever.
type Event struct {
	Provider   string // such as "snaptrade"
	ID         string
	Type       string
	User       string          // as the provider names them; empty where it does not
	Account    string          //
	Connection string          //
	At         time.Time       // when it happened, by the provider's clock; zero where unknown
	Stale      bool            // too old to prove anything: a hint only
	Payload    json.RawMessage // nil when the worker reads everything from the provider

	ReceivedAt time.Time // set for the worker
	Attempt    int       // set for the worker: 1, 2, …

	claim int // which of the row's claims this is
}

// Options says what an inbox works with.
type Options struct {
	DB     *postgres.DB
	Logger *slog.Logger
	Slots  int // pieces of work of one provider at once, in this process; 8 when zero
}

// Inbox is the table of webhooks, seen from one process: Put takes them in, Work
// hands them out.
type Inbox struct {
	db    *postgres.DB
	log   *slog.Logger
	slots int

	stop   context.CancelFunc // of the listener
	ctx    context.Context    //nolint:containedctx // the listener's life is the inbox's
	tasks  sync.WaitGroup
	listen sync.Once

	mu      sync.Mutex
	closed  bool
	queue   []*waiting
	busy    int // batches on their way
	workers map[chan struct{}]bool
}

// New makes an inbox; Close ends it.
func New(o Options) *Inbox {
	b := &Inbox{db: o.DB, log: o.Logger, slots: slotsDefault, workers: make(map[chan struct{}]bool)}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if o.Slots > 0 {
		b.slots = o.Slots
	}
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// Close takes nothing more and waits for what was taken. End Work's contexts first.
func (b *Inbox) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.stop()
	b.tasks.Wait()
}
