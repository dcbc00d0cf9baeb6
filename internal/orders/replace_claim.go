package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
)

// claimChange is T2 of a change: the one way it becomes sendable, committed before
// anything is sent, for a request with that version of the secret.
func (d *Desk) claimChange(ctx context.Context, o Order, secret int64) (claimed Order, err error) {
	facts, err := d.factsAgain(ctx, o.Change.asked(o))
	if err != nil {
		return Order{}, err
	}
	facts.Quantity = o.Change.Quantity
	err = d.db.AsSystem(ctx, byPlacer, func(ctx context.Context, tx pgx.Tx) error {
		claimed, err = d.claimChangeIn(ctx, tx, o.ID, o.Change.ID, secret, facts)
		return err
	}, postgres.NoRetry())
	if postgres.IsUnique(err, "order_changes_one_on_the_wire") || postgres.IsUnique(err, "order_changes_one_unresolved") || postgres.IsLockTimeout(err) {
		return Order{}, errWait
	}
	return claimed, err
}

func (d *Desk) claimChangeIn(ctx context.Context, tx pgx.Tx, order, change uuid.UUID, secret int64, facts risk.Facts) (Order, error) {
	seen, err := read(ctx, tx, order)
	if err != nil {
		return Order{}, err
	}
	a, err := d.accounts.ForOrder(ctx, tx, seen.UserID, &seen.AccountID)
	if err != nil {
		return Order{}, err
	}
	rules, err := d.rules.For(ctx, tx, d.changeTrade(seen, a))
	if err != nil {
		return Order{}, err
	}
	if err := d.mayPlace(ctx, tx); err != nil {
		return Order{}, err
	}
	if err := d.tradable(ctx, tx, seen); err != nil {
		return Order{}, err
	}
	if err := d.checkClaim(ctx, tx, rules, seen, a, facts); err != nil {
		return Order{}, err
	}
	// The order before the account's look, as in every booking.
	o, err := lock(ctx, tx, order)
	if err != nil {
		return Order{}, err
	}
	if o.Change == nil || o.Change.ID != change || !o.State.Working() || o.CancelRequested != nil || o.BrokerOrderID == nil {
		return Order{}, errNotOurs
	}
	if o.Change.Quantity <= o.Cum {
		return Order{}, fault.Field("quantity", fmt.Sprintf("%d are filled already.", o.Cum))
	}
	if err := takeTurn(ctx, tx, o); err != nil {
		return Order{}, err
	}
	if err := waitForOrders(ctx, tx, o, secret); err != nil {
		return Order{}, err
	}
	return d.markChangeSubmitting(ctx, tx, o)
}

func (d *Desk) checkClaim(ctx context.Context, tx pgx.Tx, rules *risk.Rules, o Order, a brokers.Account, facts risk.Facts) error {
	if facts.Entry && o.Change.grows(o) {
		return d.checkIncrease(ctx, tx, rules, o, a, facts)
	}
	return o.Change.checkOrder(rules, o, facts)
}

// waitForOrders lets a change wait while an order of its account is on the wire, or
// one of its contract and side unresolved: what a list shows must belong to one
// request only. That of an entry waits for exits that can go, too, and each for a new
// secret. The account's look is locked, as it is where orders are claimed.
func waitForOrders(ctx context.Context, tx pgx.Tx, o Order, secret int64) error {
	var busy bool
	err := tx.QueryRow(ctx, `
		select exists (select 1 from orders where account_id = $1 and state = 'submitting')
		    or exists (select 1 from orders where account_id = $1 and symbol = $2 and side = $3 and state in ('submitting', 'unknown'))
		    or $3 = 'BTO' and exists (select 1 from orders q where q.account_id = $1 and q.side = 'STC' and q.state = 'queued'
		          and q.send_before > clock_timestamp() and (q.not_before is null or q.not_before <= clock_timestamp()) and `+nothingUnresolved+`)
		    or not `+brokers.SecretIsCurrent("$4", "$5"),
		o.AccountID, o.Contract.Symbol, o.Side, o.UserID, secret).Scan(&busy)
	if err != nil {
		return fmt.Errorf("look for an order on its way: %w", err)
	}
	if busy {
		return errWait
	}
	return nil
}

