// Package live carries events to open pages, on every tab and every server.
package live

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	channel    = "live"           // of NOTIFY and of the Redis bell
	resumeMax  = 10 * time.Minute // how long after a lost connection a page can go on where it was
	keepEvents = 15 * time.Minute // longer than that, for clocks that differ
)

// Resync is the kind of event that tells a page to load itself anew: what it
// missed cannot be told any more.
const Resync = "resync"

// Event is something that an open page should know. Shared by all who get it: it
// must not be changed.
type Event struct {
	ID   string          // where the page goes on after it (Last-Event-ID)
	Kind string          // such as "order"
	Data json.RawMessage // JSON for the page
	At   time.Time

	row  int64
	xid  uint64
	user uuid.UUID // zero: everyone

	framed sync.Once
	frame  []byte
}

// Frame is what make says of the event, asked only once however many get it.
func (e *Event) Frame(make func(*Event) []byte) []byte {
	e.framed.Do(func() { e.frame = make(e) })
	return e.frame
}

// Publish writes an event for the user's open pages, or for everyone's when user
// is uuid.Nil, in the caller's transaction: pages hear of it when that commits, and
// never of what was undone. data is marshalled to JSON.
func Publish(ctx context.Context, tx pgx.Tx, user uuid.UUID, kind string, data any) error {
	var to *uuid.UUID
	if user != uuid.Nil {
		to = &user
	}
	return insert(ctx, tx, []*uuid.UUID{to}, kind, data)
}

// PublishTo writes one event for each of the users, in one statement.
func PublishTo(ctx context.Context, tx pgx.Tx, users []uuid.UUID, kind string, data any) error {
	to := make([]*uuid.UUID, len(users))
	for i := range users {
		to[i] = &users[i]
	}
	return insert(ctx, tx, to, kind, data)
}

// QueuePublish is Publish for one user as the next statement of a batch.
func QueuePublish(ctx context.Context, b *pgx.Batch, user uuid.UUID, kind string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("publish %s: %w", kind, err)
	}
	b.Queue(insertEvents, []*uuid.UUID{&user}, kind, raw)
	postgres.QueueRing(ctx, b, channel)
	return nil
}

const insertEvents = `insert into live_events (user_id, kind, data) select unnest($1::uuid[]), $2::text, $3::jsonb`

func insert(ctx context.Context, tx pgx.Tx, users []*uuid.UUID, kind string, data any) error {
	if len(users) == 0 {
		return nil
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("publish %s: %w", kind, err)
	}
	if _, err = tx.Exec(ctx, insertEvents, users, kind, raw); err != nil {
		return fmt.Errorf("publish %s: %w", kind, err)
	}
	return postgres.Ring(ctx, tx, channel)
}

// Trim removes events that no page can ask for any more, and tells how many.
func Trim(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim live events",
		`delete from live_events where id in (select id from live_events where at < $1 limit $2)`, now.Add(-keepEvents))
}
