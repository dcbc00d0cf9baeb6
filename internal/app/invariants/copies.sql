-- What must hold of copies: decisions, their orders, and what is held because of them.

-- INV-19: One decision for a leader's order and a subscription, one entry order for a decision, and never more sold than its target.
with exits as (
    select decision_id, max(copy_target) as target, bool_or(review_reason is not null) as review,
        sum(case when state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') then quantity else cum end) as taken
    from orders where side = 'STC' and decision_id is not null group by decision_id
)
select leader_order_id || ' ' || subscription_id as id, count(*) || ' decisions' as why
from copy_decisions group by leader_order_id, subscription_id having count(*) > 1
union all
select decision_id::text, count(*) || ' entry orders' from orders where side = 'BTO' and decision_id is not null group by decision_id having count(*) > 1
union all
select d.id::text, 'its exits take ' || e.taken || ' of ' || d.held || ' copied, the target is ' || coalesce(e.target::text, 'unknown')
from exits e join copy_decisions d on d.id = e.decision_id
where not e.review and (e.target is null or e.taken > e.target or e.taken > d.held)
union all
select o.id::text, 'is a copy for another subscription, follower, side, contract or more contracts than decided'
from orders o join copy_decisions d on d.id = o.decision_id
where (o.subscription_id, o.user_id, o.side, o.symbol) is distinct from (d.subscription_id, d.user_id, d.side, d.symbol)
    or o.side = 'BTO' and o.quantity > d.quantity;

-- INV-20: The day's counter of copied entries is what was counted, and never above the follower's cap.
with counted as (
    -- what turned up after it had been given up on (review) may be counted or not
    select user_id, trading_day, count(*) as most, count(*) filter (where review_reason is null) as least, max(created_at) as newest
    from orders
    where source = 'copy' and side = 'BTO' and not (state in ('aborted', 'rejected', 'not_placed') and cum = 0)
    group by user_id, trading_day
), caps as (
    select follower_id, max(max_daily_trades) as most, max(updated_at) as changed from subscriptions where not paper group by follower_id
)
select coalesce(c.user_id, n.user_id) || ' ' || coalesce(c.trading_day, n.trading_day) as id,
    'counted ' || trim_scale(coalesce(c.used, 0)) || ', copied ' || coalesce(n.most, 0) as why
from (select * from day_counters where kind = 'copies') c full join counted n on n.user_id = c.user_id and n.trading_day = c.trading_day
where coalesce(c.used, 0) not between coalesce(n.least, 0) and coalesce(n.most, 0)
union all
select c.user_id || ' ' || c.trading_day, 'counted ' || trim_scale(c.used) || ', the cap is ' || p.most
from day_counters c join caps p on p.follower_id = c.user_id
left join counted n on n.user_id = c.user_id and n.trading_day = c.trading_day
where c.kind = 'copies' and c.used > p.most and p.changed < coalesce(n.newest, now());

-- INV-21: No copy was sent without the follower's word, or their consent of its time to the text that was in force, nor an entry for a subscription that had ended or rested.
with sent as (
    select o.id, o.side, o.user_id, o.sent_at, o.consent_version, d.responded_at, s.status, s.created_at, s.updated_at
    from orders o join copy_decisions d on d.id = o.decision_id join subscriptions s on s.id = o.subscription_id
    where o.sent_at is not null
), agreed as (
    select user_id, version, given_at, withdrawn_at from consents
    union all
    select user_id, version, given_at, withdrawn_at from consents_past
)
select s.id::text as id, 'sent ' || s.sent_at || ' without consent' as why from sent s
where s.responded_at is null and not exists (
    select 1 from agreed k where k.user_id = s.user_id and k.version = coalesce(s.consent_version, k.version)
      and k.given_at <= s.sent_at and (k.withdrawn_at is null or k.withdrawn_at >= s.sent_at))
union all
select id::text, 'sent ' || sent_at || ', the subscription is ' || status || ' since ' || updated_at from sent
where side = 'BTO' and status <> 'active' and updated_at + interval '5 seconds' < sent_at
union all
select id::text, 'sent before there was a subscription' from sent where sent_at < created_at;

-- INV-22: Nothing copies a copy, oneself, somebody else's order, or an order without a fill.
select d.id::text as id, 'copies ' || case
    when l.source = 'copy' then 'a copy'
    when d.user_id = l.user_id then 'the follower''s own order'
    when l.cum = 0 then 'an order without a fill'
    else 'another trader, side or contract than it says' end as why
from copy_decisions d join orders l on l.id = d.leader_order_id join subscriptions s on s.id = d.subscription_id
where l.source = 'copy' or d.user_id = l.user_id or l.cum = 0
    or (d.trader_id, d.user_id, d.trader_id, d.side, d.symbol) is distinct from (l.user_id, s.follower_id, s.trader_id, l.side, l.symbol);

-- INV-23: Once the leader is flat, no follower's entry of that position is left working; and what is to be cancelled is asked of its broker.
select o.id::text as id, o.state || ', and the leader has sold everything' as why
from positions p join orders l on l.position_id = p.id
join copy_decisions d on d.leader_order_id = l.id
join orders o on o.decision_id = d.id and o.side = 'BTO'
where p.bought = p.sold and p.bought > 0 and p.updated_at < now() - @grace::interval
    and o.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') and o.cancel_requested_at is null
union all
select o.id::text, 'to be cancelled since ' || o.cancel_requested_at || ', and nobody asks its broker'
from orders o
where o.state in ('accepted', 'partial') and o.cancel_requested_at < now() - @grace::interval and o.cancel_sent_at is null
    and o.updated_at < now() - @grace::interval
    and not exists (select 1 from river_job j where j.kind = 'order_cancel' and j.args ->> 'order_id' = o.id::text
        and j.state in ('available', 'pending', 'scheduled', 'retryable', 'running'));

-- INV-24: Each subscription that was active at the instant a leader's order is decided by has a decision, and each decision ends: as an order that filled, or with its reason.
with first as (
    select order_id, min(learnt_at) as at from fills group by order_id
), decided as (
    -- when it has filled or ended, or ten seconds after its first fill
    select o.id, o.user_id, least(f.at + interval '10 seconds', greatest(o.finished_at, f.at)) as at
    from orders o join first f on f.order_id = o.id where o.source <> 'copy'
), made as (
    select decision_id, bool_or(state in ('queued', 'submitting', 'unknown', 'accepted', 'partial')) as live, bool_or(cum > 0) as filled,
        max(finished_at) as ended, max(updated_at) as changed
    from orders where decision_id is not null group by decision_id
    union all
    select decision_id, false, true, max(filled_at), max(filled_at) from paper_fills where decision_id is not null group by decision_id
)
select d.id || ' ' || s.id as id, 'no decision for this order and subscription' as why
from decided d join subscriptions s on s.trader_id = d.user_id and (s.status = 'active' and s.active_since <= d.at
    or exists (select 1 from subscription_periods w where w.subscription_id = s.id and w.began_at <= d.at and w.ended_at > d.at))
left join copy_decisions c on c.leader_order_id = d.id and c.subscription_id = s.id
where c.id is null and d.at < now() - @grace::interval
union all
select c.id::text, 'still ' || c.result || ' after its time' from copy_decisions c left join made m on m.decision_id = c.id
where c.result in ('queued', 'awaiting_approval', 'approved') and m.live is not true
    and case when c.side = 'BTO' and m.ended is not null then m.ended else greatest(c.expires_at, c.updated_at) + interval '30 seconds' end < now() - @grace::interval
union all
select id::text, result || ' without a reason' from copy_decisions
where result in ('skipped', 'rejected', 'failed', 'expired') and coalesce(reason, '') = ''
union all
select c.id::text, 'executed, and none of its orders filled' from copy_decisions c left join made m on m.decision_id = c.id
where c.result = 'executed' and m.filled is not true
union all
select c.id::text, c.result || ', and one of its orders filled' from copy_decisions c join made m on m.decision_id = c.id
where c.result <> 'executed' and m.filled and m.changed < now() - @grace::interval;

-- INV-49: What is held of a copy lies between nothing and what it bought, fits into its position, and is the sum of the copies' fills, its profit too.
with charged as (
    select f.order_id, f.position_id, f.side, f.quantity, f.notional,
        f.fees + coalesce((select sum(l.amount) from late_fees l where l.order_id = f.order_id and l.cum = f.cum), 0) as fees
    from fills f
), copied as (
    select o.subscription_id, f.position_id, sum(f.quantity) as bought, sum(f.notional * p.multiplier + f.fees) as cost
    from charged f join orders o on o.id = f.order_id join positions p on p.id = f.position_id
    where f.side = 'BTO' and o.subscription_id is not null group by o.subscription_id, f.position_id
), sold as (
    -- of positions that only one copy has sold from: there the holding's sells are the position's
    select f.position_id, (array_agg(o.subscription_id))[1] as subscription_id, sum(f.quantity) as quantity,
        sum(f.notional * p.multiplier - f.fees) as proceeds
    from charged f join orders o on o.id = f.order_id join positions p on p.id = f.position_id
    where f.side = 'STC' and p.review_reason is null
    group by f.position_id having count(distinct o.subscription_id) = 1 and count(*) = count(o.subscription_id)
), held as (
    select position_id, sum(bought - sold) as left from copy_holdings group by position_id
)
select h.subscription_id || ' ' || h.position_id as id, 'bought ' || h.bought || ', sold ' || h.sold || ', cost left ' || h.remaining_cost as why
from copy_holdings h where h.sold < 0 or h.sold > h.bought or h.remaining_cost < 0 or h.bought = h.sold and h.remaining_cost <> 0
union all
select p.id::text, h.left || ' copied contracts, ' || p.bought - p.sold || ' held'
from held h join positions p on p.id = h.position_id where h.left > p.bought - p.sold
union all
select coalesce(c.subscription_id, h.subscription_id) || ' ' || coalesce(c.position_id, h.position_id),
    'bought ' || coalesce(h.bought, 0) || '; the copies'' fills say ' || coalesce(c.bought, 0)
from copied c full join copy_holdings h on h.subscription_id = c.subscription_id and h.position_id = c.position_id
where coalesce(h.bought, 0) <> coalesce(c.bought, 0) -- a split multiplies what is held
    and not exists (select 1 from position_adjustments a where a.position_id = coalesce(c.position_id, h.position_id) and a.kind = 'rename_in')
union all
select h.subscription_id || ' ' || h.position_id, 'realised ' || h.realized || '; the copy''s fills say ' || s.proceeds - (c.cost - h.remaining_cost)
from copy_holdings h
join copied c on c.subscription_id = h.subscription_id and c.position_id = h.position_id
join sold s on s.subscription_id = h.subscription_id and s.position_id = h.position_id and s.quantity = h.sold
where h.realized <> s.proceeds - (c.cost - h.remaining_cost);

-- INV-52: What a follower's own bound sells is sold once for each copied contract and kind, by one order of its holding, in time, and all sells of a copy together are no more than it holds.
select subscription_id || ' ' || coalesce(position_id::text, min(symbol)) as id, kind || ' was reached for ' || sum(held) || ' of ' || max(bought) || ' contracts' as why
from copy_triggers group by subscription_id, position_id, case when position_id is null then symbol end, kind having sum(held) > max(bought)
union all
select trigger_id::text, 'sold by ' || count(*) || ' orders' from orders
where trigger_id is not null and state <> 'aborted' group by trigger_id having count(*) > 1
union all
select o.id::text, 'sells ' || o.quantity || ' for another holding, follower or contract than was reached, or more than its ' || g.held
from orders o join copy_triggers g on g.id = o.trigger_id join positions p on p.id = g.position_id
where o.side <> 'STC' or o.quantity > g.held
    or (o.subscription_id, o.position_id, o.user_id) is distinct from (g.subscription_id, g.position_id, g.user_id)
union all
select g.id::text, 'still ' || g.state || ' after its time' from copy_triggers g left join orders o on o.id = g.order_id
where (g.state = 'waiting' or g.state = 'placed' and o.state not in ('queued', 'submitting', 'unknown', 'accepted', 'partial') and o.updated_at < now() - @grace::interval)
    and g.send_before < now() - @grace::interval
union all
select h.subscription_id || ' ' || h.position_id, 'holds ' || h.bought - h.sold || ' and sells ' || e.selling
from copy_holdings h join positions p on p.id = h.position_id join (
    select subscription_id, position_id, sum(quantity - cum) as selling from orders
    where side = 'STC' and subscription_id is not null and state in ('queued', 'submitting', 'unknown', 'accepted', 'partial')
        and cancel_requested_at is null -- is being taken back
    group by subscription_id, position_id) e on e.subscription_id = h.subscription_id and e.position_id = h.position_id
where e.selling > h.bought - h.sold and p.review_reason is null
    and not exists ( -- an exit that had ended has just sold after all: what sells again is taken back next
        select from orders x join fills f on f.order_id = x.id and f.learnt_at > x.finished_at and f.learnt_at > now() - @grace::interval
        where x.subscription_id = h.subscription_id and x.position_id = h.position_id and x.side = 'STC');

-- INV-53: A drift is about copies of its subscription, and what closes it sells of that holding only.
select g.id::text as id, 'is about a position of another follower, or one that holds no copy of the subscription' as why
from copy_drifts g join subscriptions s on s.id = g.subscription_id left join positions p on p.id = g.position_id
left join copy_holdings h on h.subscription_id = g.subscription_id and h.position_id = g.position_id
where (g.user_id, g.trader_id) is distinct from (s.follower_id, s.trader_id)
    or g.kind = 'trader_left' and (p.user_id is distinct from g.user_id or h.position_id is null)
union all
select o.id::text, 'closes a drift of another holding' from copy_drifts g join orders o on o.id = g.order_id
where o.side <> 'STC' or (o.subscription_id, o.position_id, o.user_id) is distinct from (g.subscription_id, g.position_id, g.user_id);

-- INV-56: No copy is dearer than the trader's price by more than its follower's slippage, or sold for less than it by more than 10 %; $0.05 are always allowed, but for an entry at 0 %.
with paid as (
    -- what the trader's order had filled at by each of its fills, per share: an exit goes by what had filled by then
    select order_id, sum(notional) over upto / sum(quantity) over upto as average from fills window upto as (partition by order_id order by cum)
), lowest as (
    select order_id, min(average) as average from paid group by order_id
), bounds as (
    select d.id as decision_id, d.side, s.updated_at, case
        when d.side = 'STC' then greatest(round(l.average, 4) - greatest(round(l.average, 4) * 0.1, 0.05), 0.01)
        when s.max_slippage_percent = 0 then d.source_price
        else d.source_price + greatest(d.source_price * s.max_slippage_percent / 100, 0.05) end as worst
    from copy_decisions d join subscriptions s on s.id = d.subscription_id join lowest l on l.order_id = d.leader_order_id
), priced as (
    select o.id::text, o.decision_id, 'its limit is ' || o.limit_price as what, o.limit_price as price, o.created_at from orders o
    where o.source = 'copy' and o.decision_id is not null and o.limit_price is not null
        -- its owner may have given it another one since
        and not exists (select 1 from order_changes c where c.order_id = o.id)
    union all
    select o.id::text, o.decision_id, 'it filled at ' || round(o.cum_notional / o.cum, 4), o.cum_notional / o.cum, o.created_at from orders o
    where o.source = 'copy' and o.decision_id is not null and o.order_type = 'Limit' and o.cum > 0
        and not exists (select 1 from order_changes c where c.order_id = o.id)
    union all
    select 'paper ' || f.id, f.decision_id, 'on paper it filled at ' || f.price, f.price, f.filled_at from paper_fills f where f.decision_id is not null
)
select p.id, p.what || ', ' || b.worst || ' is the worst allowed' as why
from priced p join bounds b on b.decision_id = p.decision_id
where case b.side when 'BTO' then p.price > b.worst and b.updated_at <= p.created_at -- settings of today say nothing of yesterday's
    else p.price < b.worst end;
