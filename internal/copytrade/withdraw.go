package copytrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/orders"
)

// afterSell follows a leader's sell beyond its own decisions: exits get the time
// its newest fill gives them, and once the leader is flat nobody goes on buying.
func (c *Copier) afterSell(ctx context.Context, leader orders.Order) error {
	filled, err := c.fills(ctx, leader)
	if err != nil {
		return err
	}
	_, err = c.db.Pool().Exec(ctx, `
		update copy_decisions set expires_at = $2
		where leader_order_id = $1 and side = 'STC' and result in ('queued', 'awaiting_approval', 'approved', 'executed') and expires_at < $2`,
		leader.ID, filled.last.Add(exitsWithin))
	if err != nil {
		return fmt.Errorf("give exits of order %s their time: %w", leader.ID, err)
	}
	flat, err := c.leaderFlat(ctx, leader)
	if err != nil || !flat {
		return err
	}
	return c.leaderLeft(ctx, leader.PositionID)
}

// leaderLeft takes back what followers are still buying of a leader's position
// that is flat (INV-23), and sells what they got too late.
func (c *Copier) leaderLeft(ctx context.Context, position uuid.UUID) error {
	if err := c.withdrawEntries(ctx, position); err != nil {
		return err
	}
	return c.sellLate(ctx, position, nil)
}

// leaderFlat reads the positions table.
func (c *Copier) leaderFlat(ctx context.Context, leader orders.Order) (flat bool, err error) {
	err = c.db.Pool().QueryRow(ctx, `select bought = sold from positions where id = $1`, leader.PositionID).Scan(&flat)
	if err != nil {
		return false, fmt.Errorf("read the leader's position: %w", err)
	}
	return flat, nil
}

// withdrawEntries closes open questions and what is not placed yet, then aborts
// queued entries and asks for the end of working ones. What is being placed
// meanwhile holds its decision's lock, and so is waited for and then found among
// the orders. Foreign tables: orders, positions.
func (c *Copier) withdrawEntries(ctx context.Context, position uuid.UUID) error {
	err := c.endAll(ctx, ending{Skipped, "leader_flat", ""},
		`l.position_id = @position and c.side = 'BTO' and c.order_id is null and p.bought = p.sold`, pgx.NamedArgs{"position": position})
	if err != nil {
		return err
	}
	rows, err := c.db.Pool().Query(ctx, `
		select e.id from orders l
		join positions p on p.id = l.position_id
		join copy_decisions c on c.leader_order_id = l.id
		join orders e on e.id = c.order_id
		where l.position_id = $1 and p.bought = p.sold and e.side = 'BTO' and e.cancel_requested_at is null and `+exitsLive, position)
	if err != nil {
		return fmt.Errorf("read entries to withdraw: %w", err)
	}
	entries, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("read entries to withdraw: %w", err)
	}
	var errs []error
	for _, id := range entries {
		errs = append(errs, c.desk.Withdraw(ctx, id, leftReason))
	}
	return errors.Join(errs...)
}

// soldElsewhere is what a withdrawn exit says of itself.
const soldElsewhere = "an exit that had ended sold after all"

// withdrawExcess takes back what exits of a copy would sell beyond it, the newest
// first: the broker has filled an exit that had ended, and what it gave up was being
// sold again. The rest of the position is the follower's own. Foreign tables: orders,
// copy_holdings (index orders_copies_live).
func (c *Copier) withdrawExcess(ctx context.Context, late orders.Order) error {
	if late.Cum == 0 {
		return nil
	}
	rows, err := c.db.Pool().Query(ctx, `
		select e.id from (
			select e.id, sum(e.quantity - e.cum) over (order by e.created_at, e.id) as upto from orders e
			where e.subscription_id = $1 and e.position_id = $2 and e.side = 'STC' and `+exitsLive+`) e
		join copy_holdings h on h.subscription_id = $1 and h.position_id = $2
		where e.upto > h.bought - h.sold`, late.SubscriptionID, late.PositionID)
	if err != nil {
		return fmt.Errorf("read exits that sell more than the copy: %w", err)
	}
	excess, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("read exits that sell more than the copy: %w", err)
	}
	var errs []error
	for _, id := range excess {
		errs = append(errs, c.desk.Withdraw(ctx, id, soldElsewhere))
	}
	return errors.Join(errs...)
}

