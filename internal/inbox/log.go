package inbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Entry is one webhook in the operators' log, without what it said: that is its user's.
type Entry struct {
	ID         string     `json:"id"` // of Replay
	Provider   string     `json:"provider"`
	WebhookID  string     `json:"webhookId"`
	Type       string     `json:"type"`
	State      string     `json:"state"` // new, working, done, parked
	Reason     string     `json:"reason"`
	Attempts   int        `json:"attempts"`
	Stale      bool       `json:"stale"`
	ReceivedAt time.Time  `json:"receivedAt"`
	WorkedAt   *time.Time `json:"workedAt"`

	place uuid.UUID // among those of one instant
}

// Replayable says whether it can be worked once more: it has ended, and its worker asks the
// provider for the truth, so that an old one does no harm. Of the others the word itself is
// acted on: a chat's "stop" of last week must not stop the chat of today.
func (e Entry) Replayable() bool { return e.ended() && e.reread() }

func (e Entry) ended() bool  { return e.State == "done" || e.State == "parked" }
func (e Entry) reread() bool { return e.Provider == "snaptrade" || e.Provider == "whop" }

// LogQuery asks for a page of the log, newest first: of everything, of what is parked, or
// of one type of one provider's.
type LogQuery struct {
	Parked         bool
	Provider, Type string // both or none
	Limit          int
	After          *httpio.Cursor
}

const entryColumns = `provider, webhook_id, event_type, state, reason, attempts - attempts_before, stale, received_at, worked_at, ` + entryPlace

// entryPlace orders webhooks of one instant; their own ids are no uuids.
const entryPlace = `md5(provider || ' ' || webhook_id)::uuid`

// Log reads a page; next is nil on the last.
func (b *Inbox) Log(ctx context.Context, q LogQuery) (list []Entry, next *httpio.Cursor, err error) {
	where, args := logFilter(q)
	rows, err := b.db.Pool().Query(ctx, `
		select `+entryColumns+` from inbound_webhooks where `+where+`
		order by received_at desc, `+entryPlace+` desc limit @limit`, args)
	if err != nil {
		return nil, nil, fmt.Errorf("read the log of webhooks: %w", postgres.Translate(err))
	}
	list, err = pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, nil, fmt.Errorf("read the log of webhooks: %w", postgres.Translate(err))
	}
	if len(list) > q.Limit {
		list = list[:q.Limit]
		last := list[q.Limit-1]
		next = &httpio.Cursor{At: last.ReceivedAt, ID: last.place}
	}
	return list, next, nil
}

// logFilter names an index each: inbound_webhooks_received, _parked, _type.
func logFilter(q LogQuery) (where string, args pgx.NamedArgs) {
	args = pgx.NamedArgs{"limit": q.Limit + 1, "provider": q.Provider, "type": q.Type}
	parts := []string{"true"}
	if q.Parked {
		parts = append(parts, "state = 'parked'")
	}
	if q.Type != "" {
		parts = append(parts, "provider = @provider and event_type = @type")
	}
	if q.After != nil {
		parts = append(parts, "received_at <= @at and (received_at, "+entryPlace+") < (@at, @place::uuid)")
		args["at"], args["place"] = q.After.At, q.After.ID
	}
	return strings.Join(parts, " and "), args
}

func scanEntry(row pgx.CollectableRow) (e Entry, err error) {
	err = row.Scan(&e.Provider, &e.WebhookID, &e.Type, &e.State, &e.Reason, &e.Attempts, &e.Stale, &e.ReceivedAt, &e.WorkedAt, &e.place)
	e.ReceivedAt = e.ReceivedAt.UTC()
	if e.WorkedAt != nil {
		utc := e.WorkedAt.UTC()
		e.WorkedAt = &utc
	}
	e.ID = e.Provider + "." + base64.RawURLEncoding.EncodeToString([]byte(e.WebhookID))
	return e, err
}

// Heard is when a type of webhook came last.
type Heard struct {
	Provider string    `json:"provider"`
	Type     string    `json:"type"`
	At       time.Time `json:"at"`
}

// LastOfEach tells when each type came last, in the 35 days that are kept; at most 200. It
// jumps from type to type in inbound_webhooks_type, however many rows each has.
func (b *Inbox) LastOfEach(ctx context.Context) ([]Heard, error) {
	rows, err := b.db.Pool().Query(ctx, `
		with recursive heard as (
			(select provider, event_type, received_at from inbound_webhooks order by provider, event_type, received_at desc limit 1)
			union all
			select n.provider, n.event_type, n.received_at from heard h cross join lateral (
				select provider, event_type, received_at from inbound_webhooks
				where (provider, event_type) > (h.provider, h.event_type)
				order by provider, event_type, received_at desc limit 1) n
		)
		select provider, event_type, received_at from heard limit 200`)
	if err != nil {
		return nil, fmt.Errorf("read what webhooks came last: %w", postgres.Translate(err))
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h Heard, err error) {
		err = row.Scan(&h.Provider, &h.Type, &h.At)
		h.At = h.At.UTC()
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what webhooks came last: %w", postgres.Translate(err))
	}
	return list, nil
}

// Replay has a webhook that ended worked once more. Errors: not_found; the conflict
// invalid_state where it has not ended, or where its word itself is acted on.
func (b *Inbox) Replay(ctx context.Context, by uuid.UUID, id string) (e Entry, err error) {
	provider, webhook, err := readEntryID(id)
	if err != nil {
		return Entry{}, err
	}
	err = b.db.AsOperator(ctx, &by, func(ctx context.Context, tx pgx.Tx) error {
		var state string
		err := tx.QueryRow(ctx, `select state from inbound_webhooks where provider = $1 and webhook_id = $2 for no key update`, provider, webhook).Scan(&state)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.NotFound()
		}
		if err != nil {
			return err
		}
		switch was := (Entry{Provider: provider, State: state}); {
		case !was.reread():
			return fault.Conflict("invalid_state", "What it said was acted on when it came, and is not acted on again.")
		case !was.ended():
			return fault.Conflict("invalid_state", "It is being worked already.")
		}
		rows, err := tx.Query(ctx, `
			update inbound_webhooks set state = 'new', attempts_before = attempts, not_before = now(), worked_at = null, reason = ''
			where provider = $1 and webhook_id = $2 returning `+entryColumns, provider, webhook)
		if err != nil {
			return err
		}
		if e, err = pgx.CollectExactlyOneRow(rows, scanEntry); err != nil {
			return err
		}
		return postgres.Ring(ctx, tx, channel)
	})
	if err != nil {
		return Entry{}, fmt.Errorf("replay a webhook: %w", err)
	}
	b.wakeWorkers()
	return e, nil
}

func readEntryID(id string) (provider, webhook string, err error) {
	provider, coded, found := strings.Cut(id, ".")
	text, err := base64.RawURLEncoding.DecodeString(coded)
	if !found || err != nil || provider == "" || len(text) == 0 || !postgres.Storable(provider) || !postgres.Storable(string(text)) {
		return "", "", fault.NotFound()
	}
	return provider, string(text), nil
}
