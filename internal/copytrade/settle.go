package copytrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/orders"
)

// leftReason is what a withdrawn entry says of itself.
const leftReason = "the trader had already sold"

// settle carries a copy's order into its decision: executed with its first
// fill, failed or skipped when it ended without one. What an entry bought after
// the leader had left is sold; the end of an exit may make room for the next.
func (c *Copier) settle(ctx context.Context, o orders.Order) error {
	if o.Cum > 0 {
		if err := c.executed(ctx, o); err != nil {
			return err
		}
	}
	if o.Side == orders.BTO {
		return c.settleEntry(ctx, o)
	}
	if o.State.Live() {
		return nil
	}
	if err := c.withdrawExcess(ctx, o); err != nil {
		return err
	}
	d, err := c.decisionOf(ctx, o)
	if err != nil {
		return err
	}
	if o.State == orders.Aborted && o.ReasonCode != nil && *o.ReasonCode != orders.UserCancelled { // is tried again
		if err := c.noteWhy(ctx, d, *o.ReasonCode, numbersOf(o)); err != nil {
			return err
		}
	}
	return c.executeExits(ctx, d.LeaderOrderID)
}

func (c *Copier) decisionOf(ctx context.Context, o orders.Order) (Decision, error) {
	d, err := oneDecision(c.db.Pool().Query(ctx, `select `+decisionColumns+decisionFrom+` where c.id = $1`, o.DecisionID))
	if err != nil {
		return Decision{}, fmt.Errorf("read decision of order %s: %w", o.ID, err)
	}
	return d, nil
}

func (c *Copier) settleEntry(ctx context.Context, o orders.Order) error {
	d, err := c.decisionOf(ctx, o)
	if err != nil {
		return err
	}
	leader, err := c.desk.Any(ctx, d.LeaderOrderID)
	if err != nil {
		return fmt.Errorf("settle copy: %w", err)
	}
	if o.Cum > 0 {
		return soonest(c.sellLate(ctx, leader.PositionID, o.SubscriptionID), c.sellFilled(ctx, o))
	}
	if o.State.Live() {
		return nil
	}
	e := endingOf(o.State, o.ReasonCode)
	if o.Reason != nil {
		e.words = *o.Reason
	}
	if withdrawn, err := c.withdrawn(ctx, leader, o); err != nil || withdrawn {
		e.reason, e.words = "leader_flat", ""
		if err != nil {
			return err
		}
	}
	return c.refuse(ctx, d, e, numbersOf(o))
}

// numbersOf are what the refusal of an order that was not sent compared.
func numbersOf(o orders.Order) string {
	if len(o.ReasonNumbers) == 0 {
		return noNumbers
	}
	return string(o.ReasonNumbers)
}

// withdrawn says whether an entry came to nothing because the leader had left.
func (c *Copier) withdrawn(ctx context.Context, leader, o orders.Order) (bool, error) {
	if o.State == orders.Aborted {
		return o.Reason != nil && *o.Reason == leftReason, nil
	}
	if o.CancelRequested == nil || o.State != orders.Cancelled {
		return false, nil
	}
	return c.leaderFlat(ctx, leader)
}

// executed marks an order's decision: at least one contract filled. It also
// corrects an end that was believed too early, such as an order found after the
// search for it.
func (c *Copier) executed(ctx context.Context, o orders.Order) error {
	return c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		d, err := oneDecision(tx.Query(ctx, `
			with made as (
				update copy_decisions set result = 'executed', reason = null, updated_at = now()
				where id = $1 and result <> 'executed' returning *)`+readMade, o.DecisionID))
		if errors.Is(err, fault.NotFound()) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("mark decision %s executed: %w", o.DecisionID, err)
		}
		if err := live.Publish(ctx, tx, d.FollowerID, "decision", d); err != nil {
			return err
		}
		return c.alerts.Notify(ctx, tx, c.success(d, o))
	})
}
