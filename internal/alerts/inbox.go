package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// InboxItem is a stored notification as its owner sees it.
type InboxItem struct {
	ID        uuid.UUID       `json:"id"`
	Type      Type            `json:"type"`
	Title     string          `json:"title"`
	Body      string          `json:"body"`
	URL       string          `json:"url"`
	Data      json.RawMessage `json:"data"`
	CreatedAt time.Time       `json:"createdAt"`
	ReadAt    *time.Time      `json:"readAt"`
}

const inboxColumns = `id, type, title, body, url, data, created_at, read_at`

// owned is an inbox item and whose it is.
type owned struct {
	InboxItem
	Owner uuid.UUID
}

func collectOwned(rows pgx.Rows) ([]owned, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (owned, error) {
		o, err := pgx.RowToStructByPos[owned](row)
		o.CreatedAt = o.CreatedAt.UTC()
		if o.ReadAt != nil {
			at := o.ReadAt.UTC()
			o.ReadAt = &at
		}
		return o, err
	})
}

// Notifications lists a user's inbox, newest first, at most 100 a page (25 when
// limit is 0). next is the cursor of the following page, empty on the last.
// Errors: validation_failed for a cursor that is not ours.
func (a *Announcer) Notifications(ctx context.Context, user uuid.UUID, limit int, cursor string) (items []InboxItem, next string, err error) {
	from, err := markOf(cursor)
	if err != nil {
		return nil, "", err
	}
	size := pageSize(limit)
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select `+inboxColumns+`, user_id
			from notifications
			where user_id = $1 and (created_at, id) < ($2, $3)
			order by created_at desc, id desc
			limit $4`, user, from.at, from.id, size+1)
		if err != nil {
			return err
		}
		mine, err := collectOwned(rows)
		items = make([]InboxItem, len(mine))
		for i, o := range mine {
			items[i] = o.InboxItem
		}
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list notifications of %s: %w", user, err)
	}
	if len(items) > size {
		items = items[:size]
		last := items[size-1]
		next = mark{last.CreatedAt, last.ID}.cursor()
	}
	return items, next, nil
}

// Unread counts what a user has not read.
func (a *Announcer) Unread(ctx context.Context, user uuid.UUID) (int, error) {
	var n int
	err := a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select count(*) from notifications where user_id = $1 and read_at is null`, user).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count unread of %s: %w", user, err)
	}
	return n, nil
}

// MarkRead marks some of a user's notifications; ids that are not theirs, or are
// read already, change nothing. It answers what is left unread.
func (a *Announcer) MarkRead(ctx context.Context, user uuid.UUID, ids []uuid.UUID) (unread int, err error) {
	return a.markRead(ctx, user, `
		update notifications set read_at = $2
		where user_id = $1 and read_at is null and id = any($3)`, a.now(), ids)
}

// MarkAllRead marks everything a user has. What arrives meanwhile stays unread.
func (a *Announcer) MarkAllRead(ctx context.Context, user uuid.UUID) (unread int, err error) {
	return a.markRead(ctx, user, `
		update notifications set read_at = $2 where user_id = $1 and read_at is null`, a.now())
}

func (a *Announcer) markRead(ctx context.Context, user uuid.UUID, sql string, args ...any) (unread int, err error) {
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sql, append([]any{user}, args...)...); err != nil {
			return err
		}
		unread, err = publishUnread(ctx, tx, user)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("mark notifications of %s as read: %w", user, err)
	}
	return unread, nil
}
