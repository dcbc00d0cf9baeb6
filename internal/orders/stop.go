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
	StopClose   = "close"   // and what is held of copies is sold
)

// Stopped is what turning one's own kill switch did besides.
type Stopped struct {
	Taken   int      // buys that were taken back or asked to be cancelled
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
	err = d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		halt := risk.Halt{Scope: risk.Self, Key: user.String(), Stops: "entries", Reason: "You stopped trading.", Cause: risk.ByOwner}
		if err := d.rules.Turn(ctx, tx, halt, &user); err != nil {
			return err
		}
		event := haltEvent(halt)
		event["level"] = level
		return live.Publish(ctx, tx, user, "halt", event)
	})
	if err != nil || level == StopEntries {
		return done, err
	}
	if done.Taken, err = d.withdrawEntries(ctx, user); level == StopCancel {
		return done, err
	}
	var sellErr error
	done.Selling, done.Left, sellErr = d.sellCopies(ctx, user)
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

// withdrawEntries takes back every buy that may still fill, each in a
// transaction of its own: one that fails must not keep the others.
func (d *Desk) withdrawEntries(ctx context.Context, user uuid.UUID) (taken int, err error) {
	rows, err := d.db.Pool().Query(ctx, `
		select id from orders where user_id = $1 and side = 'BTO' and cancel_requested_at is null
		  and state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') order by created_at limit 1000`, user)
	if err != nil {
		return 0, fmt.Errorf("read the orders to take back: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, fmt.Errorf("read the orders to take back: %w", err)
	}
	var errs []error
	for _, id := range ids {
		if err := d.Withdraw(ctx, id, "You stopped trading."); err != nil {
			errs = append(errs, fmt.Errorf("take back order %s: %w", id, err))
			continue
		}
		taken++
	}
	return taken, errors.Join(errs...)
}
