package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/delivery"
)

// NotifyMax bounds one call of Notify, so that its statements stay short.
const NotifyMax = 10_000

// Notification is a message to one user. It always reaches the inbox; which
// other roads it takes follows from its type.
type Notification struct {
	UserID     uuid.UUID
	Type       Type
	Title      string
	Body       string
	Brief      string         // the body for lock screens, where Body names prices or amounts; else empty
	URL        string         // a path of our own pages, "/positions/…"
	Data       map[string]any // for programs; "decisionId" puts Approve and Reject on a push
	SubjectKey string         // what it is about, "order:…": with user and type, it is said once; empty: no such rule
	PositionID *uuid.UUID     // keeps the messages of one position in order
	ExecutedAt *time.Time
	LearntAt   time.Time
	ValidUntil *time.Time // after it there is nothing left to do about it
}

// Notify says things to people in the caller's transaction: inbox, open pages,
// and a delivery for each further road. The number of statements does not depend
// on how many are given, at most NotifyMax. What was said before (same user,
// type and subject key) is not said again.
func (a *Announcer) Notify(ctx context.Context, tx pgx.Tx, n ...Notification) error {
	if len(n) == 0 {
		return nil
	}
	if len(n) > NotifyMax {
		return fmt.Errorf("notify %d people at once, at most %d", len(n), NotifyMax)
	}
	now := a.now()
	ids := make([]uuid.UUID, len(n))
	for i := range ids {
		ids[i] = uuid.New()
	}
	stored, err := insertNotifications(ctx, tx, now, ids, n)
	if err != nil {
		return err
	}
	if err := delivery.EnqueueNotes(ctx, tx, now, notes(n, ids, now)); err != nil {
		return err
	}
	return publishNotifications(ctx, tx, stored)
}

// insertNotifications stores what was not said before and returns just that.
func insertNotifications(ctx context.Context, tx pgx.Tx, now time.Time, ids []uuid.UUID, all []Notification) ([]owned, error) {
	var (
		users                         = make([]uuid.UUID, len(all))
		types, titles, bodies, briefs = make([]string, len(all)), make([]string, len(all)), make([]string, len(all)), make([]string, len(all))
		urls, datas, subjects         = make([]string, len(all)), make([]string, len(all)), make([]string, len(all))
		positions                     = make([]*uuid.UUID, len(all))
		valid                         = make([]*time.Time, len(all))
	)
	for i, n := range all {
		data, err := encodeData(n.Data)
		if err != nil {
			return nil, fmt.Errorf("notify %s: %w", n.Type, err)
		}
		users[i], types[i], titles[i], bodies[i], briefs[i] = n.UserID, n.Type, n.Title, n.Body, n.Brief
		urls[i], datas[i], subjects[i], positions[i], valid[i] = n.URL, data, n.SubjectKey, n.PositionID, n.ValidUntil
	}
	rows, err := tx.Query(ctx, `
		insert into notifications (id, user_id, type, title, body, brief, url, data, subject_key, position_id, valid_until, created_at)
		select id, user_id, type, title, body, brief, url, data::jsonb, subject_key, position_id, valid_until, $12
		from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
		            $8::text[], $9::text[], $10::uuid[], $11::timestamptz[])
		     as q(id, user_id, type, title, body, brief, url, data, subject_key, position_id, valid_until)
		on conflict do nothing
		returning `+inboxColumns+`, user_id`,
		ids, users, types, titles, bodies, briefs, urls, datas, subjects, positions, valid, now)
	if err != nil {
		return nil, fmt.Errorf("store %d notifications: %w", len(all), err)
	}
	stored, err := collectOwned(rows)
	if err != nil {
		return nil, fmt.Errorf("store %d notifications: %w", len(all), err)
	}
	return stored, nil
}

func encodeData(data map[string]any) (string, error) {
	if len(data) == 0 {
		return "{}", nil
	}
	b, err := json.Marshal(data)
	return string(b), err
}

func notes(all []Notification, ids []uuid.UUID, now time.Time) []delivery.Note {
	notes := make([]delivery.Note, len(all))
	for i, n := range all {
		learnt := n.LearntAt
		if learnt.IsZero() {
			learnt = now
		}
		cutoff := learnt.Add(worth(n.Type))
		if n.ValidUntil != nil {
			cutoff = *n.ValidUntil
		}
		notes[i] = delivery.Note{
			NotificationID: ids[i], Channels: channels(n.Type),
			ExecutedAt: n.ExecutedAt, LearntAt: learnt, Cutoff: cutoff,
		}
	}
	return notes
}
