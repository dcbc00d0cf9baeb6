package alerts

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/live"
)

// Each is one kind of message to everybody whom a query names.
type Each struct {
	Type       Type
	Query      string // selects user_id, title, body, brief, url, data (jsonb), subject_key, position_id, valid_until; at most NotifyMax rows
	Args       pgx.NamedArgs
	ExecutedAt *time.Time
	LearntAt   time.Time
	New        bool // what each is about was made in this transaction: nobody was told before
}

// isoTime writes an instant as the API does, in SQL.
const isoTime = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`

// NotifyEach is Notify for messages that a query makes: none of them passes through
// this process, however many there are. Open pages are told by Show.
func (a *Announcer) NotifyEach(ctx context.Context, tx pgx.Tx, e Each) error {
	learnt, again := e.LearntAt, `on conflict do nothing`
	if e.New {
		again = ``
	}
	ids := uuid.NewString()[:24]
	args := pgx.NamedArgs{"notifyType": e.Type, "notifyAt": a.now(), "ids": ids}
	for name, value := range e.Args {
		args[name] = value
	}
	alike := delivery.Note{Channels: channels(e.Type), ExecutedAt: e.ExecutedAt, LearntAt: learnt, Cutoff: learnt.Add(worth(e.Type))}
	err := delivery.EnqueueStored(ctx, tx, a.now(), alike, `
		insert into notifications (id, user_id, type, title, body, brief, url, data, subject_key, position_id, valid_until, created_at)
		select (@ids || lpad(to_hex(row_number() over ()), 12, '0'))::uuid, q.user_id, @notifyType::text, q.title, q.body, q.brief, q.url, q.data, q.subject_key, q.position_id, q.valid_until, @notifyAt
		from (`+e.Query+`) as q (user_id, title, body, brief, url, data, subject_key, position_id, valid_until)
		`+again+` returning id, user_id, position_id, valid_until`, args)
	if err == nil {
		err = delivery.EnqueueChosen(ctx, tx, a.now(), alike, e.Type, ids)
	}
	if err != nil {
		return fmt.Errorf("notify %s: %w", e.Type, err)
	}
	return nil
}

// Show lets the open pages of those whom NotifyEach told know of it: query selects
// their user_id and subject_key. Showing twice does no harm.
func (a *Announcer) Show(ctx context.Context, tx pgx.Tx, t Type, query string, args pgx.NamedArgs) error {
	named := pgx.NamedArgs{"notifyType": t}
	for name, value := range args {
		named[name] = value
	}
	const from = `notifications n where n.type = @notifyType and (n.user_id, n.subject_key) in (`
	err := live.PublishQuery(ctx, tx, "notification", `
		select n.user_id, jsonb_build_object('id', n.id, 'type', n.type, 'title', n.title, 'body', n.body, 'url', n.url, 'data', n.data,
			'createdAt', to_char(n.created_at at time zone 'utc', `+isoTime+`), 'readAt', to_char(n.read_at at time zone 'utc', `+isoTime+`))
		from `+from+query+`)`, named)
	if err != nil {
		return err
	}
	return live.PublishQuery(ctx, tx, "unread", `
		select p.id, jsonb_build_object('unread', (select count(*) from notifications u where u.user_id = p.id and u.read_at is null))
		from (select distinct n.user_id as id from `+from+query+`)) p`, named)
}
