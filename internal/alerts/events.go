package alerts

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/live"
)

// publishNotifications shows notifications and the new unread counts on their
// owners' open pages, in three statements however many there are.
func publishNotifications(ctx context.Context, tx pgx.Tx, all []owned) error {
	if len(all) == 0 {
		return nil
	}
	items, users := make([]live.To, len(all)), make([]uuid.UUID, len(all))
	for i, n := range all {
		items[i], users[i] = live.To{User: n.Owner, Data: n.InboxItem}, n.Owner
	}
	if err := live.PublishEach(ctx, tx, "notification", items); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		select p.id, (select count(*) from notifications n where n.user_id = p.id and n.read_at is null)
		from (select distinct unnest($1::uuid[]) as id) p`, users)
	if err != nil {
		return fmt.Errorf("count unread: %w", err)
	}
	counts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (live.To, error) {
		var user uuid.UUID
		var unread int
		err := row.Scan(&user, &unread)
		return live.To{User: user, Data: map[string]int{"unread": unread}}, err
	})
	if err != nil {
		return fmt.Errorf("count unread: %w", err)
	}
	return live.PublishEach(ctx, tx, "unread", counts)
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
