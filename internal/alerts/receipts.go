package alerts

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
)

// PositionReceipts shows how the messages about a position of one's own went.
// Somebody else's position has none.
func (a *Announcer) PositionReceipts(ctx context.Context, user, position uuid.UUID) ([]delivery.Receipt, error) {
	var receipts []delivery.Receipt
	err := a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select id from alerts where position_id = $1 and user_id = $2 order by created_at limit 100`, position, user)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return err
		}
		receipts, err = delivery.Receipts(ctx, tx, ids...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("receipts of position %s: %w", position, err)
	}
	return receipts, nil
}

// Receipts shows how each message of one's own alert went, hop by hop. Somebody
// else's alert is not_found, like one that does not exist.
func (a *Announcer) Receipts(ctx context.Context, user, alert uuid.UUID) ([]delivery.Receipt, error) {
	var receipts []delivery.Receipt
	err := a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		var id uuid.UUID
		err := tx.QueryRow(ctx, `select id from alerts where id = $1 and user_id = $2`, alert, user).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.NotFound()
		}
		if err != nil {
			return err
		}
		receipts, err = delivery.Receipts(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("receipts of alert %s: %w", alert, err)
	}
	return receipts, nil
}

// Notification is one of the user's own, and how its messages went, hop by hop. Somebody
// else's is not_found, like one that does not exist.
func (a *Announcer) Notification(ctx context.Context, user, id uuid.UUID) (n InboxItem, receipts []delivery.Receipt, err error) {
	err = a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+inboxColumns+`, user_id from notifications where id = $1 and user_id = $2`, id, user)
		if err != nil {
			return err
		}
		mine, err := collectOwned(rows)
		if err != nil {
			return err
		}
		if len(mine) == 0 {
			return fault.NotFound()
		}
		n = mine[0].InboxItem
		receipts, err = delivery.NotificationReceipts(ctx, tx, id)
		return err
	})
	if err != nil {
		return n, nil, fmt.Errorf("receipts of notification %s: %w", id, err)
	}
	return n, receipts, nil
}
