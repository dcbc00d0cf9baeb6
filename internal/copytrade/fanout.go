package copytrade

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/live"
	"github.com/alertsify/alertsify/internal/orders"
)

const (
	partialWait = 10 * time.Second // after a first partial fill; by then it is copied as far as it got
	exitsWithin = 15 * time.Minute // from the leader's fill; later an exit is only offered
)

// OnOrder carries on from an order that filled or ended. A leader's own is
// decided about for every follower; a copy's settles its decision. A copy is
// never copied. It may run any number of times.
func (c *Copier) OnOrder(ctx context.Context, id uuid.UUID) error {
	o, err := c.desk.Any(ctx, id)
	if err != nil {
		return fmt.Errorf("copy order: %w", err)
	}
	if o.Source == orders.Copy {
		return c.settle(ctx, o)
	}
	if o.Cum == 0 {
		return nil
	}
	if wait := c.untilTrigger(ctx, o); wait > 0 {
		return orders.Again{After: wait}
	}
	if err := c.fanOut(ctx, o); err != nil {
		return fmt.Errorf("fan out order %s: %w", id, err)
	}
	c.crash("C15")
	if o.Side == orders.STC {
		if err := c.withdrawEntries(ctx, o); err != nil {
			return err
		}
	}
	return c.Execute(ctx, id)
}

// untilTrigger is how long to wait for more of a partly filled order: it is
// decided about when filled, ended, or ten seconds after its first fill.
func (c *Copier) untilTrigger(ctx context.Context, o orders.Order) time.Duration {
	if !o.State.Live() {
		return 0
	}
	first, err := c.desk.FirstFill(ctx, o.ID)
	if err != nil {
		return partialWait
	}
	return partialWait - c.now().Sub(first)
}

// fanOut makes one decision for each active follower, in one statement; a
// second run finds them made. The asked are told in the same transaction.
func (c *Copier) fanOut(ctx context.Context, o orders.Order) error {
	statement := fanOutEntries
	if o.Side == orders.STC {
		statement = fanOutExits
	}
	return c.db.AsSystem(ctx, "copier", func(ctx context.Context, tx pgx.Tx) error {
		// Set-wise work has its own time (rule 8.3).
		if _, err := tx.Exec(ctx, `set local statement_timeout = '10s'`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, statement, c.fanOutArgs(o))
		if err != nil {
			return err
		}
		made, err := pgx.CollectRows(rows, scanDecision)
		if err != nil {
			return err
		}
		c.crash("C11")
		if err := c.ask(ctx, tx, o, made); err != nil {
			return err
		}
		return publish(ctx, tx, made)
	})
}

func (c *Copier) fanOutArgs(o orders.Order) pgx.NamedArgs {
	now := c.now()
	closes := c.clock.CloseTime(o.Contract.Underlying).Add(-c.clock.State().Offset) // by the real clock
	executed := now
	if o.ExecutedAt != nil {
		executed = *o.ExecutedAt
	}
	return pgx.NamedArgs{
		"order": o.ID, "now": now, "close": closes, "executed": executed, "open": c.clock.Open(o.Contract.Underlying),
		"most": c.rules.Limits().CopyContracts, "consent": ConsentVersion, "exitSeconds": exitsWithin.Seconds(),
	}
}

// The published fair order of a signal's followers: by a hash of the order's
// and the subscription's ids, which nobody can choose.
const fairOrder = `row_number() over (order by md5(o.id::text || s.id::text)), count(*) over ()`

// fanOutEntries decides about a leader's buy. Foreign tables: orders, accounts,
// positions.
const fanOutEntries = `
with o as (
	select *, round(cum_notional / cum, 4) as price from orders where id = @order
), candidate as (
	select s.*, o.id as leader_order, o.symbol, o.cum, o.price, a.id as account, a.status as account_status, a.can_trade, ` + fairOrder + ` ,
		floor(case s.scaling_mode
			when 'factor' then o.cum * s.scaling_value
			when 'contracts' then s.scaling_value
			when 'dollars' then s.scaling_value / (o.price * o.multiplier)
			else coalesce(a.buying_power, 0) * s.scaling_value / 100 / (o.price * o.multiplier) end) as wanted,
		exists (select 1 from positions p where p.account_id = a.id and p.symbol = o.symbol and p.status = 'open' and p.bought > p.sold) as held,
		s.auto_execute and exists (select 1 from consents k where k.user_id = s.follower_id and k.version = @consent and k.withdrawn_at is null) as automatic
	from o
	join subscriptions s on s.trader_id = o.user_id and s.status = 'active' and s.active_since <= @now::timestamptz
	left join accounts a on a.user_id = s.follower_id and a.removed_at is null
		and case when s.account_id is null then a.selected else a.id = s.account_id end
), judged (id, follower_id, trader_id, leader_order, symbol, cum, price, place, place_of, quantity, automatic, expires_at, reason, numbers) as (
	select id, follower_id, trader_id, leader_order, symbol, cum, price, row_number, count,
		least(wanted, max_position_size, @most::int)::int, automatic,
		least(@now::timestamptz + make_interval(secs => max_delay_seconds), @close::timestamptz),
		case
			when account is null or account_status <> 'ok' or not can_trade then 'no_account'
			when not @open::boolean then 'market_closed'
			when @now::timestamptz - @executed::timestamptz > make_interval(secs => max_delay_seconds) then 'too_late'
			when wanted < 1 then 'scaled_to_zero'
			when held and same_contract = 'skip' then 'already_held'
		end,
		jsonb_build_object('scaling', scaling_mode, 'value', trim_scale(scaling_value)::text, 'wanted', wanted::text, 'maxPositionSize', max_position_size,
			'delaySeconds', round(extract(epoch from @now::timestamptz - @executed::timestamptz), 1), 'maxDelaySeconds', max_delay_seconds)
	from candidate
), made as (
	insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price,
		quantity, result, reason, numbers, place, place_of, expires_at)
	select id, follower_id, trader_id, leader_order, 'BTO', symbol, cum, price, case when reason is null then quantity else 0 end,
		case when reason is not null then 'skipped' when automatic then 'queued' else 'awaiting_approval' end,
		reason, numbers, place, place_of, expires_at
	from judged
	on conflict (leader_order_id, subscription_id) do nothing
	returning *
)
select ` + decisionColumns + ` from made c join users t on t.id = c.trader_id join orders l on l.id = c.leader_order_id`

