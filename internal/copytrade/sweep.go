package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/orders"
)

const (
	expireEvery  = time.Second
	recoverEvery = 5  // rounds of expiring
	settleEvery  = 60 // as well: what is asked about a close
	sweepSlice   = 200
)

// Run closes questions that are over and carries on with what a crash left,
// until ctx ends. Recovery never depends on the queue's own rescue.
func (c *Copier) Run(ctx context.Context) error {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for round := 0; ; round++ {
		err := c.expire(ctx)
		if round%recoverEvery == 0 {
			err = errors.Join(err, c.recover(ctx))
		}
		if round%settleEvery == 0 {
			err = errors.Join(err, c.settlePaper(ctx))
		}
		if err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "sweep copies", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep does one whole round.
func (c *Copier) Sweep(ctx context.Context) error {
	return errors.Join(c.expire(ctx), c.recover(ctx), c.settlePaper(ctx))
}

// unasked closes questions about buys that a trader's or a follower's word has ended.
// Both end what waits when they are said; a question that was being written at that
// instant is seen only once it is there, and nothing comes after it. Index
// copy_decisions_open; foreign table: trading_switches.
func (c *Copier) unasked(ctx context.Context) error {
	const question = `c.result = 'awaiting_approval' and c.side = 'BTO' and c.order_id is null`
	return errors.Join(
		c.endAll(ctx, ending{Skipped, "trader_stopped", ""},
			question+` and exists (select from trading_switches w where w.scope = 'publishing' and w.key = c.trader_id::text)`, pgx.NamedArgs{}),
		c.endAll(ctx, ending{Skipped, "muted_today", ""},
			question+` and exists (select from subscriptions s where s.id = c.subscription_id and s.muted_on = @today::date)`, pgx.NamedArgs{"today": c.clock.Today()}),
	)
}

// expire closes what nobody answered, and what was never placed in time (index
// copy_decisions_open). An exit waits as long as its leader goes on selling.
func (c *Copier) expire(ctx context.Context) error {
	const late = ` and c.order_id is null and c.expires_at <= clock_timestamp()`
	const entry = `c.result <> 'awaiting_approval' and c.side = 'BTO'` + late
	return errors.Join(
		c.unasked(ctx),
		c.endAll(ctx, ending{Expired, "expired", ""}, `c.result = 'awaiting_approval'`+late, pgx.NamedArgs{}),
		c.endAll(ctx, ending{Skipped, "too_late", ""}, entry+` and c.reason is distinct from '`+paperPrice+`'`, pgx.NamedArgs{}),
		c.endAll(ctx, ending{Failed, paperPrice, ""}, entry+` and c.reason = '`+paperPrice+`'`, pgx.NamedArgs{}),
	)
}

func (c *Copier) recover(ctx context.Context) error {
	return errors.Join(
		c.each(ctx, unplaced, c.Execute),
		c.each(ctx, undecided, c.OnOrder),
		c.each(ctx, unsettled, c.OnOrder),
		c.each(ctx, unsettledTriggers, c.OnOrder),
		c.each(ctx, unsold, c.OnOrder),
		c.each(ctx, untold, c.tellOf),
		c.each(ctx, leftBehind, c.leaderLeft),
		c.each(ctx, leftOnPaper, c.leaderLeft),
	)
}

// each does something for everything a statement finds. What wants to be called
// again is found again.
func (c *Copier) each(ctx context.Context, statement string, do func(context.Context, uuid.UUID) error) error {
	rows, err := c.db.Pool().Query(ctx, statement, sweepSlice)
	if err != nil {
		return fmt.Errorf("sweep copies: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("sweep copies: %w", err)
	}
	var errs []error
	for _, id := range found {
		var again orders.Again
		if err := do(ctx, id); err != nil && !errors.As(err, &again) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// unplaced are leader's orders with copies that wait longer than their job
// should take (C15; index copy_decisions_open).
const unplaced = `
	select distinct leader_order_id from copy_decisions
	where result in ('queued', 'approved') and order_id is null and quantity > 0 and updated_at < clock_timestamp() - interval '5 seconds'
	  and (due_at is null or due_at < clock_timestamp() - interval '5 seconds')
	limit $1`

// undecided are leader's orders of the last quarter of an hour that nobody
// decided about to the end (C11), or whose exits stayed behind, well after their
// trigger. Foreign tables: fills, orders.
const undecided = `
	select o.id from (select trader_id from subscriptions where status = 'active'
		union select trader_id from subscription_periods where ended_at > clock_timestamp() - interval '15 minutes') s
	join lateral (
		select order_id, min(learnt_at) as first, max(learnt_at) as last from fills
		where user_id = s.trader_id and learnt_at > clock_timestamp() - interval '15 minutes' group by order_id) f on true
	join orders o on o.id = f.order_id
	where o.source <> 'copy' and f.last < clock_timestamp() - interval '5 seconds'
	  and (not exists (select 1 from copy_signals g where g.leader_order_id = o.id and g.decided_at is not null)
	       and (o.finished_at is not null or f.first < clock_timestamp() - interval '15 seconds')
	       and (exists (select 1 from subscriptions a where a.trader_id = o.user_id and a.status = 'active' and a.active_since <= f.first)
	           or exists (select 1 from subscription_periods w where w.trader_id = o.user_id and w.ended_at > f.first and w.began_at <= f.first))
	    or o.side = 'STC' and f.last < clock_timestamp() - interval '15 seconds'
	       and exists (select 1 from copy_decisions c where c.leader_order_id = o.id and c.result in ('queued', 'approved', 'executed')
	           and (c.quantity < ceil(c.held * o.cum::numeric / c.leader_held - 0.5) or ` + lostExit + ` or ` + leftHolding + `)))
	limit $1`

// lostExit is whether the newest exit of decision c came to nothing before it was sent.
const lostExit = `exists (select from orders e where e.id = c.order_id and e.state = 'aborted' and e.reason_code is distinct from '` + orders.UserCancelled + `'
	and e.updated_at < clock_timestamp() - interval '5 seconds')`

// leftHolding is whether the leader of order o is flat and decision c's copy still has
// what no exit is selling. Foreign tables: positions, copy_holdings.
const leftHolding = `exists (select from positions lp join copy_holdings h on h.subscription_id = c.subscription_id and h.position_id = c.position_id
	where lp.id = o.position_id and lp.bought = lp.sold and ` + freeCopied + ` > 0)`

// unsettled are copies that filled, or ended without, whose decision has
// not heard of it (index copy_decisions_open): the job that tells it may have died with
// its process. Foreign table: orders.
const unsettled = `
	select o.id from copy_decisions c join orders o on o.id = c.order_id
	where c.result in ('queued', 'approved') and o.updated_at < clock_timestamp() - interval '5 seconds'
	  and (o.cum > 0 or o.state in ('aborted', 'rejected', 'cancelled', 'expired', 'not_placed'))
	limit $1`

// unsettledTriggers are the sells of bounds that filled or ended, whose trigger has not
// heard of it (index copy_triggers_placed). Foreign table: orders.
const unsettledTriggers = `
	select o.id from copy_triggers g join orders o on o.id = g.order_id
	where g.state = 'placed' and o.updated_at < clock_timestamp() - interval '5 seconds'
	  and (o.cum > 0 or o.state in ('aborted', 'rejected', 'cancelled', 'expired', 'not_placed'))
	limit $1`

// untold are signals whose followers' pages were not told (index copy_signals_untold).
const untold = `
	select leader_order_id from copy_signals
	where told_at is null and decided_at < clock_timestamp() - interval '5 seconds' limit $1`

func (c *Copier) tellOf(ctx context.Context, order uuid.UUID) error {
	leader, err := c.desk.Any(ctx, order)
	if err != nil {
		return err
	}
	return c.tell(ctx, leader)
}

// leftBehind are flat positions of leaders that followers are still buying
// (INV-23). Foreign tables: orders, positions.
const leftBehind = `
	select l.position_id from copy_decisions c
	join orders l on l.id = c.leader_order_id
	join positions p on p.id = l.position_id
	where c.side = 'BTO' and c.order_id is null and c.result in ('queued', 'awaiting_approval', 'approved') and p.bought = p.sold
	union
	select l.position_id from orders e
	join copy_decisions c on c.id = e.decision_id
	join orders l on l.id = c.leader_order_id
	join positions p on p.id = l.position_id
	where e.side = 'BTO' and e.cancel_requested_at is null and p.bought = p.sold
	  and (e.state = 'queued' or e.state in ('submitting', 'unknown', 'accepted', 'partial'))
	limit $1`
