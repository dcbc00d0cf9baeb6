package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

const (
	inHand      = 20               // copies whose T1 may have run ahead of their sending
	exitSpacing = 10 * time.Second // between two exits of one decision
	sendWithin  = 30 * time.Second // an approved copy, from the approval
)

var errTaken = errors.New("somebody else took the decision")

// Execute places what is due of a leader's order: entries in their place in
// line, exits up to their target. What another process takes meanwhile is left
// to it. The error is orders.Again when something is due later.
func (c *Copier) Execute(ctx context.Context, leaderOrder uuid.UUID) error {
	leader, err := c.desk.Any(ctx, leaderOrder)
	if err != nil {
		return fmt.Errorf("execute copies: %w", err)
	}
	due, err := c.due(ctx, leader)
	if err != nil {
		return err
	}
	var again *orders.Again
	for _, d := range due {
		err := c.place(ctx, leader, d)
		var later orders.Again
		switch {
		case errors.As(err, &later):
			if again == nil || later.After < again.After {
				again = &later
			}
		case err != nil:
			c.log.WarnContext(ctx, "place copy", "decision", d.ID, "err", err)
			again = &orders.Again{After: time.Second}
		}
	}
	if again != nil {
		return *again
	}
	return nil
}

// due are the decisions of a leader's order that still have something to send,
// in their places. Exits stay due while their target may rise.
func (c *Copier) due(ctx context.Context, leader orders.Order) ([]Decision, error) {
	rows, err := c.db.Pool().Query(ctx, `
		select `+decisionColumns+decisionFrom+`
		where c.leader_order_id = $1
		  and (c.side = 'BTO' and c.result in ('queued', 'approved') and c.order_id is null
		    or c.side = 'STC' and c.result in ('queued', 'approved', 'executed') and c.held > 0)
		order by c.place limit $2`, leader.ID, 10*inHand)
	if err != nil {
		return nil, fmt.Errorf("read due copies of order %s: %w", leader.ID, err)
	}
	return pgx.CollectRows(rows, scanDecision)
}

func (c *Copier) place(ctx context.Context, leader orders.Order, d Decision) error {
	if d.Side == orders.STC {
		return c.placeExit(ctx, leader, d)
	}
	return c.placeEntry(ctx, leader, d)
}

func (c *Copier) placeEntry(ctx context.Context, leader orders.Order, d Decision) error {
	s, err := c.any(ctx, d)
	if err != nil {
		return err
	}
	limit := entryLimit(d.Contract, d.SourcePrice, s.Settings.MaxSlippagePercent.Decimal)
	order := orders.CopyOrder{
		UserID: d.FollowerID, AccountID: s.Settings.AccountID, LeaderID: d.TraderID, SubscriptionID: d.SubscriptionID, DecisionID: d.ID,
		Side: orders.BTO, Contract: d.Contract, Quantity: d.Quantity, Type: orders.Limit, Limit: &limit,
		SendBefore: c.sendBefore(leader, d, s), DailyCap: *s.Settings.MaxDailyTrades,
	}
	if *s.Settings.OrderType == "market" {
		order.Type, order.Limit = orders.Market, nil
	}
	return c.enter(ctx, d, order)
}

// sendBefore is until when a copied entry may be sent: from the leader's fill,
// or, once approved, from the approval.
func (c *Copier) sendBefore(leader orders.Order, d Decision, s Subscription) time.Time {
	if d.Result == Approved {
		return d.ExpiresAt.Add(sendWithin)
	}
	filled := d.DecidedAt
	if leader.ExecutedAt != nil && leader.ExecutedAt.Before(filled) {
		filled = *leader.ExecutedAt
	}
	return filled.Add(time.Duration(*s.Settings.MaxDelaySeconds) * time.Second)
}

// placeExit sells the difference between the decision's target and what its
// exits have taken: live orders in full, ended ones by what they filled.
func (c *Copier) placeExit(ctx context.Context, leader orders.Order, d Decision) error {
	taken, last, err := c.exitsSoFar(ctx, d.ID)
	if err != nil {
		return err
	}
	flat, err := c.leaderFlat(ctx, leader)
	if err != nil {
		return err
	}
	target := exitTarget(d.Held, leader.Cum, d.LeaderHeld, flat)
	if target <= taken {
		return c.nothingToSell(ctx, leader, d, target)
	}
	if wait := exitSpacing - c.now().Sub(last); wait > 0 {
		return orders.Again{After: wait}
	}
	available, err := c.available(ctx, d)
	if err != nil {
		return err
	}
	quantity := min(target-taken, available)
	if quantity <= 0 {
		if c.now().After(d.ExpiresAt) {
			return c.finish(ctx, d, Failed, "insufficient_quantity")
		}
		return orders.Again{After: exitSpacing}
	}
	reach := taken + quantity
	limit := exitLimit(d.Contract, d.SourcePrice)
	return c.enter(ctx, d, orders.CopyOrder{
		UserID: d.FollowerID, LeaderID: d.TraderID, SubscriptionID: d.SubscriptionID, DecisionID: d.ID, Side: orders.STC,
		Contract: d.Contract, PositionID: d.PositionID, Target: &reach, Quantity: quantity, Type: orders.Limit, Limit: &limit,
		SendBefore: d.ExpiresAt,
	})
}

