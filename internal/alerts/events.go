package alerts

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/live"
)

const instant = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`

// publishNotifications shows notifications and the new unread counts on their
// owners' open pages, in one statement for all of them: each has its own data,
// which live.PublishTo cannot say, so this writes live's table and rings its bell
// itself. Ids without a row are passed over.
func publishNotifications(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		with mine as (
			select * from notifications where id = any($1)
		), counts as (
			select p.user_id, (select count(*) from notifications u where u.user_id = p.user_id and u.read_at is null) as unread
			from (select distinct user_id from mine) p
		), written as (
		insert into live_events (user_id, kind, data)
		select user_id, 'notification', jsonb_build_object(
			'id', id, 'type', type, 'title', title, 'body', body, 'url', url, 'data', data,
			'createdAt', to_char(created_at at time zone 'utc', `+instant+`),
			'readAt', to_char(read_at at time zone 'utc', `+instant+`))
		from mine
		union all
		select user_id, 'unread', jsonb_build_object('unread', unread) from counts
		)
		select pg_notify('live', '')`, ids)
	if err != nil {
		return fmt.Errorf("publish notifications: %w", err)
	}
	return nil
}

// publishUnread tells a user's open pages how much is left to read.
func publishUnread(ctx context.Context, tx pgx.Tx, user uuid.UUID) (int, error) {
	var n int
	err := tx.QueryRow(ctx, `select count(*) from notifications where user_id = $1 and read_at is null`, user).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count unread: %w", err)
	}
	return n, live.Publish(ctx, tx, user, "unread", map[string]int{"unread": n})
}

// publishFeed shows a public alert on everybody's open pages, as everybody may see it.
func publishFeed(ctx context.Context, tx pgx.Tx, alert uuid.UUID) error {
	rows, err := readAlerts(ctx, tx, `a.id = $1`, alert)
	if err != nil {
		return fmt.Errorf("publish alert %s: %w", alert, err)
	}
	for _, r := range rows {
		item, err := r.item(uuid.Nil)
		if err != nil {
			return err
		}
		if err := live.Publish(ctx, tx, uuid.Nil, "feed", item); err != nil {
			return err
		}
	}
	return nil
}
