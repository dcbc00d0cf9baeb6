package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/secret"
)

// letter is a parcel put into words.
type letter struct {
	parcel  parcel // without what could not be put into words
	message Message
	said    map[uuid.UUID]int // the alerts or notifications in it, and the revision it tells of each
	result  Result            // why it cannot be sent; else empty
	refused []sent            // what could not be put into words
}

// prepare reads what claimed deliveries are to say now and to whom.
func (p *Post) prepare(ctx context.Context, all parcel) letter {
	l := letter{parcel: all, said: map[uuid.UUID]int{}, message: Message{ID: all[0].ID, Op: all[0].Op, ValidUntil: all[0].Cutoff}}
	destination, err := p.destination(ctx, all[0].DestinationID)
	if errors.Is(err, pgx.ErrNoRows) {
		l.result = Result{Outcome: Withdrawn, Detail: "the destination was taken away"}
		return l
	}
	if err != nil {
		l.result = Result{Outcome: Retry, Detail: err.Error()}
		return l
	}
	l.message.Destination = destination
	subjects, err := p.subjects(ctx, all, &l.message)
	if err != nil {
		l.result = Result{Outcome: Retry, Detail: err.Error()}
		return l
	}
	p.write(&l, subjects)
	return l
}

// write puts the subjects into words. A new one that cannot be leaves the others to
// be sent; a change tells all of a message or nothing.
func (p *Post) write(l *letter, subjects []subject) {
	all := l.parcel
	l.parcel = nil
	var told []Subject
	for i, s := range subjects {
		words, err := p.compose(s.Subject)
		if err != nil {
			failed := Result{Outcome: Rejected, Detail: "compose: " + err.Error()}
			if l.message.Op == Update {
				l.parcel, l.result = all, failed
				return
			}
			l.refused = append(l.refused, sent{parcel: all[i : i+1], message: l.message, result: failed, part: true})
			continue
		}
		l.message.Words, told = append(l.message.Words, words), append(told, s.Subject)
		l.said[s.id] = s.revision
		if l.message.Op == Create {
			l.parcel = append(l.parcel, all[i])
			l.message.ValidUntil = later(l.message.ValidUntil, all[i].Cutoff)
		}
	}
	if l.message.Op == Update {
		l.parcel = all
	}
	for _, d := range l.parcel {
		l.message.IDs = append(l.message.IDs, d.ID)
	}
	if len(told) > 1 && l.message.Destination.Channel != ChannelDiscord {
		p.gatherWords(l, told)
	}
}

