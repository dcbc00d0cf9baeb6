package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Receipt is how one message went: its hops from the broker's execution to the
// channel's acceptance, and every attempt.
type Receipt struct {
	ID                uuid.UUID  `json:"id"`
	Channel           string     `json:"channel"`
	Platform          bool       `json:"platform"` // not the owner's own destination
	Label             string     `json:"label"`
	Op                Op         `json:"op"`
	State             string     `json:"state"`
	Revision          int        `json:"revision"`
	PossibleDuplicate bool       `json:"possibleDuplicate"`
	LastError         *string    `json:"lastError"`
	ExecutedAt        *time.Time `json:"executedAt"`
	LearntAt          *time.Time `json:"learntAt"`
	DecidedAt         time.Time  `json:"decidedAt"`
	SentAt            *time.Time `json:"sentAt"`
	AcceptedAt        *time.Time `json:"acceptedAt"`
	Attempts          []Attempt  `json:"attempts"`
}

// Attempt is one request of a delivery.
type Attempt struct {
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"`
	Detail  string    `json:"detail"`
	TookMs  int       `json:"tookMs"`
}

// attemptsOf are those of delivery d, as JSON.
const attemptsOf = `(select coalesce(jsonb_agg(jsonb_build_object(
	'at', a.at, 'outcome', a.outcome, 'detail', a.detail, 'tookMs', a.took_ms) order by a.claim), '[]') from delivery_attempts a where a.delivery_id = d.id)`

// Receipts reads those of the alerts, in the order in which they were decided, at
// most 500. The caller has made sure whose alerts they are.
func Receipts(ctx context.Context, tx pgx.Tx, alerts ...uuid.UUID) ([]Receipt, error) {
	return receipts(ctx, tx, `d.alert_id = any($1)`, alerts)
}

// NotificationReceipts reads those of a notification. The caller has made sure whose it is.
func NotificationReceipts(ctx context.Context, tx pgx.Tx, notification uuid.UUID) ([]Receipt, error) {
	return receipts(ctx, tx, `d.id in (
		select id from deliveries where notification_id = $1
		union all
		select u.id from deliveries c join deliveries u on u.changes = c.id where c.notification_id = $1)`, notification)
}

func receipts(ctx context.Context, tx pgx.Tx, where string, of any) ([]Receipt, error) {
	rows, err := tx.Query(ctx, `
		select d.id, d.channel, t.user_id is null, coalesce(t.settings ->> 'label', ''), d.op, d.state, d.revision,
		       d.possible_duplicate, d.last_error, d.executed_at, d.learnt_at, d.created_at, d.first_sent_at, d.accepted_at, `+attemptsOf+`
		from deliveries d join destinations t on t.id = d.destination_id
		where `+where+`
		order by d.seq limit 500`, of)
	if err != nil {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Receipt, error) {
		var r Receipt
		var attempts []byte
		err := row.Scan(&r.ID, &r.Channel, &r.Platform, &r.Label, &r.Op, &r.State, &r.Revision,
			&r.PossibleDuplicate, &r.LastError, &r.ExecutedAt, &r.LearntAt, &r.DecidedAt, &r.SentAt, &r.AcceptedAt, &attempts)
		if err != nil {
			return r, err
		}
		inUTC(r.ExecutedAt, r.LearntAt, &r.DecidedAt, r.SentAt, r.AcceptedAt)
		return r, json.Unmarshal(attempts, &r.Attempts)
	})
}

// inUTC turns instants, where there are any, as the API writes them.
func inUTC(instants ...*time.Time) {
	for _, at := range instants {
		if at != nil {
			*at = at.UTC()
		}
	}
}
