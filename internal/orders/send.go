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
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// settleFor is how long the outcome of a request in flight is written again
// while the database is away.
const settleFor = 30 * time.Second

// Again asks the queue to ring once more, after a while: a wish, not a failure.
type Again struct{ After time.Duration } //nolint:errname // nothing went wrong

// Error says so.
func (a Again) Error() string { return fmt.Sprintf("try again in %s", a.After) }

// Send takes one queued order to its broker: claim, one request, outcome. It is
// safe to call twice or at once for the same order: the claim is the fence. The
// error is Again when the order must wait its turn.
func (d *Desk) Send(ctx context.Context, id uuid.UUID) error {
	o, err := read(ctx, d.db.Pool(), id)
	if err != nil {
		return fmt.Errorf("send order: %w", err)
	}
	if o.State != Queued {
		return nil // somebody was here before
	}
	if err := d.turn(ctx, o); err != nil {
		return d.notClaimed(ctx, o, err)
	}
	if err := d.room(ctx, o.Side, placeClass(o)); err != nil {
		return d.notClaimed(ctx, o, err)
	}
	// The secret is opened before the claim: failing here leaves the order queued. The
	// claim sees that it is the current one still.
	user, secret, err := d.accounts.Versioned(ctx, o.UserID)
	if err != nil {
		return fmt.Errorf("send order %s: %w", id, err)
	}
	d.crash("C4")
	claimed, account, err := d.claim(ctx, o, secret)
	if err != nil {
		return d.notClaimed(ctx, o, err)
	}
	if claimed.SentAt != nil { // both by the database's clock
		d.observe(HopClaimed, claimed.Side, claimed.SentAt.Sub(claimed.CreatedAt))
	}
	d.crash("C5") // and C6: claimed, and the claimer never knew
	outcome := d.request(ctx, claimed, user, account)
	d.crash("C8")
	if err := d.settle(ctx, claimed, outcome); err != nil {
		return fmt.Errorf("write the outcome of order %s: %w", id, err)
	}
	if outcome.failed != nil && outcome.failed.Outcome != snaptrade.NotSent {
		d.tripped(ctx, claimed.AccountID)
	}
	d.crash("C9")
	return nil
}

func (d *Desk) notClaimed(ctx context.Context, o Order, cause error) error {
	var refusal *fault.Error
	var again Again
	switch {
	case errors.As(cause, &again):
		return again
	case errors.Is(cause, errNotOurs):
		return d.abortStale(ctx, o.ID)
	case errors.Is(cause, errWait):
		return Again{250 * time.Millisecond}
	case errors.Is(cause, postgres.ErrUnavailable): // lost or away: the sweeper sees what is on disk
		return cause
	case errors.As(cause, &refusal) && refusal.Status < 500:
		d.Refused(ctx, cause)
		return d.end(ctx, o.ID, ending{to: Aborted, actor: byPlacer, reason: refusal.Public, code: refusal.Code, compared: refusal.Compared()})
	}
	return fmt.Errorf("claim order %s: %w", o.ID, cause)
}

// outcome is what a request to place came to.
type outcome struct {
	placed *snaptrade.Placed
	failed *snaptrade.PlaceError
}

// request is the one place in the program from which an order is sent.
func (d *Desk) request(ctx context.Context, o Order, user snaptrade.User, a brokers.Account) outcome {
	// Not the job's own context: stopping the process must not cut off a
	// request in flight. The claim's deadline bounds it.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), *o.Deadline)
	defer cancel()
	ctx = snaptrade.WithClass(ctx, placeClass(o))
	claimed, begun := d.now(), time.Time{}
	ctx = snaptrade.NoteBegin(snaptrade.BeginBy(ctx, d.beginBy(o.Side, o.SendBefore)), &begun)
	d.crash("C7")
	placed, err := d.broker.PlaceOption(ctx, user, a.BrokerAccountID, snaptrade.OptionOrder{
		Symbol: o.Contract.Symbol, Action: actionOf(o.Side), Units: o.Quantity, Type: wireType(o.Type),
		LimitPrice: decimalOf(o.Limit), StopPrice: decimalOf(o.Stop), TimeInForce: forceOf(o.TimeInForce),
	})
	d.keepPace(ctx, o.AccountID, claimed, begun)
	if !begun.IsZero() {
		d.observe(HopSent, o.Side, begun.Sub(claimed))
	}
	if err == nil {
		d.observe(HopAccepted, o.Side, d.now().Sub(begun))
		return outcome{placed: &placed}
	}
	var failed *snaptrade.PlaceError
	if !errors.As(err, &failed) {
		failed = &snaptrade.PlaceError{Outcome: snaptrade.Unknown, Err: &snaptrade.Error{Op: "place option order", Message: "unreadable failure"}}
	}
	return outcome{failed: failed}
}