// gatherWords makes one text of several, where a channel does not show them side by side.
func (p *Post) gatherWords(l *letter, told []Subject) {
	words, err := p.gather(told)
	if err != nil {
		l.result = Result{Outcome: Rejected, Detail: "gather: " + err.Error()} // each goes alone then
		return
	}
	l.message.Words = []Words{words}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
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

// subject is a Subject, and which alert or notification it is in which revision.
type subject struct {
	Subject

	id       uuid.UUID
	revision int
}

// subjects reads what is to be told: for new messages of each delivery, in their
// order; for a change everything its message says.
func (p *Post) subjects(ctx context.Context, all parcel, m *Message) ([]subject, error) {
	if m.Op == Update {
		whole, lost, err := p.wholeMessage(ctx, all[0], m)
		if err != nil || !lost {
			return whole, err
		}
		m.Op = Create // its last word
	}
	subjects, err := p.newAlerts(ctx, all, m.Destination.Channel)
	if err != nil {
		return nil, err
	}
	notes, err := p.notifications(ctx, all, m.Destination.Channel)
	if err != nil {
		return nil, err
	}
	ordered := make([]subject, len(all))
	for i, d := range all {
		from, id := subjects, d.AlertID
		if id == nil {
			from, id = notes, d.NotificationID
		}
		s, known := from[*id]
		if !known {
			return nil, fmt.Errorf("what delivery %s is about is not there", d.ID)
		}
		ordered[i] = s
	}
	return ordered, nil
}

func (p *Post) newAlerts(ctx context.Context, all parcel, channel string) (map[uuid.UUID]subject, error) {
	var ids []uuid.UUID
	var firsts []time.Time
	for _, d := range all {
		if d.AlertID != nil {
			ids, firsts = append(ids, *d.AlertID), append(firsts, d.FirstSentAt)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := p.db.Pool().Query(ctx, `
		select to_jsonb(a), a.revision, a.id, d.first_sent, a.executed_at, a.learnt_at
		from unnest($1::uuid[], $2::timestamptz[]) d(alert, first_sent) join alerts a on a.id = d.alert`, ids, firsts)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	found, err := collectAlerts(rows, channel)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	byID := make(map[uuid.UUID]subject, len(found))
	for _, s := range found {
		byID[s.id] = s
	}
	return byID, nil
}

// wholeMessage reads everything a message says, in the order of its slots: an edit replaces
// all of it. It is lost where nobody knows which message that is.
func (p *Post) wholeMessage(ctx context.Context, d claimed, m *Message) (whole []subject, lost bool, err error) {
	var id *string
	err = p.db.Pool().QueryRow(ctx, `
		select c.message_id from deliveries c
		where (c.alert_id = $1 and c.destination_id = $2 and c.op = 'create' or c.id = $3) and (c.message_id is not null or `+createLost+`)`,
		d.AlertID, d.DestinationID, d.Changes).Scan(&id)
	if err != nil {
		return nil, false, fmt.Errorf("read message to change: %w", err)
	}
	if id == nil {
		return nil, true, nil
	}
	m.MessageID = *id
	if d.Changes != nil {
		whole, err = p.wholeNotes(ctx, d, m)
		return whole, false, err
	}
	rows, err := p.db.Pool().Query(ctx, `
		select to_jsonb(a), a.revision, a.id, c.first_sent_at, a.executed_at, a.learnt_at
		from deliveries c join alerts a on a.id = c.alert_id
		where c.destination_id = $1 and c.message_id = $2 and c.op = 'create'
		order by c.slot`, d.DestinationID, m.MessageID)
	if err != nil {
		return nil, false, fmt.Errorf("read alerts of message: %w", err)
	}
	whole, err = collectAlerts(rows, m.Destination.Channel)
	return whole, false, err
}

// wholeNotes reads the notifications of a message.
func (p *Post) wholeNotes(ctx context.Context, d claimed, m *Message) ([]subject, error) {
	rows, err := p.db.Pool().Query(ctx, `
		select to_jsonb(n), n.revision, n.id
		from deliveries c join notifications n on n.id = c.notification_id
		where c.destination_id = $1 and c.message_id = $2 and c.op = 'create'
		order by c.slot`, d.DestinationID, m.MessageID)
	if err != nil {
		return nil, fmt.Errorf("read notifications of message: %w", err)
	}
	return collectNotes(rows, m.Destination.Channel)
}

func collectNotes(rows pgx.Rows, channel string) ([]subject, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (subject, error) {
		s := subject{Subject: Subject{Channel: channel}}
		err := row.Scan(&s.Row, &s.revision, &s.id)
		return s, err
	})
}

func collectAlerts(rows pgx.Rows, channel string) ([]subject, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (subject, error) {
		var (
			s         = subject{Subject: Subject{Channel: channel, Alert: true}}
			firstSent time.Time
			executed  *time.Time
			learnt    time.Time
		)
		err := row.Scan(&s.Row, &s.revision, &s.id, &firstSent, &executed, &learnt)
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

func (p *Post) notifications(ctx context.Context, all parcel, channel string) (map[uuid.UUID]subject, error) {
	var ids []uuid.UUID
	for _, d := range all {
		if d.NotificationID != nil {
			ids = append(ids, *d.NotificationID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := p.db.Pool().Query(ctx, `select to_jsonb(n), n.revision, n.id from notifications n where n.id = any($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	found, err := collectNotes(rows, channel)
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	byID := make(map[uuid.UUID]subject, len(found))
	for _, s := range found {
		byID[s.id] = s
	}
	return byID, nil
}
