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
