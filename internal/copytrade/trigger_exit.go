package copytrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

// waitingTrigger is a trigger without an order, with what it may sell now.
type waitingTrigger struct {
	Trigger
	Over   bool // the follower has stopped copying since: bounds end with the subscription
	Left   int  // copied contracts held
	Copied int  // of them, beyond the live sells of their subscription
	Free   int  // what the position has free
}

// PlaceTriggered sells what was reached and has no order yet, oldest first, what is on
// paper last. It may run any number of times and anywhere: of two, one finds the trigger
// taken. What cannot be sold now is tried again by the sweep until its time is over.
func (c *Copier) PlaceTriggered(ctx context.Context) error {
	var errs []error
	for page, last := dueSlice, (Trigger{}); page == dueSlice; {
		due, err := c.waitingTriggers(ctx, last)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for _, t := range due {
			if err := c.placeTrigger(ctx, t); err != nil {
				errs = append(errs, fmt.Errorf("sell for trigger %s: %w", t.ID, err))
			}
			last = t.Trigger
		}
		page = len(due)
	}
	return errors.Join(errs...)
}

// waitingTriggers reads a page of them (index copy_triggers_waiting). Foreign
// tables: positions, copy_holdings, orders.
func (c *Copier) waitingTriggers(ctx context.Context, after Trigger) ([]waitingTrigger, error) {
	rows, err := c.db.Pool().Query(ctx, `
		select `+triggerColumns+`, s.status = 'cancelled', coalesce(h.bought - h.sold, w.bought - w.sold), coalesce(`+freeCopied+`, w.bought - w.sold),
			case when p.id is null then w.bought - w.sold else greatest(p.bought - p.sold - p.sell_reserved - p.missing, 0) end
		`+triggerFrom+`
		join subscriptions s on s.id = g.subscription_id
		left join copy_holdings h on h.subscription_id = g.subscription_id and h.position_id = g.position_id
		where g.state = 'waiting' and (g.position_id is null, g.triggered_at, g.id) > ($1, $2, $3)
		order by g.position_id is null, g.triggered_at, g.id limit $4`, after.ID != uuid.Nil && after.Paper(), after.TriggeredAt, after.ID, dueSlice)
	if err != nil {
		return nil, fmt.Errorf("read waiting triggers: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t waitingTrigger, err error) {
		t.Trigger, err = scanTriggerAnd(row, &t.Over, &t.Left, &t.Copied, &t.Free)
		return t, err
	})
}

// placeTrigger sells the copied contracts that are left and free, and no others.
func (c *Copier) placeTrigger(ctx context.Context, t waitingTrigger) error {
	quantity := min(t.Copied, t.Free, t.Held, c.rules.Limits().HardContracts)
	switch {
	case t.Left == 0: // sold meanwhile, by the follower or with the trader
		return c.failTrigger(ctx, t.Trigger, "no_copy_held")
	case t.Over:
		return c.failTrigger(ctx, t.Trigger, "copying_stopped")
	case !c.now().Before(t.SendBefore) && t.Reason != nil: // why it could not be sold all the time
		return c.failTrigger(ctx, t.Trigger, *t.Reason)
	case !c.now().Before(t.SendBefore):
		return c.failTrigger(ctx, t.Trigger, "too_late")
	case quantity <= 0: // what sells them now may end without
		return c.triggerWaits(ctx, t.Trigger, "insufficient_quantity", fmt.Sprintf(`{"free": %d, "available": %d}`, t.Copied, t.Free))
	}
	if t.Paper() {
		return c.sellTriggered(ctx, t.Trigger, quantity)
	}
	from := t.Price
	if from == nil {
		if from = c.bid(ctx, t.Contract.Symbol); from == nil {
			return c.triggerWaits(ctx, t.Trigger, "risk_no_quote", noNumbers)
		}
	}
	limit := orders.ExitLimit(t.Contract, *from)
	order := orders.CopyOrder{
		UserID: t.FollowerID, LeaderID: t.TraderID, SubscriptionID: t.SubscriptionID, TriggerID: &t.ID, Side: orders.STC,
		Contract: t.Contract, PositionID: t.PositionID, Quantity: quantity, Type: orders.Limit, Limit: &limit, SendBefore: t.SendBefore,
	}
	draft, err := c.desk.DraftCopy(ctx, order)
	if err == nil {
		err = c.enterTrigger(ctx, t.Trigger, draft)
	}
	if code, _, compared, refused := refusal(err); refused {
		return c.triggerWaits(ctx, t.Trigger, code, compared)
	}
	return err
}

// bid is what a contract can be sold at; nil without a fresh one.
func (c *Copier) bid(ctx context.Context, symbol string) *money.Price {
	ctx, cancel := context.WithTimeout(ctx, c.markTime)
	defer cancel()
	q, err := c.market.Quote(ctx, symbol)
	if err != nil || q.Bid == nil || !q.Fresh(c.clock.Now()) {
		return nil
	}
	return q.Bid
}