func (c *Copier) nothingToSell(ctx context.Context, leader orders.Order, d Decision, target int) error {
	if target == 0 && !leader.State.Live() && d.OrderID == nil {
		return c.finish(ctx, d, Skipped, "scaled_to_zero")
	}
	return nil
}

// exitsSoFar reads the orders table: what a decision's exits have taken or may
// still take, and when the last was placed.
func (c *Copier) exitsSoFar(ctx context.Context, decision uuid.UUID) (taken int, last time.Time, err error) {
	err = c.db.Pool().QueryRow(ctx, `
		select coalesce(sum(case when state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') then quantity else cum end), 0)::int,
			coalesce(max(created_at), now() - interval '1 hour')
		from orders where decision_id = $1 and side = 'STC'`, decision).Scan(&taken, &last)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("read exits of decision %s: %w", decision, err)
	}
	return taken, last, nil
}

func (c *Copier) leaderFlat(ctx context.Context, leader orders.Order) (flat bool, err error) {
	err = c.db.Pool().QueryRow(ctx, `select bought = sold from positions where id = $1`, leader.PositionID).Scan(&flat)
	if err != nil {
		return false, fmt.Errorf("read the leader's position: %w", err)
	}
	return flat, nil
}

// available is what of the copy can be sold now: what it still holds, capped by
// what the position has free.
func (c *Copier) available(ctx context.Context, d Decision) (n int, err error) {
	err = c.db.Pool().QueryRow(ctx, `
		select least(h.bought - h.sold, p.bought - p.sold - p.sell_reserved)
		from copy_holdings h join positions p on p.id = h.position_id
		where h.subscription_id = $1 and h.position_id = $2`, d.SubscriptionID, d.PositionID).Scan(&n)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read what decision %s may sell: %w", d.ID, err)
	}
	return n, nil
}

// enter runs T1 for a decision and ties the two together in one transaction. A
// refusal is the decision's end, with the refusal's code as its reason.
func (c *Copier) enter(ctx context.Context, d Decision, order orders.CopyOrder) error {
	draft, err := c.desk.DraftCopy(ctx, order)
	if err == nil {
		err = c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
			o, err := c.desk.EnterCopy(ctx, tx, draft)
			if err != nil {
				return err
			}
			return take(ctx, tx, d, o)
		})
	}
	var refusal *fault.Error
	switch {
	case err == nil, errors.Is(err, errTaken):
		return nil
	case errors.As(err, &refusal) && refusal.Status < 500:
		return c.refused(ctx, d, refusal)
	}
	return fmt.Errorf("enter copy: %w", err)
}

// refused ends an entry. An exit is tried again until its time is over: a
// refusal must not leave a follower holding what the leader has left.
func (c *Copier) refused(ctx context.Context, d Decision, refusal *fault.Error) error {
	reason := refusal.Code
	if reason == "not_found" {
		reason = "no_account"
	}
	if d.Side == orders.STC && c.now().Before(d.ExpiresAt) {
		return orders.Again{After: exitSpacing}
	}
	return c.finish(ctx, d, Skipped, reason)
}

// take marks the decision as placed, unless somebody else was first or it ended.
func take(ctx context.Context, tx pgx.Tx, d Decision, o orders.Order) error {
	tag, err := tx.Exec(ctx, `
		update copy_decisions set order_id = $2, quantity = case when side = 'STC' then $3 else quantity end, updated_at = now()
		where id = $1 and (side = 'BTO' and order_id is null and result in ('queued', 'approved')
		    or side = 'STC' and result in ('queued', 'approved', 'executed'))`, d.ID, o.ID, target(o))
	if err != nil {
		return fmt.Errorf("tie order to decision %s: %w", d.ID, err)
	}
	if tag.RowsAffected() == 0 {
		return errTaken
	}
	return nil
}

func target(o orders.Order) int {
	if o.CopyTarget == nil {
		return 0
	}
	return *o.CopyTarget
}

// any reads the subscription of a decision as it stands now.
func (c *Copier) any(ctx context.Context, d Decision) (s Subscription, err error) {
	err = c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		s, err = c.subscription(ctx, tx, d.FollowerID, d.SubscriptionID)
		return err
	})
	return s, err
}