// sellLate raises what the exits from a leader's position have to sell by what
// followers' entries filled after the exit was decided, and sells it: at once
// for who copies automatically, on their word for the others. Only a flat
// leader's position, and only until the exit's time is over. subscription is whose
// entry filled, nil for all followers. Foreign tables: orders, positions,
// copy_holdings.
func (c *Copier) sellLate(ctx context.Context, position uuid.UUID, subscription *uuid.UUID) error {
	args := pgx.NamedArgs{"position": position, "consent": ConsentVersion, "now": c.now(), "subscription": subscription}
	var raised []Decision
	err := c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) (err error) {
		if raised, err = collect(tx.Query(ctx, raiseExits, args)); err != nil || len(raised) == 0 {
			return err
		}
		leader, err := c.desk.Any(ctx, raised[0].LeaderOrderID)
		if err != nil {
			return err
		}
		ids := make([]uuid.UUID, len(raised))
		for i, d := range raised {
			ids[i] = d.ID
		}
		who := pgx.NamedArgs{"raised": ids}
		if err := errors.Join(c.ask(ctx, tx, leader, askedAgain, `c.id = any(@raised)`, who), c.show(ctx, tx, leader, `c.id = any(@raised)`, who)); err != nil {
			return err
		}
		return publish(ctx, tx, raised)
	})
	if err != nil {
		return fmt.Errorf("sell what was bought too late: %w", err)
	}
	var again error
	seen := map[uuid.UUID]bool{}
	for _, d := range raised {
		if !seen[d.LeaderOrderID] {
			again = soonest(again, c.executeExits(ctx, d.LeaderOrderID))
		}
		seen[d.LeaderOrderID] = true
	}
	return again
}

// raiseExits takes each follower's decision about the last sell of a flat leader's
// position: its exits' contracts and whatever of the copy no exit has taken are
// to be sold by it. That is more than it held only when an entry filled since.
var raiseExits = `
with newest as (
	select distinct on (c.subscription_id) c.id, c.subscription_id, c.symbol, c.result, c.reason, c.expires_at
	from copy_decisions c
	join orders l on l.id = c.leader_order_id
	join positions p on p.id = l.position_id
	where l.position_id = @position and c.side = 'STC' and p.bought = p.sold
	  and (@subscription::uuid is null or c.subscription_id = @subscription)
	order by c.subscription_id, ` + lastFill("l") + ` desc, c.decided_at desc, c.id desc
), late as (
	select n.id, h.position_id, h.copied + coalesce((
		select sum(case when ` + exitsLive + ` then e.quantity else e.cum end) from orders e where e.decision_id = n.id), 0)::int + coalesce((
		select sum(f.quantity) from paper_fills f where f.decision_id = n.id), 0)::int as held
	from newest n
	join subscriptions s on s.id = n.subscription_id
	cross join lateral (select n.symbol) o
	join lateral (` + copyHeld + `) h on h.copied > 0
	where n.expires_at > @now::timestamptz
	  and (n.result in ('queued', 'awaiting_approval', 'approved', 'executed') or n.result = 'skipped' and n.reason = 'no_copy_held')
), made as (
	update copy_decisions c set held = late.held, position_id = late.position_id, updated_at = now(),
		quantity = case when c.result in ('queued', 'approved', 'executed') then c.quantity else late.held end,
		reason = case when c.result = 'skipped' then null else c.reason end,
		result = case when c.result <> 'skipped' then c.result when ` + automatic + ` then 'queued' else 'awaiting_approval' end
	from late, subscriptions s
	where c.id = late.id and s.id = c.subscription_id and late.held > c.held
	returning c.*
)` + readMade