// takeTrigger locks a trigger that still waits. The subscription's row comes first, as
// for the exits that follow the trader, then the trigger's own: of two processes one
// finds it taken, and of two sells of one copy the later sees what the earlier took.
func takeTrigger(ctx context.Context, tx pgx.Tx, t Trigger) error {
	if _, err := tx.Exec(ctx, `select from subscriptions where id = $1 for no key update`, t.SubscriptionID); err != nil {
		return fmt.Errorf("lock the copy: %w", err)
	}
	var id uuid.UUID
	err := tx.QueryRow(ctx, `select id from copy_triggers where id = $1 and state = 'waiting' for no key update skip locked`, t.ID).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return errTaken
	}
	if err != nil {
		return fmt.Errorf("lock the trigger: %w", err)
	}
	return nil
}

// enterTrigger is T1 for a trigger, once it is taken.
func (c *Copier) enterTrigger(ctx context.Context, t Trigger, draft orders.Draft) error {
	err := c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		if err := takeTrigger(ctx, tx, t); err != nil {
			return err
		}
		o, err := c.desk.EnterCopy(ctx, tx, draft)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update copy_triggers set state = 'placed', order_id = $2, reason = null, updated_at = now(),
			numbers = numbers || jsonb_build_object('limit', $3::text) where id = $1`, t.ID, o.ID, o.Limit.String())
		return err
	})
	if errors.Is(err, errTaken) {
		return nil
	}
	c.desk.Refused(ctx, err)
	return err
}

// triggerWaits notes why a trigger could not sell yet, and the numbers compared.
func (c *Copier) triggerWaits(ctx context.Context, t Trigger, code, compared string) error {
	_, err := c.db.Pool().Exec(ctx, `
		update copy_triggers set reason = $2, numbers = numbers || $3::jsonb, updated_at = now()
		where id = $1 and state = 'waiting' and reason is distinct from $2`, t.ID, code, compared)
	if err != nil {
		return fmt.Errorf("note why it waits: %w", err)
	}
	return nil
}

// failTrigger ends a trigger that sold nothing.
func (c *Copier) failTrigger(ctx context.Context, t Trigger, code string) error {
	return c.endTrigger(ctx, t.ID, nil, TriggerFailed, &code)
}

// endTrigger writes what became of a trigger that stands on an order, or on none,
// and tells its follower; a trigger that somebody else has moved on stays.
func (c *Copier) endTrigger(ctx context.Context, id uuid.UUID, o *orders.Order, to TriggerState, code *string) error {
	var on *uuid.UUID
	if o != nil {
		on = &o.ID
	}
	return c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			with made as (
				update copy_triggers set state = $3, reason = $4, updated_at = now()
				where id = $1 and order_id is not distinct from $2 and state <> $3 and (state <> 'sold' or $3 = 'sold') returning *)`+readTriggers,
			id, on, to, code)
		if err != nil {
			return fmt.Errorf("end trigger %s: %w", id, err)
		}
		made, err := pgx.CollectRows(rows, scanTrigger)
		if err != nil {
			return fmt.Errorf("end trigger %s: %w", id, err)
		}
		for _, t := range made {
			if t.Reason != nil && quiet[*t.Reason] {
				continue
			}
			if err := c.alerts.Notify(ctx, tx, c.became(t, o)); err != nil {
				return err
			}
		}
		return nil
	})
}

// settleTrigger carries the order of a trigger into it: sold with its first fill,
// failed when it ended without one. An order that was never sent, and that its
// owner did not take back, leaves its trigger to the next try.
func (c *Copier) settleTrigger(ctx context.Context, o orders.Order) error {
	switch {
	case o.Cum > 0:
		return c.endTrigger(ctx, *o.TriggerID, &o, TriggerSold, nil)
	case o.State.Live():
		return nil
	}
	e := endingOf(o.State, o.ReasonCode)
	if o.State != orders.Aborted || e.reason == orders.UserCancelled {
		return c.endTrigger(ctx, *o.TriggerID, &o, TriggerFailed, &e.reason)
	}
	_, err := c.db.Pool().Exec(ctx, `
		update copy_triggers set state = 'waiting', order_id = null, reason = $3, numbers = numbers || $4::jsonb, updated_at = now()
		where id = $1 and order_id = $2 and state = 'placed'`, o.TriggerID, o.ID, e.reason, numbersOf(o))
	if err != nil {
		return fmt.Errorf("take back the order of trigger %s: %w", o.TriggerID, err)
	}
	return nil
}

// became tells a follower what a trigger came to.
func (c *Copier) became(t Trigger, o *orders.Order) alerts.Notification {
	n := alerts.Notification{
		UserID: t.FollowerID, Type: alerts.CopyTradeFailed, Title: t.onPaper(t.Kind.Words() + " sold nothing: " + t.Contract.Display()),
		Body: t.ReasonText() + " What you hold of it is yours to sell.", URL: t.page(),
		SubjectKey: "trigger:" + t.ID.String(), PositionID: t.PositionID, LearntAt: c.now(),
	}
	if t.State == TriggerSold {
		n.Type, n.Title = alerts.CopyTradeExecuted, fmt.Sprintf("Sold %d %s", o.Cum, t.Contract.Display())
		n.Body, n.Brief = fmt.Sprintf("%s: at %s, copied from @%s", t.Kind.Words(), o.Average().Display(), t.Trader), t.Kind.Words()+", copied from @"+t.Trader
		n.Data, n.ExecutedAt = map[string]any{"orderId": o.ID}, o.ExecutedAt
	}
	return n
}
