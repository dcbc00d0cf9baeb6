package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
)

// Close is the end of a user, in the caller's transaction: they are in no list and on no
// page any more, and what they said of themselves is gone. The row stays, because orders
// and the audit log name it, and so does the username: nobody else can take it and be
// taken for them. Errors: the conflict invalid_state for the last admin; fault.NotFound
// for who is not active.
func (d *Directory) Close(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	u, err := d.ByIDIn(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := keepAnAdmin(ctx, tx, u.Username); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update trader_applications set state = 'withdrawn', ended_at = now() where user_id = $1 and state = 'pending'`, id); err != nil {
		return fmt.Errorf("withdraw the application of %s: %w", id, err)
	}
	if _, err := tx.Exec(ctx, `delete from table_columns where user_id = $1`, id); err != nil {
		return fmt.Errorf("forget the columns of %s: %w", id, err)
	}
	_, err = one(ctx, tx, `
		update users set status = 'deleted', role = 'subscriber', verified_at = null, name = 'Deleted user', bio = '', avatar_url = null,
		       email = null, email_verified = false, session_epoch = session_epoch + 1, updated_at = now()
		where id = $1 and status = 'active'
		returning `+columns, id)
	if errors.Is(err, fault.NotFound()) {
		return err
	}
	if err != nil {
		return fmt.Errorf("close user %s: %w", id, err)
	}
	return nil
}
