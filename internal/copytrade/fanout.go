package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/orders"
)

const (
	partialWait = 10 * time.Second // after a first partial fill; by then it is copied as far as it got
	exitsWithin = 15 * time.Minute // from the leader's last fill; later an exit is only offered
)

// OnOrder carries on from an order that filled or ended. A leader's own is
// decided about for every follower; a copy's settles its decision. A copy is
// never copied. It may run any number of times.
func (c *Copier) OnOrder(ctx context.Context, id uuid.UUID) error {
	o, err := c.desk.Any(ctx, id)
	if err != nil {
		return fmt.Errorf("copy order: %w", err)
	}
	if o.TriggerID != nil {
		return c.settleTrigger(ctx, o)
	}
	if o.Source == orders.Copy {
		return c.settle(ctx, o)
	}
	if o.Cum == 0 {
		return nil
	}
	filled, err := c.fills(ctx, o)
	if err != nil {
		return err
	}
	trigger := triggerOf(o, filled.first)
	if wait := trigger.Sub(c.now()); wait > 0 && o.State.Live() {
		return orders.Again{After: wait}
	}
	if err := c.fanOut(ctx, o, filled, trigger); err != nil {
		return fmt.Errorf("fan out order %s: %w", id, err)
	}
	if err := c.tell(ctx, o); err != nil { // the sweep tells again; copies do not wait for pages
		c.log.WarnContext(ctx, "tell of decisions", "err", err)
	}
	c.crash("C15")
	if o.Side == orders.STC {
		err = c.afterSell(ctx, o)
	}
	return soonest(err, c.Execute(ctx, id))
}

// soonest joins two outcomes: a wish to be called again gives way to a failure,
// and a later wish to an earlier one.
func soonest(a, b error) error {
	var first, second orders.Again
	if errors.As(a, &first) && errors.As(b, &second) {
		return orders.Again{After: min(first.After, second.After)}
	}
	if a == nil || errors.As(a, &first) && b != nil {
		return b
	}
	return a
}

// filledAt is when a leader's order filled: when its first fill was learnt, when
// the broker executed it, and when it executed the last one. Where the broker
// does not say, or its clock is ahead, the time of learning counts.
type filledAt struct{ first, executed, last time.Time }

// fills reads the fills table.
func (c *Copier) fills(ctx context.Context, o orders.Order) (f filledAt, err error) {
	err = c.db.Pool().QueryRow(ctx, `
		select min(learnt_at), min(least(coalesce(executed_at, learnt_at), learnt_at)), max(least(coalesce(executed_at, learnt_at), learnt_at))
		from fills where order_id = $1 having count(*) > 0`, o.ID).Scan(&f.first, &f.executed, &f.last)
	if err != nil {
		return filledAt{}, fmt.Errorf("read fills of order %s: %w", o.ID, err)
	}
	return f, nil
}

// triggerOf is the instant an order is decided about: when it has filled or
// ended, or ten seconds after its first fill, whichever is first. Who follows at
// that instant is decided for, however often and late the deciding runs.
func triggerOf(o orders.Order, firstFill time.Time) time.Time {
	at := firstFill.Add(partialWait)
	if o.FinishedAt != nil && o.FinishedAt.Before(at) {
		at = *o.FinishedAt
	}
	if at.Before(firstFill) { // a fill that became known after the order's end
		return firstFill
	}
	return at
}

func (c *Copier) fanOutArgs(o orders.Order, filled filledAt, trigger time.Time) pgx.NamedArgs {
	closes := c.clock.CloseTime(o.Contract.Underlying).Add(-c.clock.State().Offset) // by the real clock
	day, _ := c.lastDay()
	included := c.gate.Holders(billing.AutoCopy)
	return pgx.NamedArgs{
		"planNew": included.Newcomers, "planProducts": included.Products,
		"expirations": day.Expirations, "latest": day.latest(), "time": exchange.TimeOf(day.Now),
		"order": o.ID, "trader": o.UserID, "now": c.now(), "close": closes, "executed": filled.executed, "trigger": trigger,
		"open": c.clock.Open(o.Contract.Underlying), "most": c.rules.Limits().CopyContracts,
		"today": c.clock.Today(), "consent": ConsentVersion, "exitsUntil": filled.last.Add(exitsWithin),
		"paperPower": paperBuyingPower,
	}
}
