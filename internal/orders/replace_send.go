package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// orderOfChange is the order a change belongs to, when the change is still its newest.
func (d *Desk) orderOfChange(ctx context.Context, change uuid.UUID) (Order, error) {
	o, err := one(d.db.Pool().Query(ctx, `
		select `+columns+` from orders o join order_changes m on m.order_id = o.id where m.id = $1`, change))
	if err != nil {
		return Order{}, fmt.Errorf("read the order of change %s: %w", change, err)
	}
	return o, nil
}

// SendChange takes one queued change to the broker: a look at the order, claim,
// one request, outcome. Like Send it may be called twice or at once: the claim is
// the fence, and nothing is ever sent a second time.
func (d *Desk) SendChange(ctx context.Context, change uuid.UUID) error {
	o, err := d.orderOfChange(ctx, change)
	if err != nil {
		return err
	}
	if o.Change.ID != change || o.Change.State != ChangeQueued {
		return nil // somebody was here before
	}
	if err := d.room(ctx, o.Side, snaptrade.Manual); err != nil { // what replacing a buy counts as
		return err
	}
	a, err := d.accounts.ByID(ctx, o.AccountID)
	if err != nil {
		return fmt.Errorf("send change %s: %w", change, err)
	}
	user, secret, err := d.accounts.Versioned(ctx, o.UserID)
	if err != nil {
		return fmt.Errorf("send change %s: %w", change, err)
	}
	if d.now().Before(o.Change.SendBefore) {
		if err := d.readBefore(ctx, user, a, o); err != nil {
			d.log.WarnContext(ctx, "read an order before replacing it", "order", o.ID, "err", err)
			return Again{time.Second}
		}
	}
	d.crash("C4")
	claimed, err := d.claimChange(ctx, o, secret)
	if err != nil {
		return d.changeNotClaimed(ctx, o, err)
	}
	d.crash("C5")
	out := d.requestChange(ctx, claimed, user, a)
	d.crash("C8")
	if err := d.settleChange(ctx, claimed, out); err != nil {
		return fmt.Errorf("write the outcome of change %s: %w", change, err)
	}
	d.crash("C9")
	return nil
}

// readBefore books what the broker knows of the order now: what filled since the
// last look must not be asked for again. An order that SnapTrade cannot show was
// placed elsewhere; then the last look has to do.
func (d *Desk) readBefore(ctx context.Context, user snaptrade.User, a brokers.Account, o Order) error {
	ctx, cancel := context.WithTimeout(snaptrade.WithClass(ctx, snaptrade.UnresolvedLook), 10*time.Second)
	defer cancel()
	l, err := d.broker.OrderDetails(ctx, user, a.BrokerAccountID, *o.BrokerOrderID)
	if isUnsupported(err) || snaptrade.StatusOf(err) == 404 {
		return nil
	}
	if err != nil {
		return err
	}
	return d.book(ctx, o.ID, reportOf(l), booking{actor: byReconciler})
}

// changeOutcome is what a request to replace came to.
type changeOutcome struct {
	replaced *snaptrade.Order
	failed   *snaptrade.PlaceError
}

// requestChange is the one place in the program from which a replacement is sent.
// The claim's deadline bounds it, not the job's own context.
func (d *Desk) requestChange(ctx context.Context, o Order, user snaptrade.User, a brokers.Account) changeOutcome {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), *o.Change.Deadline)
	defer cancel()
	claimed, begun := d.now(), time.Time{}
	ctx = snaptrade.NoteBegin(snaptrade.BeginBy(ctx, d.beginBy(o.Side, o.Change.SendBefore)), &begun)
	d.crash("C7")
	l, err := d.broker.ReplaceOption(ctx, user, a.BrokerAccountID, o.Change.onWire(o))
	d.keepPace(ctx, o.AccountID, claimed, begun)
	if err == nil {
		return changeOutcome{replaced: &l}
	}
	var failed *snaptrade.PlaceError
	if !errors.As(err, &failed) {
		failed = &snaptrade.PlaceError{Outcome: snaptrade.Unknown, Err: &snaptrade.Error{Op: "replace option order", Message: "unreadable failure"}}
	}
	return changeOutcome{failed: failed}
}

// settleChange writes what the request came to, again and again while the database
// is away; if it stays away, the sweeper and the looks find out.
func (d *Desk) settleChange(ctx context.Context, o Order, out changeOutcome) error {
	return d.insist(ctx, func(ctx context.Context) error {
		if out.replaced != nil {
			return d.adoptSuccessor(ctx, o.ID, succession{
				change: o.Change, claim: o.Change.ClaimToken, booking: booking{actor: byPlacer},
			}, *out.replaced)
		}
		failed := out.failed
		d.log.WarnContext(ctx, "order not replaced", "order", o.ID, "change", o.Change.ID, "outcome", failed.Outcome,
			"status", failed.Err.Status, "request_id", failed.Err.RequestID)
		switch failed.Outcome {
		case snaptrade.Refused:
			return d.refuseChange(ctx, o, failed)
		case snaptrade.NotSent:
			return d.sendChangeBack(ctx, o, failed)
		}
		return d.changeUnknown(ctx, o.Change.ID, byPlacer, o.Change.ClaimToken, failed.Err.Error())
	})
}

