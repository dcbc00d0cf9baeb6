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
		where id = $1 and user_id = $2 and status = 'open' and bought - sold - sell_reserved >= $3`, id, user, n)
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

// Release gives back n contracts of a sell that ended without selling them, but
// never more than is reserved: a sell found again after it had counted as ended
// may have got less back than it wanted (Rereserve), and its end must not fail.
// The position must be locked.
func Release(ctx context.Context, tx pgx.Tx, id uuid.UUID, n int) error {
	if n == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `update positions set sell_reserved = greatest(sell_reserved - $2, 0), updated_at = now() where id = $1`, id, n)
	if err != nil {
		return fmt.Errorf("release %d of position %s: %w", n, id, err)
	}
	return nil
}

// Rereserve holds n contracts again for a sell that turned out to live after
// all (late adoption), as far as they are available, and says how many it got.
func Rereserve(ctx context.Context, tx pgx.Tx, p Position, n int) (int, error) {
	n = min(n, max(p.Available(), 0))
	if n == 0 {
		return 0, nil
	}
	return n, Release(ctx, tx, p.ID, -n)
}
