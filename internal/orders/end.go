package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/risk"
)

// ending is an order's end without a word from the broker's list.
type ending struct {
	to       State
	actor    string
	claim    *uuid.UUID // T5: only the claiming placer
	reason   string
	code     string          // of a refusal, for programs
	compared json.RawMessage // by a refusal; nil: nothing
	review   string          // why an operator should look
	evidence map[string]any
}

// endsFrom are the states each such end may come from (T3, T5, T9).
var endsFrom = map[State][]State{
	Aborted:   {Queued},
	Rejected:  {Submitting, Unknown},
	NotPlaced: {Unknown},
}

// Abort is T3: an order that was never sent and never will be.
func (d *Desk) Abort(ctx context.Context, id uuid.UUID, actor, reason string) error {
	e := ending{to: Aborted, actor: actor, reason: reason}
	if actor == byUser {
		e.code = UserCancelled
	}
	return d.end(ctx, id, e)
}

// AbortCopy is Abort of a copy that its follower's settings took back; code is the
// reason its decision keeps.
func (d *Desk) AbortCopy(ctx context.Context, id uuid.UUID, code, reason string) error {
	return d.end(ctx, id, ending{to: Aborted, actor: byCopier, reason: reason, code: code})
}

// UserCancelled is the reason code of an order that its owner took back before
// it was sent: nobody places it again for them.
const UserCancelled = "user_cancelled"

func (d *Desk) end(ctx context.Context, id uuid.UUID, e ending) error {
	return d.db.AsSystem(ctx, e.actor, func(ctx context.Context, tx pgx.Tx) error {
		o, err := d.lockBoth(ctx, tx, id)
		if err != nil {
			return err
		}
		if !slices.Contains(endsFrom[e.to], o.State) || e.claim != nil && (o.ClaimToken == nil || *o.ClaimToken != *e.claim) {
			return nil // somebody else moved it first
		}
		return d.endIn(ctx, tx, o, e)
	})
}

// lockBoth takes the locks of an order's end or change in their order: the counters of
// an entry's days, position, order.
func (d *Desk) lockBoth(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Order, error) {
	seen, err := read(ctx, tx, id)
	if err != nil {
		return Order{}, err
	}
	if err := d.holdDays(ctx, tx, seen); err != nil {
		return Order{}, err
	}
	if _, err := positions.Lock(ctx, tx, seen.PositionID); err != nil {
		return Order{}, err
	}
	return lock(ctx, tx, id)
}

// holdDays locks the counters that an entry may give back to.
func (d *Desk) holdDays(ctx context.Context, tx pgx.Tx, o Order) error {
	if o.Side == STC {
		return nil
	}
	days := []exchange.Date{o.TradingDay}
	if o.Change != nil {
		days = append(days, o.Change.TradingDay)
	}
	return d.rules.HoldDays(ctx, tx, o.UserID, days...)
}

// endIn writes the end; position and order are locked.
func (d *Desk) endIn(ctx context.Context, tx pgx.Tx, o Order, e ending) error {
	from := o.State
	o, err := one(tx.Query(ctx, `
		update orders o set state = $2, reason = $3, reason_code = nullif($4, ''), reason_numbers = $6, claim_token = null, event_seq = event_seq + 1,
			review_reason = coalesce(nullif($5, ''), `+otherReview+`), finished_at = now(), updated_at = now()
		where id = $1 returning `+columns, o.ID, e.to, e.reason, e.code, e.review, e.compared))
	if err != nil {
		return fmt.Errorf("end order: %w", err)
	}
	if err := event(ctx, tx, o, from, e.actor, e.evidence); err != nil {
		return err
	}
	before := o
	before.State = from
	if err := d.recountEnd(ctx, tx, before, o); err != nil {
		return err
	}
	if err := positions.Settle(ctx, tx, o.PositionID, d.now()); err != nil {
		return err
	}
	if err := d.putOnRecord(ctx, tx, o, false); err != nil { // before the account's looks, as after a fill
		return err
	}
	if err := lookAt(ctx, tx, o, nextLook(o, d.now(), d.clock.Open(o.Contract.Underlying))); err != nil {
		return err
	}
	return d.tell(ctx, tx, o)
}