// queueWaitForChanges is waitForOrders the other way round.
func queueWaitForChanges(b *pgx.Batch, o Order, secret int64) {
	b.Queue(`
		select exists (select 1 from order_changes where account_id = $1 and state = 'submitting')
		    or exists (select 1 from order_changes where account_id = $1 and symbol = $2 and side = $3 and state in ('submitting', 'unknown'))
		    or not `+brokers.SecretIsCurrent("$4", "$5"),
		o.AccountID, o.Contract.Symbol, o.Side, o.UserID, secret).
		QueryRow(func(row pgx.Row) error {
			var busy bool
			if err := row.Scan(&busy); err != nil {
				return fmt.Errorf("look for a change on its way: %w", err)
			}
			if busy {
				return errWait
			}
			return nil
		})
}

func (d *Desk) markChangeSubmitting(ctx context.Context, tx pgx.Tx, o Order) (Order, error) {
	c, err := oneChange(tx.Query(ctx, `
		update order_changes c set state = 'submitting', claim_token = gen_random_uuid(), sent_at = clock_timestamp(),
			deadline = clock_timestamp() + make_interval(secs => $2), units = quantity - $3, old_broker_id = $4, updated_at = now()
		where id = $1 and state = 'queued' and clock_timestamp() < send_before and (not_before is null or not_before <= clock_timestamp())
		returning to_jsonb(c)`, o.Change.ID, answerWithin.Seconds(), o.Cum, o.BrokerOrderID))
	if fault.CodeOf(err) == "not_found" {
		return Order{}, errNotOurs
	}
	if err != nil {
		return Order{}, err
	}
	o, err = d.noteChange(ctx, tx, o.ID, byPlacer, c, nil)
	if err != nil {
		return Order{}, err
	}
	return o, live.Publish(ctx, tx, o.UserID, "order", o)
}

func (d *Desk) changeNotClaimed(ctx context.Context, o Order, cause error) error {
	var refusal *fault.Error
	switch {
	case errors.Is(cause, errNotOurs):
		return d.abortStaleChange(ctx, o.Change.ID)
	case errors.Is(cause, errWait):
		return Again{250 * time.Millisecond}
	case errors.Is(cause, postgres.ErrUnavailable):
		return cause
	case errors.As(cause, &refusal) && refusal.Status < 500:
		return d.dropChange(ctx, o.ID, o.Change.ID, changeEnding{actor: byPlacer, reason: refusal.Public, code: refusal.Code})
	}
	return fmt.Errorf("claim change %s: %w", o.Change.ID, cause)
}

// dropChange aborts a change that is still queued.
func (d *Desk) dropChange(ctx context.Context, order, change uuid.UUID, e changeEnding) error {
	return d.db.AsSystem(ctx, e.actor, func(ctx context.Context, tx pgx.Tx) error {
		o, err := d.lockBoth(ctx, tx, order)
		if err != nil || o.Change == nil || o.Change.ID != change || o.Change.State != ChangeQueued {
			return err
		}
		e.to = ChangeAborted
		return d.endChangeAndSettle(ctx, tx, *o.Change, e)
	})
}

// endChangeAndSettle is endChange with the position brought in line and the pages told.
func (d *Desk) endChangeAndSettle(ctx context.Context, tx pgx.Tx, c Change, e changeEnding) error {
	o, err := d.endChange(ctx, tx, c, e)
	if err != nil {
		return err
	}
	if err := positions.Settle(ctx, tx, o.PositionID, d.now()); err != nil {
		return err
	}
	return live.Publish(ctx, tx, o.UserID, "order", o)
}

// abortStaleChange ends a change whose time to be sent has passed, or whose order
// cannot be replaced any more.
func (d *Desk) abortStaleChange(ctx context.Context, change uuid.UUID) error {
	o, err := d.orderOfChange(ctx, change)
	if err != nil || o.Change.ID != change {
		return err
	}
	e := changeEnding{actor: bySweeper, reason: "stale: it could not be sent in time"}
	switch {
	case !o.State.Working():
		e.reason = "the order had ended: " + o.Label()
	case o.CancelRequested != nil:
		e.reason, e.silent = "the order is being cancelled", true
	case o.Change.Attempts >= sendsMost:
		e.reason = "The broker could not be reached in time."
	case d.now().Before(o.Change.SendBefore):
		return nil // it waits for a moment
	}
	return d.dropChange(ctx, o.ID, change, e)
}
