package users

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ByVerifiedEmail finds whose verified address this is, compared in lower case
// only: no games with dots or plus signs. fault.NotFound when it is nobody's.
// A deleted user keeps the address until the row is emptied.
func (d *Directory) ByVerifiedEmail(ctx context.Context, tx pgx.Tx, email string) (User, error) {
	u, err := one(ctx, tx,
		"select "+columns+" from users where lower(email) = lower($1) and email_verified", email)
	if err != nil {
		return User{}, fmt.Errorf("find user by e-mail: %w", err)
	}
	return u, nil
}

// DropUnverifiedEmail takes an address away from everybody who has it unverified:
// such a user may have been planted there to wait for the owner.
func (d *Directory) DropUnverifiedEmail(ctx context.Context, tx pgx.Tx, email string) error {
	_, err := tx.Exec(ctx,
		`update users set email = null, updated_at = now() where lower(email) = lower($1) and not email_verified`, email)
	if err != nil {
		return fmt.Errorf("drop unverified e-mail: %w", err)
	}
	return nil
}