// recountEnd brings what an entry has counted against its day (R13) in line with what
// became of it: an end gives back what it did not buy, and what is at the broker after
// all, or fills after it had ended (T10, T13, T14), counts again, whatever the day's
// limits. A copy that never was at the broker has its place among the day's copies
// (R12) given back as well. What a sell had reserved, settling its position gives back.
func (d *Desk) recountEnd(ctx context.Context, tx pgx.Tx, before, o Order) error {
	if o.Side == STC {
		return nil
	}
	before.EstimatedCost = o.EstimatedCost // being replaced has its own count
	more := o.counts().Sub(before.counts())
	copies := o.Source == Copy && before.isCopyOfTheDay() != o.isCopyOfTheDay()
	back := risk.Spent{CopyPremium: o.Source == Copy, Premium: decimal.Max(decimal.Zero, more.Neg()), Copies: copies && !o.isCopyOfTheDay()}
	again := risk.Spent{CopyPremium: o.Source == Copy, Premium: decimal.Max(decimal.Zero, more), Copies: copies && o.isCopyOfTheDay()}
	if back.Copies || back.Premium.IsPositive() {
		if err := d.rules.GiveBack(ctx, tx, o.UserID, o.TradingDay, back); err != nil {
			return err
		}
	}
	if again.Copies || again.Premium.IsPositive() {
		return d.rules.Count(ctx, tx, o.UserID, o.TradingDay, again)
	}
	return nil
}

// counts is how many dollars an entry counts against the day: while it may buy, and
// when it bought everything, what it was reckoned to cost; otherwise what it spent of that.
func (o Order) counts() decimal.Decimal {
	if o.State.Live() || o.State == Filled {
		return o.EstimatedCost
	}
	return decimal.Min(o.EstimatedCost, o.spent())
}

// isCopyOfTheDay says whether a copied entry takes a place among the day's copies.
func (o Order) isCopyOfTheDay() bool {
	return o.State != Aborted && o.State != Rejected && o.State != NotPlaced
}

// tell lets the pages and the owner know of a change, and rings for whoever
// repeats trades when an order of a copy has ended.
func (d *Desk) tell(ctx context.Context, tx pgx.Tx, o Order) error {
	if err := live.Publish(ctx, tx, o.UserID, "order", o); err != nil {
		return err
	}
	if !o.State.Live() {
		if _, err := d.queue.InsertTx(ctx, tx, o.changed(), nil); err != nil {
			return fmt.Errorf("ring for order %s: %w", o.ID, err)
		}
	}
	return d.notify(ctx, tx, o)
}

// notify tells the owner, in-app, how an order without a fill stands. Copies
// report through their decision.
func (d *Desk) notify(ctx context.Context, tx pgx.Tx, o Order) error {
	var kind alerts.Type
	var title string
	switch {
	case o.Source == Copy:
		return nil
	case o.State == Rejected:
		kind, title = alerts.OrderRejected, "Order rejected"
	case o.State == Aborted:
		kind, title = alerts.OrderCancelled, "Order not sent"
	case o.State == Cancelled || o.State == Expired:
		kind, title = alerts.OrderCancelled, "Order "+string(o.State)
	case o.State == NotPlaced:
		kind, title = alerts.OrderRejected, "Order not found: check with your broker"
	default:
		return nil
	}
	body := LineOf(o.Side, o.Quantity, o.Contract, o.Limit)
	if o.Reason != nil && *o.Reason != "" {
		body += ": " + *o.Reason
	}
	position := o.PositionID
	return d.alerts.Notify(ctx, tx, alerts.Notification{
		UserID: o.UserID, Type: kind, Title: title, Body: body, URL: "/orders",
		Data: map[string]any{"orderId": o.ID}, SubjectKey: fmt.Sprintf("%s:%s", o.ID, o.State), PositionID: &position, LearntAt: d.now(),
	})
}

// abortStale is T3 for an order whose time to be sent has passed.
func (d *Desk) abortStale(ctx context.Context, id uuid.UUID) error {
	return d.db.AsSystem(ctx, bySweeper, func(ctx context.Context, tx pgx.Tx) error {
		o, err := d.lockBoth(ctx, tx, id)
		if fault.CodeOf(err) == "not_found" {
			return nil
		}
		if err != nil {
			return err
		}
		if o.State != Queued || d.now().Before(o.SendBefore) {
			return nil
		}
		return d.endIn(ctx, tx, o, ending{to: Aborted, actor: bySweeper, reason: "stale: it could not be sent in time"})
	})
}