// finish ends a decision that waits, with a reason, and lets the follower's
// pages know. A failed copy is told; a skip is only shown.
func (c *Copier) finish(ctx context.Context, d Decision, result Result, reason string) error {
	return c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		ended, err := oneDecision(tx.Query(ctx, `
			with c as (
				update copy_decisions set result = $2, reason = $3, updated_at = now()
				where id = $1 and result in ('queued', 'awaiting_approval', 'approved') returning *)
			select `+decisionColumns+` from c join users t on t.id = c.trader_id join orders l on l.id = c.leader_order_id`, d.ID, result, reason))
		if fault.CodeOf(err) == "not_found" {
			return nil
		}
		if err != nil {
			return fmt.Errorf("end decision %s: %w", d.ID, err)
		}
		if err := live.Publish(ctx, tx, ended.FollowerID, "decision", ended); err != nil {
			return err
		}
		if result != Failed {
			return nil
		}
		return c.alerts.Notify(ctx, tx, c.report(ended, alerts.CopyTradeFailed, "Copy failed: "+ended.Contract.Display(), ended.ReasonText()))
	})
}

func (c *Copier) report(d Decision, kind alerts.Type, title, body string) alerts.Notification {
	return alerts.Notification{
		UserID: d.FollowerID, Type: kind, Title: title, Body: body, URL: "/copy",
		Data: map[string]any{"decisionId": d.ID, "orderId": d.OrderID}, SubjectKey: d.ID.String(), PositionID: d.PositionID, LearntAt: c.now(),
	}
}

// settle carries a copy's order into its decision: executed with its first
// fill, failed or skipped when it ended without one.
func (c *Copier) settle(ctx context.Context, o orders.Order) error {
	if o.DecisionID == nil {
		return nil
	}
	d, err := oneDecision(c.db.Pool().Query(ctx, `select `+decisionColumns+decisionFrom+` where c.id = $1`, *o.DecisionID))
	if err != nil {
		return fmt.Errorf("settle copy: %w", err)
	}
	switch {
	case o.Cum > 0:
		err = c.executed(ctx, d, o)
	case o.State == orders.Aborted:
		err = c.finish(ctx, d, Skipped, "order_not_sent")
	case !o.State.Live():
		err = c.finish(ctx, d, Failed, "order_"+string(o.State))
	}
	if err != nil || o.Side != orders.STC || o.State.Live() {
		return err
	}
	return c.Execute(ctx, d.LeaderOrderID) // the target may have risen meanwhile
}

func (c *Copier) executed(ctx context.Context, d Decision, o orders.Order) error {
	return c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		done, err := oneDecision(tx.Query(ctx, `
			with c as (
				update copy_decisions set result = 'executed', reason = null, updated_at = now()
				where id = $1 and result in ('queued', 'approved') returning *)
			select `+decisionColumns+` from c join users t on t.id = c.trader_id join orders l on l.id = c.leader_order_id`, d.ID))
		if fault.CodeOf(err) == "not_found" {
			return nil
		}
		if err != nil {
			return fmt.Errorf("mark decision %s executed: %w", d.ID, err)
		}
		verb := "Bought"
		if o.Side == orders.STC {
			verb = "Sold"
		}
		title := fmt.Sprintf("%s %d %s at %s", verb, o.Cum, o.Contract.Display(), o.Average().Display())
		n := c.report(done, alerts.CopyTradeExecuted, title, "Copied from @"+done.Trader+at(done.SourcePrice))
		n.URL, n.PositionID, n.ExecutedAt = "/positions/"+o.PositionID.String(), &o.PositionID, o.ExecutedAt
		if err := live.Publish(ctx, tx, done.FollowerID, "decision", done); err != nil {
			return err
		}
		return c.alerts.Notify(ctx, tx, n)
	})
}

func at(p money.Price) string { return ", who traded at " + p.Display() }

// withdrawEntries takes back followers' entries once the leader has nothing
// left (INV-23): queued ones are aborted, working ones cancelled, open
// questions closed. Foreign tables: orders, positions.
func (c *Copier) withdrawEntries(ctx context.Context, leader orders.Order) error {
	flat, err := c.leaderFlat(ctx, leader)
	if err != nil || !flat {
		return err
	}
	rows, err := c.db.Pool().Query(ctx, `
		select `+decisionColumns+decisionFrom+`
		where l.position_id = $1 and c.side = 'BTO' and c.result in ('queued', 'awaiting_approval', 'approved', 'executed')
		order by c.decided_at limit 10000`, leader.PositionID)
	if err != nil {
		return fmt.Errorf("read entries to withdraw: %w", err)
	}
	entries, err := pgx.CollectRows(rows, scanDecision)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range entries {
		if d.OrderID == nil {
			errs = append(errs, c.finish(ctx, d, Skipped, "leader_flat"))
			continue
		}
		errs = append(errs, c.desk.Withdraw(ctx, *d.OrderID, "the trader had already sold"))
	}
	return errors.Join(errs...)
}
