package copytrade

import "github.com/alertsify/alertsify/internal/orders"

// exitsLive are the order states in which an exit e may still sell.
const exitsLive = `e.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial')`

// copyHeld is what subscription s still holds of copies in the contract of
// order o, on the position that took them first, less what its exits may still
// sell (rule 6); or what it holds of it on paper, where nothing is on its way.
const copyHeld = `
	(select h.position_id, h.bought - h.sold - coalesce((
		select sum(e.quantity - e.cum) from orders e
		where e.position_id = h.position_id and e.subscription_id = s.id and e.side = 'STC' and ` + exitsLive + `), 0)::int as copied
	from copy_holdings h join positions p on p.id = h.position_id
	where h.subscription_id = s.id and p.symbol = o.symbol and p.status = 'open' and h.bought > h.sold
	order by h.created_at limit 1)
	union all
	select null, h.bought - h.sold from paper_holdings h where h.subscription_id = s.id and h.symbol = o.symbol and h.bought > h.sold`

// sellsBefore tell what a leader held before an order o whatever was booked since. Of
// the position's other sells of late, what followers were not decided about yet still
// counts as held (sells); what came after the order's first fill does not (buys, moved).
// Foreign tables: fills, orders, position_adjustments (indexes fills_position,
// position_adjustments_position).
const sellsBefore = `
sells as materialized (
	select y.id, y.cum, f.first, f.last, g.decided_at is null as deciding
	from o join lateral (
		select order_id, min(learnt_at) as first, max(least(coalesce(executed_at, learnt_at), learnt_at)) as last from fills
		where position_id = o.position_id and side = 'STC' and learnt_at > @now::timestamptz - interval '16 minutes' group by order_id) f on f.order_id <> o.id
	join orders y on y.id = f.order_id and y.source <> 'copy'
	left join copy_signals g on g.leader_order_id = y.id
), buys as materialized (
	select f.order_id, sum(f.quantity)::int as quantity from o join fills f on f.position_id = o.position_id and f.side = 'BTO' and f.learnt_at > o.first
	where not exists (select from fills e where e.order_id = f.order_id and e.learnt_at <= o.first)
	group by f.order_id
), moved as materialized (
	select coalesce((select sum(quantity) from buys), 0)::int + coalesce(sum(a.quantity) filter (where a.kind = 'external' and a.quantity > 0), 0)::int as came,
		coalesce(-sum(a.quantity) filter (where a.kind = 'external' and a.quantity < 0 or a.kind = 'explained' and a.order_id <> o.id), 0)::int as gone
	from o left join position_adjustments a on a.position_id = o.position_id and a.learnt_at > o.first
)`

// promised is what of the copy of subscription s the other sells will still sell for
// it and no order does yet; and what those of them have sold that s was not decided
// about. It adds up to the same whichever of two sells is decided first, or both at once.
const promised = `
	select coalesce(sum(y.cum) filter (where d.id is null and y.deciding and s.active_since <= y.first), 0)::int as undecided,
		coalesce(sum(greatest(least(d.held, ceil(d.held * y.cum::numeric / d.leader_held - 0.5)) - x.taken, 0))
			filter (where d.result in ('queued', 'awaiting_approval', 'approved', 'executed') and d.leader_held > 0
				and greatest(d.expires_at, y.last + interval '15 minutes') > @now::timestamptz
				and least(d.held, ceil(d.held * y.cum::numeric / d.leader_held - 0.5)) > x.highest), 0)::int as promised
	from sells y left join copy_decisions d on d.leader_order_id = y.id and d.subscription_id = s.id
	left join lateral (` + exitsOf + `) x on true`

// exitsOf is what the exits of decision d take: live ones in full, ended ones by what
// they filled; and the highest of their targets.
const exitsOf = `
	select coalesce(sum(case when ` + exitsLive + ` then e.quantity else e.cum end), 0)::int as taken,
		coalesce(max(e.copy_target) filter (where e.state <> 'aborted' or e.reason_code = '` + orders.UserCancelled + `'), 0) as highest
	from (select state, quantity, cum, copy_target, reason_code from orders where decision_id = d.id and side = 'STC'
		union all select 'filled', quantity, quantity, copy_target, null from paper_fills where decision_id = d.id and kind = 'sell') e`

// boughtLater is what subscription s copied of the buys.
const boughtLater = `
	select coalesce(sum(e.quantity), 0)::int as later from buys b
	join copy_decisions d on d.leader_order_id = b.order_id and d.subscription_id = s.id
	join lateral (select cum as quantity from orders where decision_id = d.id and side = 'BTO'
		union all select quantity from paper_fills where decision_id = d.id and kind = 'buy') e on true`

// fanOutExits decides about a leader's sell for everybody who follows; who holds
// nothing copied of the contract is skipped, and so is who would sell less than
// half a contract of an order that will sell no more, and who has left since. The target written is that
// of exitTarget. Held and leader_held are those from before the order's first fill: of
// n copies of what the leader held N of, n/N of a contract is sold for each that the
// leader sells, in whichever order sells are decided about. A flat leader's
// copy is sold whole. Foreign tables: orders, positions, copy_holdings.
const fanOutExits = `
with o as (
	select o.*, round(o.cum_notional / o.cum, 4) as price, p.bought - p.sold + o.cum as with_it, p.bought = p.sold as flat,
		o.state in ('accepted', 'partial') as working, (select min(learnt_at) from fills where order_id = o.id) as first
	from orders o join positions p on p.id = o.position_id where o.id = @order and o.source <> 'copy' and o.cum > 0
),` + theLine + `,` + sellsBefore + `, candidate as (
	select s.*, o.id as leader_order, o.symbol, o.cum, o.price, o.flat, o.working,
		h.position_id as position, greatest(coalesce(h.copied, 0), 0) as whole, greatest(coalesce(h.copied, 0) - t.promised, 0) as left_over, l.later,
		o.with_it + t.undecided + m.gone as before, m.came, ` + automatic + ` as automatic
	from o cross join moved m cross join ` + nextInLine + ` s
	cross join lateral (` + promised + `) t
	cross join lateral (` + boughtLater + `) l
	left join lateral (` + copyHeld + `) h on true
), reckoned as ( -- without what came later, unless more was sold since than there was
	select *, case when flat then whole when separable then left_over - later else left_over end as copied,
		greatest(case when separable then before - came else before end, cum) as leader_held
	from (select *, before - came >= cum and left_over > later as separable from candidate) x
), judged as (
	select *, case when flat then copied else least(copied, ceil(copied * cum::numeric / leader_held - 0.5)) end::int as target
	from reckoned
), reasoned as (
	select *, case when copied = 0 then 'no_copy_held' when gone then 'copying_stopped' when target = 0 and not working then 'scaled_to_zero' end as reason from judged
), made as (
	insert into copy_decisions (id, subscription_id, paper, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price,
		quantity, result, reason, numbers, position_id, held, leader_held, place, place_of, expires_at)
	select ` + decisionID + `, id, paper, follower_id, trader_id, leader_order, 'STC', symbol, cum, price, target,
		case when reason is not null then 'skipped' when automatic then 'queued' else 'awaiting_approval' end,
		reason, jsonb_build_object('copied', copied, 'leaderSold', cum, 'leaderHeld', leader_held),
		position, copied, leader_held, place, place_of, @exitsUntil::timestamptz
	from reasoned
)` + sliceDone
