package positions

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
)

// Celebrate says whether a page may celebrate one of the user's positions: it was
// closed with a profit within a day, and no other page has done so. Of any number
// of pages that ask, one is told yes.
func (b *Book) Celebrate(ctx context.Context, user, id uuid.UUID) (yes bool, err error) {
	err = b.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			with first as (
				update positions set celebrated_at = now()
				where id = $1 and user_id = $2 and status = 'closed' and realized > 0 and celebrated_at is null
				  and closed_at > now() - interval '1 day'
				returning id)
			select exists (select from first) from positions where id = $1 and user_id = $2`, id, user).Scan(&yes)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.NotFound()
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("celebrate position %s: %w", id, err)
	}
	return yes, nil
}
