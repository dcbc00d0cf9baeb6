package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/jackc/pgx/v5"
)

// waiting is one request whose event goes into the next batch.
type waiting struct {
	event  Event
	result chan result // buffered: a request that has left stops nobody
}

type result struct {
	fresh bool
	err   error
}

// Put stores the event durably and tells whether it is new. A repeated id changes
// nothing and is no error. What arrives while others are being committed goes into
// the next commit together; alone it goes by itself, at once. When ctx ends first
// the event may or may not be stored, and the sender repeats it. The error is
// postgres.ErrUnavailable when the database is away.
func (b *Inbox) Put(ctx context.Context, e Event) (fresh bool, err error) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false, ErrClosed
	}
	if b.busy == 0 && len(b.queue) == 0 {
		b.busy++
		b.tasks.Add(1)
		b.mu.Unlock()
		defer b.handOver()
		return b.putAlone(ctx, e)
	}
	w := &waiting{event: e, result: make(chan result, 1)}
	b.queue = append(b.queue, w)
	if b.busy < committers {
		b.busy++
		b.tasks.Add(1)
		go b.commitQueue()
	}
	b.mu.Unlock()
	select {
	case r := <-w.result:
		return r.fresh, r.err
	case <-ctx.Done():
		return false, fmt.Errorf("store webhook %s/%s: %w", e.Provider, e.ID, ctx.Err())
	}
}

// handOver ends a lone commit: what queued meanwhile goes to a committer.
func (b *Inbox) handOver() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 {
		go b.commitQueue()
		return
	}
	b.busy--
	b.tasks.Done()
}

// commitQueue commits batch after batch until nothing waits.
func (b *Inbox) commitQueue() {
	defer b.tasks.Done()
	for {
		b.mu.Lock()
		n := min(len(b.queue), batchMax)
		if n == 0 {
			b.busy--
			b.mu.Unlock()
			return
		}
		batch := b.queue[:n:n]
		b.queue = b.queue[n:]
		b.mu.Unlock()
		b.putTogether(batch)
	}
}

// putAlone and putTogether ring once for each commit, when that is over.
func (b *Inbox) putAlone(ctx context.Context, e Event) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	tag, err := b.db.Pool().Exec(ctx, `
		insert into inbound_webhooks
			(provider, webhook_id, event_type, user_ref, account_ref, connection_ref, event_time, stale, payload)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict do nothing`,
		e.Provider, e.ID, e.Type, e.User, e.Account, e.Connection, orNull(e.At), e.Stale, payload(e.Payload))
	if err != nil {
		return false, fmt.Errorf("store webhook %s/%s: %w", e.Provider, e.ID, postgres.Translate(err))
	}
	if tag.RowsAffected() == 1 {
		b.ring()
	}
	return tag.RowsAffected() == 1, nil
}

// putTogether stores a batch in one statement. One bad event fails its whole batch,
// so then each goes by itself.
func (b *Inbox) putTogether(batch []*waiting) {
	ctx, cancel := context.WithTimeout(context.Background(), putTimeout)
	defer cancel()
	stored, err := b.insert(ctx, batch)
	if err != nil && len(batch) > 1 && !postgres.IsUnavailable(err) && ctx.Err() == nil {
		for _, w := range batch {
			fresh, err := b.putAlone(ctx, w.event)
			w.result <- result{fresh: fresh, err: err}
		}
		return
	}
	if len(stored) > 0 {
		b.ring()
	}
	for _, w := range batch {
		r := result{err: err}
		if key := (eventKey{w.event.Provider, w.event.ID}); err == nil && stored[key] {
			r.fresh = true
			delete(stored, key) // twice in one batch: the first is new, the second a repeat
		}
		w.result <- r
	}
}

// ring wakes the workers here at once, and those of other processes.
func (b *Inbox) ring() {
	b.wakeWorkers()
	b.db.Ring(channel)
}

type eventKey struct{ provider, id string }

// insert writes the batch and says which events were new.
func (b *Inbox) insert(ctx context.Context, batch []*waiting) (map[eventKey]bool, error) {
	c := newColumns(len(batch))
	for _, w := range batch {
		c.add(w.event)
	}
	rows, err := b.db.Pool().Query(ctx, `
		insert into inbound_webhooks
			(provider, webhook_id, event_type, user_ref, account_ref, connection_ref, event_time, stale, payload)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
			$7::timestamptz[], $8::boolean[], $9::jsonb[])
		on conflict do nothing
		returning provider, webhook_id`,
		c.provider, c.id, c.kind, c.user, c.account, c.connection, c.at, c.stale, c.payload)
	if err != nil {
		return nil, fmt.Errorf("store %d webhooks: %w", len(batch), postgres.Translate(err))
	}
	stored := make(map[eventKey]bool, len(batch))
	var key eventKey
	_, err = pgx.ForEachRow(rows, []any{&key.provider, &key.id}, func() error { stored[key] = true; return nil })
	if err != nil {
		return nil, fmt.Errorf("store %d webhooks: %w", len(batch), postgres.Translate(err))
	}
	return stored, nil
}

// columns are a batch's values as Postgres arrays.
type columns struct {
	provider, id, kind, user, account, connection []string
	at                                            []*time.Time
	stale                                         []bool
	payload                                       []*string
}

func newColumns(n int) *columns {
	text := func() []string { return make([]string, 0, n) }
	return &columns{
		provider: text(), id: text(), kind: text(), user: text(), account: text(), connection: text(),
		at: make([]*time.Time, 0, n), stale: make([]bool, 0, n), payload: make([]*string, 0, n),
	}
}

func (c *columns) add(e Event) {
	c.provider = append(c.provider, e.Provider)
	c.id = append(c.id, e.ID)
	c.kind = append(c.kind, e.Type)
	c.user = append(c.user, e.User)
	c.account = append(c.account, e.Account)
	c.connection = append(c.connection, e.Connection)
	c.at = append(c.at, orNull(e.At))
	c.stale = append(c.stale, e.Stale)
	c.payload = append(c.payload, payload(e.Payload))
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func payload(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	text := string(raw)
	return &text
}

// wakeWorkers rings for the workers of this process; the others hear the NOTIFY.
func (b *Inbox) wakeWorkers() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for bell := range b.workers {
		ring(bell)
	}
}
