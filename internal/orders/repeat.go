package orders

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/snaptrade"
)

// Any is an order whoever owns it, for the work that repeats trades.
func (d *Desk) Any(ctx context.Context, id uuid.UUID) (Order, error) {
	return read(ctx, d.db.Pool(), id)
}

// Withdraw takes a copy's order back: a queued one is aborted, one at the broker is
// asked to be cancelled; one that has ended stays as it is.
func (d *Desk) Withdraw(ctx context.Context, id uuid.UUID, reason string) error {
	return d.db.AsSystem(ctx, byCopier, func(ctx context.Context, tx pgx.Tx) error {
		o, err := d.lockBoth(ctx, tx, id)
		if err != nil {
			return err
		}
		switch {
		case o.State == Queued:
			return d.endIn(ctx, tx, o, ending{to: Aborted, actor: byCopier, reason: reason})
		case o.State.Live() && o.CancelRequested == nil:
			_, err := d.requestCancel(ctx, tx, o)
			return err
		}
		return nil
	})
}

// ReadBalance reads the account's buying power again after an order that its
// owner placed has ended with fills, so that the pages show what is left. It
// goes last in the budget, and a failure waits for the next reading.
func (d *Desk) ReadBalance(ctx context.Context, id uuid.UUID) error {
	o, err := d.Any(ctx, id)
	if err != nil || o.Source != Manual || o.State.Live() || o.Cum == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(snaptrade.WithClass(ctx, snaptrade.Sync), lookUpTime)
	defer cancel()
	if _, err := d.accounts.RefreshBalance(ctx, o.UserID, o.AccountID); err != nil {
		d.log.InfoContext(ctx, "read the balance after a fill", "order", id, "err", err)
	}
	return nil
}