// settle writes what the request came to (T4 to T7).
func (d *Desk) settle(ctx context.Context, o Order, out outcome) error {
	return d.insist(ctx, func(ctx context.Context) error { return d.settleOnce(ctx, o, out) })
}

// insist writes the outcome of a request again and again while the database is
// away; if it stays away, the sweeper and the looks find out (C8).
func (d *Desk) insist(ctx context.Context, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 3*time.Second) {
		err := write(ctx)
		if err == nil || !errors.Is(err, postgres.ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func (d *Desk) settleOnce(ctx context.Context, o Order, out outcome) error {
	if out.placed != nil {
		return d.book(ctx, o.ID, placedReport(*out.placed), booking{actor: byPlacer, claim: o.ClaimToken})
	}
	failed := out.failed
	d.log.WarnContext(ctx, "order not placed", "order", o.ID, "outcome", failed.Outcome, "status", failed.Err.Status, "request_id", failed.Err.RequestID)
	switch failed.Outcome {
	case snaptrade.Refused:
		return d.refuse(ctx, o, failed)
	case snaptrade.NotSent:
		return d.sendBack(ctx, o, failed)
	}
	return d.unknown(ctx, o.ID, byPlacer, o.ClaimToken, failed.Err.Error())
}

// placedReport is the answer to placing as the first look.
func placedReport(p snaptrade.Placed) report {
	for _, listed := range p.Orders {
		if listed.ID == p.OrderID || len(p.Orders) == 1 {
			r := reportOf(listed)
			r.BrokerOrderID = p.OrderID
			return r
		}
	}
	return report{BrokerOrderID: p.OrderID, Status: snaptrade.StatusPending}
}

// refuse is T5: definitely refused.
func (d *Desk) refuse(ctx context.Context, o Order, failed *snaptrade.PlaceError) error {
	reason := failed.Err.Message
	if reason == "" {
		reason = "refused by the broker"
	}
	return d.end(ctx, o.ID, ending{
		to: Rejected, actor: byPlacer, claim: o.ClaimToken, reason: reason,
		evidence: map[string]any{"status": failed.Err.Status, "code": failed.Err.Code, "request_id": failed.Err.RequestID},
	})
}

// sendBack is T6: provably not executed, so it may be sent again. After the fifth
// time, or when that would be past send_before, T3 follows in the same transaction.
func (d *Desk) sendBack(ctx context.Context, o Order, failed *snaptrade.PlaceError) error {
	wait := max(failed.Err.RetryAfter, time.Second)
	last := o.Attempts+1 >= sendsMost || d.now().Add(wait).After(o.SendBefore)
	err := d.db.AsSystem(ctx, byPlacer, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := d.lockBoth(ctx, tx, o.ID); err != nil {
			return err
		}
		back, err := one(tx.Query(ctx, `
			update orders o set state = 'queued', claim_token = null, sent_at = null, deadline = null,
				attempts = attempts + 1, not_before = clock_timestamp() + make_interval(secs => $3),
				event_seq = event_seq + 1, updated_at = now()
			where id = $1 and claim_token = $2 and state = 'submitting' returning `+columns, o.ID, o.ClaimToken, wait.Seconds()))
		if fault.CodeOf(err) == "not_found" {
			return nil
		}
		if err != nil {
			return err
		}
		if err := event(ctx, tx, back, Submitting, byPlacer, map[string]any{"error": failed.Err.Error()}); err != nil {
			return err
		}
		if last {
			return d.endIn(ctx, tx, back, ending{to: Aborted, actor: byPlacer, reason: "The broker could not be reached in time."})
		}
		_, err = d.queue.InsertTx(ctx, tx, bell(o), sendAfter(d.now().Add(wait)))
		return err
	})
	if err != nil {
		return fmt.Errorf("send order %s back to the queue: %w", o.ID, err)
	}
	return nil
}

// unknown is T7. A nil claim is the sweeper's.
func (d *Desk) unknown(ctx context.Context, id uuid.UUID, actor string, claim *uuid.UUID, why string) error {
	return d.db.AsSystem(ctx, actor, func(ctx context.Context, tx pgx.Tx) error {
		o, err := one(tx.Query(ctx, `
			update orders o set state = 'unknown', unknown_since = clock_timestamp(), event_seq = event_seq + 1, updated_at = now()
			where id = $1 and state = 'submitting' and ($2::uuid is null and clock_timestamp() > deadline + interval '5 seconds' or claim_token = $2)
			returning `+columns, id, claim))
		if fault.CodeOf(err) == "not_found" {
			return nil
		}
		if err != nil {
			return fmt.Errorf("mark order %s unknown: %w", id, err)
		}
		if err := event(ctx, tx, o, Submitting, actor, map[string]any{"why": why}); err != nil {
			return err
		}
		return d.tell(ctx, tx, o)
	})
}
