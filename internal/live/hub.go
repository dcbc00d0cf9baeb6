package live

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	pollDefault = 5 * time.Second       // for bells that were lost (rule 18)
	ringEvery   = 50 * time.Millisecond // at most, however much happens
	readPause   = 20 * time.Millisecond // from one read to the next: what a busy moment brings is read together
	readTimeout = 5 * time.Second
)

// Options says what a hub works with.
type Options struct {
	DB         *postgres.DB
	Redis      *redis.Client // nil: without
	Logger     *slog.Logger
	PerUser    int           // open streams of one user in this process; 5 when zero
	PerProcess int           // of all users; 5,000 when zero
	PollEvery  time.Duration // how long a lost bell may delay events; 5 s when zero
}

// Hub reads new events once for this process and hands them to the pages open here.
// The rows are the truth; NOTIFY and a Redis bell only say when to look, and it
// looks by itself every few seconds, so no lost bell loses an event.
type Hub struct {
	db         *postgres.DB
	redis      *redis.Client
	log        *slog.Logger
	now        func() time.Time
	perUser    int
	perProcess int
	pollEvery  time.Duration

	bell chan struct{} // there may be something new
	ring chan struct{} // tell the other processes

	stop  context.CancelFunc
	tasks sync.WaitGroup

	mu       sync.Mutex
	subs     map[uuid.UUID][]*Subscription
	open     int
	closed   bool
	snapshot string // what the last read saw
	readAt   time.Time
}

// NewHub starts a hub; Close ends it.
func NewHub(ctx context.Context, o Options) (*Hub, error) {
	h := &Hub{
		db: o.DB, redis: o.Redis, log: o.Logger, now: time.Now,
		perUser: 5, perProcess: 5000, pollEvery: pollDefault,
		bell: make(chan struct{}, 1), ring: make(chan struct{}, 1),
		subs: make(map[uuid.UUID][]*Subscription),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if o.PerUser > 0 {
		h.perUser = o.PerUser
	}
	if o.PerProcess > 0 {
		h.perProcess = o.PerProcess
	}
	if o.PollEvery > 0 {
		h.pollEvery = o.PollEvery
	}
	err := h.db.Pool().QueryRow(ctx, `select pg_current_snapshot()::text`).Scan(&h.snapshot)
	if err != nil {
		return nil, fmt.Errorf("start live hub: %w", err)
	}
	h.readAt = h.now()
	h.start(context.WithoutCancel(ctx))
	return h, nil
}

func (h *Hub) start(ctx context.Context) {
	ctx, h.stop = context.WithCancel(ctx)
	h.tasks.Go(func() { h.read(ctx) })
	h.tasks.Go(func() {
		h.db.Listen(ctx, channel, func() {
			wake(h.bell)
			wake(h.ring) // for a process whose own LISTEN is broken
		})
	})
	if h.redis != nil {
		h.tasks.Go(func() { h.redis.Listen(ctx, channel, func() { wake(h.bell) }) })
		h.tasks.Go(func() { h.ringOthers(ctx) })
	}
}

// Close ends every stream and waits for the hub's own work.
func (h *Hub) Close() {
	h.stop()
	h.tasks.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, subs := range h.subs {
		for _, s := range subs {
			s.end(ErrClosed)
		}
	}
	h.subs = make(map[uuid.UUID][]*Subscription)
	h.open = 0
}

// Cursor is where a page that is being made should go on. Taken before the page
// reads its rows, nothing falls between those and its first event.
func (h *Hub) Cursor() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return afterAll(h.snapshot, h.readAt).String()
}

// Open tells how many streams are open here.
func (h *Hub) Open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open
}

func wake(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it is ringing already
	}
}

func (h *Hub) ringOthers(ctx context.Context) {
	pause := time.NewTicker(ringEvery)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.ring:
			_ = h.redis.Ring(ctx, channel) // without Redis they poll
		}
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

// read looks for new rows whenever the bell rings and every few seconds.
func (h *Hub) read(ctx context.Context) {
	poll := time.NewTicker(h.pollEvery)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.bell:
		case <-poll.C:
		}
		if err := h.readNew(ctx); err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "live events not read; trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(readPause):
		}
	}
}

// readNew hands out every row that the last read did not see. What one snapshot
// saw and another did not is exact, whatever the order of commits: nothing is
// skipped and nothing handed out twice.
func (h *Hub) readNew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	before, since := h.snapshot, h.readAt // only this goroutine changes them
	now, events, err := query(ctx, h.db, h.now(), `
		e.xid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(e.xid, $1::pg_snapshot)`, before)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.snapshot, h.readAt = now, h.now()
	if wentBack(before, now) || h.readAt.Sub(since) > resumeMax {
		h.resyncAll()
		return nil
	}
	h.handOut(events)
	return nil
}

// wentBack recognises a database restored from an older state: its transactions
// count from lower numbers, and what was seen there says nothing here.
func wentBack(before, now string) bool {
	then, ok1 := parseSnapshot(before)
	current, ok2 := parseSnapshot(now)
	return !ok1 || !ok2 || current.high < then.low
}

func (h *Hub) resyncAll() {
	e := h.resyncEvent()
	for _, subs := range h.subs {
		for _, s := range subs {
			s.push(e)
		}
	}
}

func (h *Hub) resyncEvent() *Event {
	return &Event{ID: afterAll(h.snapshot, h.readAt).String(), Kind: Resync, Data: json.RawMessage(`{}`), At: h.readAt}
}

func (h *Hub) handOut(events []*Event) {
	for _, e := range events {
		if e.user != uuid.Nil {
			for _, s := range h.subs[e.user] {
				s.push(e)
			}
			continue
		}
		for _, subs := range h.subs {
			for _, s := range subs {
				s.push(e)
			}
		}
	}
}

// query reads the snapshot of the statement and the rows it sees that fulfil the
// condition, in the order of their ids.
func query(ctx context.Context, db *postgres.DB, at time.Time, condition string, args ...any) (snapshot string, events []*Event, err error) {
	rows, err := db.Pool().Query(ctx, `
		select s.seen, e.id, e.xid, e.user_id, e.kind, e.data, e.at
		from (select pg_current_snapshot()::text as seen) s left join live_events e on `+condition+`
		order by e.id`, args...)
	if err != nil {
		return "", nil, fmt.Errorf("read live events: %w", err)
	}
	var row struct {
		id   *int64
		xid  *uint64
		user *uuid.UUID
		kind *string
		data []byte
		at   *time.Time
	}
	_, err = pgx.ForEachRow(rows, []any{&snapshot, &row.id, &row.xid, &row.user, &row.kind, &row.data, &row.at}, func() error {
		if row.id == nil {
			return nil // nothing new, only the snapshot
		}
		e := &Event{
			ID: cursor{at: at, row: *row.id, snapshot: snapshot}.String(), Kind: *row.kind,
			Data: append(json.RawMessage(nil), row.data...), At: *row.at, row: *row.id, xid: *row.xid,
		}
		if row.user != nil {
			e.user = *row.user
		}
		events = append(events, e)
		return nil
	})
	if err != nil {
		return "", nil, fmt.Errorf("read live events: %w", err)
	}
	return snapshot, events, nil
}
