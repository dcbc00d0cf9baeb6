package copytrade

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

// fanOutExits decides about a leader's sell for everybody who follows; who holds
// nothing copied of the contract is skipped, and so is who would sell less than
// half a contract of an order that will sell no more. The target written is that
// of exitTarget. Foreign tables: orders, positions, copy_holdings.
const fanOutExits = `
with o as (
	select o.*, round(o.cum_notional / o.cum, 4) as price, p.bought - p.sold + o.cum as leader_held, p.bought = p.sold as flat,
		o.state in ('accepted', 'partial') as working
	from orders o join positions p on p.id = o.position_id where o.id = @order and o.source <> 'copy' and o.cum > 0
), candidate as (
	select s.*, o.id as leader_order, o.symbol, o.cum, o.price, o.leader_held, o.flat, o.working, ` + fairOrder + `,
		h.position_id as position, greatest(coalesce(h.copied, 0), 0) as copied, ` + automatic + ` as automatic
	from o ` + followed + `
	left join lateral (` + copyHeld + `) h on true
), judged as (
	select *, case when flat then copied else least(copied, ceil(copied * cum::numeric / leader_held - 0.5)) end::int as target
	from candidate
), reasoned as (
	select *, case when copied = 0 then 'no_copy_held' when target = 0 and not working then 'scaled_to_zero' end as reason from judged
), made as (
	insert into copy_decisions (subscription_id, paper, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price,
		quantity, result, reason, numbers, position_id, held, leader_held, place, place_of, expires_at)
	select id, paper, follower_id, trader_id, leader_order, 'STC', symbol, cum, price, target,
		case when reason is not null then 'skipped' when automatic then 'queued' else 'awaiting_approval' end,
		reason, jsonb_build_object('copied', copied, 'leaderSold', cum, 'leaderHeld', leader_held),
		position, copied, leader_held, place, place_of, @exitsUntil::timestamptz
	from reasoned
	on conflict (leader_order_id, subscription_id) do nothing
)` + sliceDone + `reasoned`
