package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
)

const (
	driftSettled = time.Minute      // after the trader's last trade: its copies are on their way until then
	driftWindow  = 24 * time.Hour   // how long a copy that never came is worth telling of
	driftFor     = 12 * time.Hour   // how long the message is worth sending
	cameWithin   = 15 * time.Minute // in which a copy may still come
)

// ledContracts are the contracts that traders with followers hold.
const ledContracts = `
	select lp.user_id as trader_id, lp.symbol from positions lp
	where lp.status = 'open' and lp.bought > lp.sold and lp.user_id in (select trader_id from subscriptions where status <> 'cancelled')`

// traderLeft writes a drift for each holding of copies whose trader is flat in the
// position it was copied from and in the contract, once nothing of it is being sold
// or may still be. Who keeps the copies for good is not asked again. Foreign tables:
// copy_holdings, positions, orders.
const traderLeft = `
with led as materialized (` + ledContracts + `
), held as (
	select h.subscription_id, h.position_id, h.user_id, s.trader_id, p.symbol, h.bought - h.sold as copied
	from subscriptions s
	join copy_holdings h on h.subscription_id = s.id and h.bought > h.sold
	join positions p on p.id = h.position_id and p.status = 'open' and p.expiration >= @today::date
	left join led l on l.trader_id = s.trader_id and l.symbol = p.symbol
	where s.status <> 'cancelled' and l.symbol is null
), apart as (
	select held.*, came.leader_position_id, lp.bought as leader_bought from held
	join lateral (
		select lo.position_id as leader_position_id from orders e
		join copy_decisions c on c.id = e.decision_id
		join orders lo on lo.id = c.leader_order_id
		where e.position_id = held.position_id and e.subscription_id = held.subscription_id and e.side = 'BTO'
		order by c.decided_at desc limit 1) came on true
	join positions lp on lp.id = came.leader_position_id and lp.bought = lp.sold and lp.updated_at < @settled
	where not exists (select 1 from orders e where e.position_id = held.position_id and e.subscription_id = held.subscription_id
			and e.side = 'STC' and ` + exitsLive + `)
		and not exists (select 1 from orders ls join copy_decisions c on c.leader_order_id = ls.id and c.subscription_id = held.subscription_id
			where ls.position_id = came.leader_position_id and ls.side = 'STC'
			and c.result in ('queued', 'awaiting_approval', 'approved', 'executed') and c.expires_at > @now)
		and not exists (select 1 from copy_triggers g where g.subscription_id = held.subscription_id and g.position_id = held.position_id and g.state = 'waiting')
		and not exists (select 1 from copy_drifts k where k.subscription_id = held.subscription_id and k.position_id = held.position_id and k.state = 'kept')
		and not exists (select 1 from copy_drifts k where k.subscription_id = held.subscription_id
			and k.leader_position_id = came.leader_position_id and k.kind = 'trader_left')
), made as (
	insert into copy_drifts (subscription_id, user_id, trader_id, kind, symbol, leader_position_id, position_id, seen_at, numbers)
	select subscription_id, user_id, trader_id, 'trader_left', symbol, leader_position_id, position_id, @now,
		jsonb_build_object('copied', copied, 'leaderBought', leader_bought, 'leaderHeld', 0) from apart
	order by subscription_id, position_id limit @slice
	on conflict (subscription_id, leader_position_id, kind) do nothing returning *
) select ` + driftColumns + ` from made g ` + driftJoins

// neverCame writes a drift for each subscription whose entry was ordered and bought
// nothing, while the trader still holds (index copy_decisions_fruitless). What was
// kept out by the follower's own settings never had an order, and is no drift; nor
// is what the follower took back. Foreign tables: orders, positions, copy_holdings.
const neverCame = `
with apart as (
	select distinct on (c.subscription_id, lo.position_id) c.subscription_id, c.user_id, c.trader_id, c.symbol, lo.position_id as leader_position_id,
		lp.bought - lp.sold as leader_held, e.quantity as ordered
	from copy_decisions c
	join orders lo on lo.id = c.leader_order_id
	join positions lp on lp.id = lo.position_id and lp.status = 'open' and lp.bought > lp.sold and lp.expiration >= @today::date
	join subscriptions s on s.id = c.subscription_id and s.status = 'active'
	join orders e on e.id = c.order_id
	where c.side = 'BTO' and c.order_id is not null and c.result in ('failed', 'skipped') and c.decided_at between @since and @came
		and e.cum = 0 and e.reason_code is distinct from 'user_cancelled' and not (e.state = 'cancelled' and e.cancel_requested_at is not null)
		and not exists (select 1 from orders o join copy_decisions d on d.leader_order_id = o.id and d.subscription_id = c.subscription_id
			where o.position_id = lo.position_id and d.side = 'BTO' and d.result in ('queued', 'awaiting_approval', 'approved', 'executed'))
		and not exists (select 1 from copy_drifts k where k.subscription_id = c.subscription_id
			and k.leader_position_id = lo.position_id and k.kind = 'never_came')
	order by c.subscription_id, lo.position_id
), made as (
	insert into copy_drifts (subscription_id, user_id, trader_id, kind, symbol, leader_position_id, seen_at, numbers)
	select subscription_id, user_id, trader_id, 'never_came', symbol, leader_position_id, @now,
		jsonb_build_object('copied', 0, 'ordered', ordered, 'leaderHeld', leader_held) from apart
	order by subscription_id, leader_position_id limit @slice
	on conflict (subscription_id, leader_position_id, kind) do nothing returning *
) select ` + driftColumns + ` from made g ` + driftJoins

