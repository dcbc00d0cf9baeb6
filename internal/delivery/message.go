package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/secret"
)

// prepare reads what a claimed delivery is to say now and to whom. When it
// cannot be sent, the result says why; else the result is empty.
func (p *Post) prepare(ctx context.Context, d claimed) (m Message, revision int, r Result) {
	m = Message{ID: d.ID, Op: d.Op, ValidUntil: d.Cutoff}
	destination, err := p.destination(ctx, d.DestinationID)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, 0, Result{Outcome: Withdrawn, Detail: "the destination was taken away"}
	}
	if err != nil {
		return m, 0, Result{Outcome: Retry, Detail: err.Error()}
	}
	m.Destination = destination
	subjects, err := p.subjects(ctx, d, &m)
	if err != nil {
		return m, 0, Result{Outcome: Retry, Detail: err.Error()}
	}
	for _, s := range subjects {
		words, err := p.compose(s.Subject)
		if err != nil {
			return m, 0, Result{Outcome: Rejected, Detail: "compose: " + err.Error()}
		}
		m.Words = append(m.Words, words)
		if s.mine {
			revision = s.revision
		}
	}
	return m, revision, Result{}
}

// destination reads one that is in use, and opens its secret.
func (p *Post) destination(ctx context.Context, id uuid.UUID) (Destination, error) {
	t := Destination{ID: id}
	var sealed *string
	err := p.db.Pool().QueryRow(ctx, `
		select user_id, channel, address, settings, secret, failures from destinations
		where id = $1 and removed_at is null and disabled_at is null`, id).
		Scan(&t.UserID, &t.Channel, &t.Address, &t.Settings, &sealed, &t.Failures)
	if err != nil {
		return t, fmt.Errorf("read destination: %w", err)
	}
	if sealed == nil {
		return t, nil
	}
	t.Secret, err = p.open(id, *sealed)
	return t, err
}

func (p *Post) open(id uuid.UUID, sealed string) (secret.Text, error) {
	return p.ring.Open("destinations", "secret", id.String(), sealed)
}

func (p *Post) seal(id uuid.UUID, text secret.Text) (string, error) {
	return p.ring.Seal("destinations", "secret", id.String(), text)
}

// subject is a Subject and whether it is the delivery's own.
type subject struct {
	Subject
	revision int
	mine     bool
}

func (p *Post) subjects(ctx context.Context, d claimed, m *Message) ([]subject, error) {
	if d.NotificationID != nil {
		return p.notification(ctx, d, m.Destination.Channel)
	}
	if d.Op == Update {
		return p.wholeMessage(ctx, d, m)
	}
	rows, err := p.db.Pool().Query(ctx, `
		select to_jsonb(a), a.revision, true, $2::timestamptz, a.executed_at, a.learnt_at
		from alerts a where a.id = $1`, d.AlertID, d.FirstSentAt)
	if err != nil {
		return nil, fmt.Errorf("read alert: %w", err)
	}
	return collectAlerts(rows, m.Destination.Channel)
}

// wholeMessage reads everything a message says, in the order of its slots: an
// edit replaces all of it.
func (p *Post) wholeMessage(ctx context.Context, d claimed, m *Message) ([]subject, error) {
	err := p.db.Pool().QueryRow(ctx, `
		select message_id from deliveries
		where alert_id = $1 and destination_id = $2 and op = 'create' and message_id is not null`,
		d.AlertID, d.DestinationID).Scan(&m.MessageID)
	if err != nil {
		return nil, fmt.Errorf("read message to change: %w", err)
	}
	rows, err := p.db.Pool().Query(ctx, `
		select to_jsonb(a), a.revision, a.id = $3, c.first_sent_at, a.executed_at, a.learnt_at
		from deliveries c join alerts a on a.id = c.alert_id
		where c.destination_id = $1 and c.message_id = $2 and c.op = 'create'
		order by c.slot`, d.DestinationID, m.MessageID, d.AlertID)
	if err != nil {
		return nil, fmt.Errorf("read alerts of message: %w", err)
	}
	return collectAlerts(rows, m.Destination.Channel)
}

func collectAlerts(rows pgx.Rows, channel string) ([]subject, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (subject, error) {
		var (
			s         = subject{Subject: Subject{Channel: channel, Alert: true}}
			firstSent time.Time
			executed  *time.Time
			learnt    time.Time
		)
		err := row.Scan(&s.Row, &s.revision, &s.mine, &firstSent, &executed, &learnt)
		s.Late = late(firstSent, executed, learnt)
		return s, err
	})
}

func late(sent time.Time, executed *time.Time, learnt time.Time) time.Duration {
	if executed != nil {
		return sent.Sub(*executed)
	}
	return sent.Sub(learnt)
}

func (p *Post) notification(ctx context.Context, d claimed, channel string) ([]subject, error) {
	var row json.RawMessage
	err := p.db.Pool().QueryRow(ctx, `select to_jsonb(n) from notifications n where n.id = $1`, d.NotificationID).Scan(&row)
	if err != nil {
		return nil, fmt.Errorf("read notification: %w", err)
	}
	return []subject{{Subject: Subject{Channel: channel, Row: row}, mine: true}}, nil
}