// refuseChange: the broker will not replace the order. It stays as it was.
func (d *Desk) refuseChange(ctx context.Context, o Order, failed *snaptrade.PlaceError) error {
	reason := failed.Err.Message
	if reason == "" {
		reason = "refused by the broker"
	}
	return d.failChange(ctx, o.ID, *o.Change, o.Change.ClaimToken, changeEnding{actor: byPlacer, reason: reason})
}

// failChange ends a change that may have been sent and did not come about. With a
// claim, only while it holds.
func (d *Desk) failChange(ctx context.Context, order uuid.UUID, c Change, claim *uuid.UUID, e changeEnding) error {
	return d.db.AsSystem(ctx, e.actor, func(ctx context.Context, tx pgx.Tx) error {
		o, err := d.lockBoth(ctx, tx, order)
		if err != nil || o.Change == nil || o.Change.ID != c.ID || !o.Change.Unresolved() || claim != nil && !o.Change.claimedBy(*claim) {
			return err
		}
		e.to = ChangeFailed
		return d.endChangeAndSettle(ctx, tx, *o.Change, e)
	})
}

// sendChangeBack: provably not executed, so it may be sent again, at most five
// times in all and never past its time.
func (d *Desk) sendChangeBack(ctx context.Context, o Order, failed *snaptrade.PlaceError) error {
	wait := max(failed.Err.RetryAfter, time.Second)
	last := o.Change.Attempts+1 >= sendsMost || d.now().Add(wait).After(o.Change.SendBefore)
	return d.db.AsSystem(ctx, byPlacer, func(ctx context.Context, tx pgx.Tx) error {
		locked, err := d.lockBoth(ctx, tx, o.ID)
		if err != nil || locked.Change == nil || locked.Change.ID != o.Change.ID || locked.Change.State != ChangeSubmitting ||
			!locked.Change.claimedBy(*o.Change.ClaimToken) {
			return err
		}
		c, err := oneChange(tx.Query(ctx, `
			update order_changes c set state = 'queued', claim_token = null, sent_at = null, deadline = null, units = null, old_broker_id = null,
				attempts = attempts + 1, not_before = clock_timestamp() + make_interval(secs => $2), updated_at = now()
			where id = $1 returning to_jsonb(c)`, o.Change.ID, wait.Seconds()))
		if err != nil {
			return fmt.Errorf("send change %s back to the queue: %w", o.Change.ID, err)
		}
		if _, err := d.noteChange(ctx, tx, o.ID, byPlacer, c, map[string]any{"error": failed.Err.Error()}); err != nil {
			return err
		}
		if last {
			return d.endChangeAndSettle(ctx, tx, c, changeEnding{to: ChangeAborted, actor: byPlacer, reason: "The broker could not be reached in time."})
		}
		_, err = d.queue.InsertTx(ctx, tx, ChangeJob{ChangeID: c.ID, Exit: o.Side == STC}, sendAfter(d.now().Add(wait)))
		return err
	})
}

// changeUnknown is T7 of a change. A nil claim is the sweeper's.
func (d *Desk) changeUnknown(ctx context.Context, change uuid.UUID, actor string, claim *uuid.UUID, why string) error {
	o, err := d.orderOfChange(ctx, change)
	if err != nil {
		return err
	}
	return d.db.AsSystem(ctx, actor, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := d.lockBoth(ctx, tx, o.ID); err != nil {
			return err
		}
		c, err := oneChange(tx.Query(ctx, `
			update order_changes c set state = 'unknown', unknown_since = clock_timestamp(), updated_at = now()
			where id = $1 and state = 'submitting' and ($2::uuid is null and clock_timestamp() > deadline + interval '5 seconds' or claim_token = $2)
			returning to_jsonb(c)`, change, claim))
		if fault.CodeOf(err) == "not_found" {
			return nil
		}
		if err != nil {
			return fmt.Errorf("mark change %s unknown: %w", change, err)
		}
		o, err := d.noteChange(ctx, tx, o.ID, actor, c, map[string]any{"why": why})
		if err != nil {
			return err
		}
		return live.Publish(ctx, tx, o.UserID, "order", o)
	})
}

// notifyChange tells the owner, in-app, that an order stayed as it was, and why.
func (d *Desk) notifyChange(ctx context.Context, tx pgx.Tx, o Order, c Change) error {
	body := LineOf(o.Side, o.Quantity, o.Contract, o.Limit)
	if c.Reason != nil && *c.Reason != "" {
		body += ": " + *c.Reason
	}
	position := o.PositionID
	return d.alerts.Notify(ctx, tx, alerts.Notification{
		UserID: o.UserID, Type: alerts.OrderRejected, Title: "Order not replaced", Body: body, URL: "/orders",
		Data: map[string]any{"orderId": o.ID}, SubjectKey: "change:" + c.ID.String(), PositionID: &position, LearntAt: d.now(),
	})
}