// settleDrifts ends what has come together again or is gone, and gives back to the
// follower what a sell that ended has not sold. Foreign tables: copy_holdings,
// positions, orders.
const settleDrifts = `
with led as materialized (` + ledContracts + `
), now as (
	select g.id, case
			when g.kind = 'trader_left' and (h.bought is null or h.bought = h.sold or p.status <> 'open' or l.symbol is not null) then 'resolved'
			when g.kind = 'never_came' and (s.status <> 'active' or l.symbol is null or exists (
				select 1 from orders e join copy_decisions c on c.id = e.decision_id join orders lo on lo.id = c.leader_order_id
				where lo.position_id = g.leader_position_id and c.subscription_id = g.subscription_id and c.side = 'BTO' and c.result = 'executed')) then 'resolved'
			when g.state = 'closing' and not (` + exitsLive + `) then 'open'
			else g.state end as state
	from copy_drifts g
	join subscriptions s on s.id = g.subscription_id
	left join positions p on p.id = g.position_id
	left join copy_holdings h on h.subscription_id = g.subscription_id and h.position_id = g.position_id
	left join led l on l.trader_id = g.trader_id and l.symbol = coalesce(p.symbol, g.symbol)
	left join orders e on e.id = g.order_id
	where g.state in ('open', 'closing')
), changed as (
	select g.id, n.state from now n join copy_drifts g on g.id = n.id where g.state <> n.state and g.state in ('open', 'closing')
	order by g.id limit @slice for no key update of g skip locked
)
update copy_drifts g set state = c.state, order_id = case when c.state = 'closing' then g.order_id end, updated_at = now()
from changed c where g.id = c.id`

// FindDrift compares followers and traders, contract by contract, and tells each
// follower once where they have come apart. Nothing is sold. It may run any number
// of times and anywhere.
func (c *Copier) FindDrift(ctx context.Context) error {
	now := c.now()
	args := pgx.NamedArgs{
		"now": now, "today": c.clock.Today(), "settled": now.Add(-driftSettled), "since": now.Add(-driftWindow), "came": now.Add(-cameWithin),
		"slice": triggerSlice,
	}
	return errors.Join(c.comeTogether(ctx, args), c.comeApart(ctx, traderLeft, args), c.comeApart(ctx, neverCame, args))
}

func (c *Copier) comeTogether(ctx context.Context, args pgx.NamedArgs) error {
	return c.setWise(ctx, func(ctx context.Context, tx pgx.Tx) (int, error) {
		tag, err := tx.Exec(ctx, settleDrifts, args)
		return int(tag.RowsAffected()), err
	})
}

func (c *Copier) comeApart(ctx context.Context, statement string, args pgx.NamedArgs) error {
	return c.setWise(ctx, func(ctx context.Context, tx pgx.Tx) (int, error) {
		rows, err := tx.Query(ctx, statement, args)
		if err != nil {
			return 0, err
		}
		made, err := pgx.CollectRows(rows, scanDrift)
		if err != nil {
			return 0, err
		}
		told := make([]alerts.Notification, len(made))
		for i, d := range made {
			told[i] = c.cameApart(d)
			c.count("drift_" + string(d.Kind))
		}
		return len(made), c.alerts.Notify(ctx, tx, told...)
	})
}

// setWise runs a step until it does no full slice, each time in a transaction with
// the time of set-wise work (rule 8.3).
func (c *Copier) setWise(ctx context.Context, step func(context.Context, pgx.Tx) (int, error)) error {
	for done := triggerSlice; done == triggerSlice; {
		err := c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) (err error) {
			if _, err = tx.Exec(ctx, setDecideTime); err != nil {
				return err
			}
			done, err = step(ctx, tx)
			return err
		})
		if err != nil {
			return fmt.Errorf("compare followers and traders: %w", err)
		}
	}
	return nil
}

func (c *Copier) cameApart(d Drift) alerts.Notification {
	until := d.SeenAt.Add(driftFor)
	title, body := "Still held: "+d.Contract.Display(), d.Text()+" Close, keep or ignore them on your copying page."
	if d.Kind == NeverCame {
		title, body = "Not held: "+d.Contract.Display(), d.Text()
	}
	return alerts.Notification{
		UserID: d.FollowerID, Type: alerts.CopyTradeClose, Title: title, Body: body, Brief: "You and @" + d.Trader + " hold different things.",
		URL: "/copy#drift", SubjectKey: "drift:" + d.ID.String(), PositionID: d.PositionID, LearntAt: d.SeenAt, ValidUntil: &until,
	}
}
