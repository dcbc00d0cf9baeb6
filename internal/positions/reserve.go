package positions

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
)

// Reserve takes n contracts out of what is available for a sell about to be
// written. The condition stands in the update itself (R16), so that of any
// number of sellers at once only those that fit succeed; the refusal names what
// is available.
func Reserve(ctx context.Context, tx pgx.Tx, user, id uuid.UUID, n int) error {
	tag, err := tx.Exec(ctx, `
		update positions set sell_reserved = sell_reserved + $3, updated_at = now()
		where id = $1 and user_id = $2 and status = 'open' and bought - sold - sell_reserved - missing >= $3`, id, user, n)
	if err != nil {
		return fmt.Errorf("reserve %d of position %s: %w", n, id, err)
	}
	if tag.RowsAffected() == 1 {
		return nil
	}
	p, err := LockOwn(ctx, tx, user, id)
	if err != nil {
		return err
	}
	return insufficient(p.Available())
}

func insufficient(available int) error {
	return fault.Conflict("insufficient_quantity", fmt.Sprintf("You can sell at most %d.", available)).
		With("available", available)
}