// fanOutExits decides about a leader's sell: followers who hold something
// copied in the contract. Foreign tables: orders, positions, copy_holdings.
// Arguments as above; @exitSeconds is how long an exit may wait.
const fanOutExits = `
with o as (
	select o.*, round(o.cum_notional / o.cum, 4) as price, p.bought - p.sold + o.cum as leader_held
	from orders o join positions p on p.id = o.position_id where o.id = @order
), candidate as (
	select s.*, o.id as leader_order, o.symbol, o.cum, o.price, o.leader_held, ` + fairOrder + `,
		h.position_id as position, coalesce(h.bought - h.sold, 0) as copied,
		s.auto_execute and exists (select 1 from consents k where k.user_id = s.follower_id and k.version = @consent and k.withdrawn_at is null) as automatic
	from o
	join subscriptions s on s.trader_id = o.user_id and s.status = 'active'
	left join lateral (
		select h.position_id, h.bought, h.sold from copy_holdings h join positions p on p.id = h.position_id
		where h.subscription_id = s.id and p.symbol = o.symbol and p.status = 'open' and h.bought > h.sold limit 1) h on true
), made as (
	insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price,
		result, reason, position_id, held, leader_held, place, place_of, expires_at)
	select id, follower_id, trader_id, leader_order, 'STC', symbol, cum, price,
		case when copied = 0 then 'skipped' when automatic then 'queued' else 'awaiting_approval' end,
		case when copied = 0 then 'no_copy_held' end,
		position, copied, leader_held, row_number, count, @now::timestamptz + make_interval(secs => @exitSeconds::float8)
	from candidate
	on conflict (leader_order_id, subscription_id) do nothing
	returning *
)
select ` + decisionColumns + ` from made c join users t on t.id = c.trader_id join orders l on l.id = c.leader_order_id`

// ask tells the followers whose answer is needed, and those whose trader sold.
func (c *Copier) ask(ctx context.Context, tx pgx.Tx, o orders.Order, made []Decision) error {
	var told []alerts.Notification
	for _, d := range made {
		if d.Result != Awaiting {
			continue
		}
		told = append(told, c.question(o, d))
	}
	if len(told) == 0 {
		return nil
	}
	return c.alerts.Notify(ctx, tx, told...)
}

func (c *Copier) question(o orders.Order, d Decision) alerts.Notification {
	kind, verb := alerts.CopyTradeAlert, "bought"
	if d.Side == orders.STC {
		kind, verb = alerts.CopyTradeClose, "sold"
	}
	until, position := d.ExpiresAt, o.PositionID
	body := fmt.Sprintf("%d at %s. Copy %d?", d.SourceQuantity, d.SourcePrice.Display(), d.Quantity)
	if d.Side == orders.STC {
		body = fmt.Sprintf("%d at %s. Sell your copy in proportion?", d.SourceQuantity, d.SourcePrice.Display())
	}
	return alerts.Notification{
		UserID: d.FollowerID, Type: kind, Title: fmt.Sprintf("@%s %s %s", d.Trader, verb, d.Contract.Display()), Body: body,
		URL: "/copy", Data: map[string]any{"decisionId": d.ID, "expiresAt": d.ExpiresAt.UTC()}, SubjectKey: d.ID.String(),
		PositionID: &position, ExecutedAt: o.ExecutedAt, LearntAt: c.now(), ValidUntil: &until,
	}
}

func publish(ctx context.Context, tx pgx.Tx, made []Decision) error {
	events := make([]live.To, 0, len(made))
	for _, d := range made {
		events = append(events, live.To{User: d.FollowerID, Data: d})
	}
	return live.PublishEach(ctx, tx, "decision", events)
}
