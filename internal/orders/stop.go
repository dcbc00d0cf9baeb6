package orders

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/risk"
)

// The levels of one's own kill switch; each includes the one before.
const (
	StopEntries = "entries" // nothing new is bought, by hand or by copying
	StopCancel  = "cancel"  // and buys that have not filled are taken back
	StopClose   = "close"   // and what is held of copies is sold, and what still fills of them
)

// Stopped is what turning one's own kill switch did besides, or stopping to copy a
// trader.
type Stopped struct {
	Taken   int      // buys that were taken back or asked to be cancelled, of those there were when the switch was turned
	Selling int      // orders that sell copied contracts
	Left    []string // why copied contracts are not being sold
}

// Stop turns a user's own kill switch. The switch is turned first, so that
// nothing new can begin while orders are being taken back; sells go on, because
// stopping must never keep somebody in a position. A higher level may follow.
func (d *Desk) Stop(ctx context.Context, user uuid.UUID, level string) (done Stopped, err error) {
	if level != StopEntries && level != StopCancel && level != StopClose {
		return done, fault.Field("level", "entries, cancel or close.")
	}
	var entries []uuid.UUID
	err = d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) (err error) {
		halt := risk.Halt{Scope: risk.Self, Key: user.String(), Stops: "entries", Reason: "You stopped trading.", Cause: risk.ByOwner}
		if err := d.rules.Turn(ctx, tx, halt, &user); err != nil {
			return err
		}
		event := haltEvent(halt)
		event["level"] = level
		if err := live.Publish(ctx, tx, user, "halt", event); err != nil {
			return err
		}
		if level == StopClose {
			if err := d.CloseCopies(ctx, tx, user, nil); err != nil {
				return err
			}
		}
		entries, err = openEntries(ctx, tx, user)
		return err
	})
	if err != nil || level == StopEntries {
		return done, err
	}
	if done.Taken, err = d.withdrawEntries(ctx, entries); level == StopCancel {
		return done, err
	}
	var sellErr error
	done.Selling, done.Left, sellErr = d.SellCopies(ctx, user, nil)
	return done, errors.Join(err, sellErr)
}

// Resume takes away a user's own halt, and what breakers turned off of their
// accounts; an operator's stays.
func (d *Desk) Resume(ctx context.Context, user uuid.UUID) error {
	return d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := d.rules.ResumeOwn(ctx, tx, user); err != nil {
			return err
		}
		return live.Publish(ctx, tx, user, "halt", map[string]any{"halted": false})
	})
}

// openBuys are a user's buys that may still fill and have not been asked to end (index orders_working).
const openBuys = `user_id = $1 and side = 'BTO' and cancel_requested_at is null
	and state in ('queued', 'submitting', 'unknown', 'accepted', 'partial')`

// entriesMost bounds what one stop takes back.
const entriesMost = 10_000

// OpenBuys counts what StopCancel would take back now.
func (d *Desk) OpenBuys(ctx context.Context, user uuid.UUID) (n int, err error) {
	err = d.db.ReadAs(ctx, user, func(b *pgx.Batch) {
		b.Queue(`select count(*)::int from orders where `+openBuys, user).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
	})
	if err != nil {
		return 0, fmt.Errorf("count the orders that may still fill: %w", err)
	}
	return n, nil
}

// openEntries are the buys that may still fill, while no claim can commit: whatever
// ends one of them from then on is the stop, or the broker.
func openEntries(ctx context.Context, tx pgx.Tx, user uuid.UUID) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `
		select id from orders where `+openBuys+` order by created_at limit $2`, user, entriesMost)
	if err != nil {
		return nil, fmt.Errorf("read the orders to take back: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("read the orders to take back: %w", err)
	}
	return ids, nil
}

// withdrawEntries takes buys back, each in a transaction of its own: one that fails
// must not keep the others. It tells how many are gone or asked to be cancelled, by
// this or, because the switch is turned, by whoever was about to send them.
func (d *Desk) withdrawEntries(ctx context.Context, ids []uuid.UUID) (taken int, err error) {
	var errs []error
	for _, id := range ids {
		if err := d.Withdraw(ctx, id, "You stopped trading."); err != nil {
			errs = append(errs, fmt.Errorf("take back order %s: %w", id, err))
		}
	}
	err = d.db.Pool().QueryRow(ctx, `
		select count(*) from orders where id = any($1) and (state = 'aborted' or cancel_requested_at is not null)`, ids).Scan(&taken)
	if err != nil {
		errs = append(errs, fmt.Errorf("count the orders taken back: %w", err))
	}
	return taken, errors.Join(errs...)
}
