package alerts

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// TellSlice tells the next people of what was announced, in the caller's transaction.
func (a *Announcer) TellSlice(ctx context.Context, tx pgx.Tx) error {
	_, err := a.tellSlice(ctx, tx)
	return err
}
