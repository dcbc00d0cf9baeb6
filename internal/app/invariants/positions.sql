-- What must hold of positions: quantities, cost and profit against the fills.

-- INV-12: Nobody sells more than they hold, counting what might still sell.
select id::text as id, 'bought ' || bought || ', sold ' || sold || ', reserved ' || sell_reserved as why
from positions where sold < 0 or sell_reserved < 0 or sold + sell_reserved > bought;

-- INV-13: What is reserved is what the live sells may still sell; when that is more than is held, all that is held, and an operator is asked to look.
with selling as (
    -- One that is being replaced: the larger of its old and its new quantity.
    select o.position_id, sum(greatest(o.quantity, c.quantity) - o.cum) as left
    from orders o left join order_changes c on c.order_id = o.id and c.state in ('queued', 'submitting', 'unknown')
    where o.side = 'STC' and o.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') group by o.position_id
)
select p.id::text as id, 'reserved ' || p.sell_reserved || ', live sells have ' || coalesce(s.left, 0) || ' left' as why
from positions p left join selling s on s.position_id = p.id
where p.sell_reserved <> coalesce(s.left, 0)
    and not (p.review_reason is not null and s.left > p.bought - p.sold and p.sell_reserved = p.bought - p.sold);

-- INV-14: A position is the sum of its fills and adjustments, in contracts bought and sold; less than they sold only where an operator is asked to look. Its orders are in its contract, or in one it was renamed from. What the broker holds differently for long, an order explains, or one that changed within the hour: then it is watched anew.
with filled as (
    select position_id, coalesce(sum(quantity) filter (where side = 'BTO'), 0) as bought, coalesce(sum(quantity) filter (where side = 'STC'), 0) as sold
    from fills group by position_id
), adjusted as (
    select position_id, coalesce(sum(quantity) filter (where quantity > 0 and kind <> 'explained' or kind = 'rename_out'), 0) as bought,
        coalesce(-sum(quantity) filter (where quantity < 0 and kind <> 'rename_out' or kind = 'explained'), 0) as sold
    from position_adjustments group by position_id
), summed as (
    select p.id, coalesce(f.bought, 0) + coalesce(a.bought, 0) as bought, coalesce(f.sold, 0) + coalesce(a.sold, 0) as sold
    from positions p left join filled f on f.position_id = p.id left join adjusted a on a.position_id = p.id
)
select p.id::text as id, 'bought ' || p.bought || ', sold ' || p.sold || '; the fills and adjustments say ' || s.bought || ' and ' || s.sold as why
from positions p join summed s on s.id = p.id
where p.bought <> s.bought or p.sold <> s.sold and not (p.review_reason is not null and p.sold < s.sold)
union all
select o.id::text, 'has a fill on a position of another owner, account or contract'
from fills f join orders o on o.id = f.order_id join positions p on p.id = f.position_id
where (f.user_id, o.user_id, o.account_id, f.side) is distinct from (p.user_id, p.user_id, p.account_id, o.side)
    or o.symbol <> p.symbol
    and not exists (select 1 from position_adjustments a where a.position_id = p.id and a.kind = 'rename_out' and a.symbol = o.symbol)
union all
select o.id::text, 'stands on a position of another owner, account or contract'
from orders o join positions p on p.id = o.position_id
where (o.user_id, o.account_id) is distinct from (p.user_id, p.account_id)
    or (o.symbol, o.multiplier) is distinct from (p.symbol, p.multiplier)
    and not exists (select 1 from position_adjustments a where a.position_id = p.id and a.kind = 'rename_out' and a.symbol = o.symbol)
union all
select a.id::text, a.kind || ' of ' || a.quantity || ' ' || a.symbol || ', on a position of another owner or contract'
from position_adjustments a join positions p on p.id = a.position_id
where a.user_id <> p.user_id or a.symbol <> p.symbol
    and not exists (select 1 from position_adjustments r where r.position_id = p.id and r.kind = 'rename_out' and r.symbol = a.symbol)
union all
select position_id::text, 'renamed ' || count(*) filter (where kind = 'rename_out') || ' times, into ' || count(*) filter (where kind = 'rename_in') || ' names'
from position_adjustments group by position_id having count(*) filter (where kind = 'rename_out') <> count(*) filter (where kind = 'rename_in')
union all
select a.id::text, 'took ' || -a.quantity || ' for ' || -a.cost || ', and orders explain ' || sum(e.quantity) || ' for ' || sum(e.cost)
from position_adjustments a join position_adjustments e on e.explains = a.id
group by a.id, a.kind, a.quantity, a.cost having a.kind <> 'external' or sum(e.quantity) > -a.quantity or sum(e.cost) > -a.cost
    or bool_or((e.position_id, e.user_id, e.symbol) is distinct from (a.position_id, a.user_id, a.symbol))
union all
select e.id::text, 'explains ' || sum(e.quantity) || ' by an order that sold ' || coalesce(sum(f.sold), 0) || ' of its position'
from position_adjustments e left join lateral (
    select sum(quantity) as sold from fills f where f.order_id = e.order_id and f.position_id = e.position_id and f.side = 'STC') f on true
where e.kind = 'explained' group by e.id having sum(e.quantity) > coalesce(sum(f.sold), 0)
union all
select id::text, missing || ' of ' || bought - sold || ' missing at the broker, and nobody is asked to look'
from positions where missing > 0 and review_reason is null
union all
select d.account_id || ' ' || d.symbol, d.ours || ' held here and ' || d.theirs || ' at the broker for ' || d.as_of - d.since || ', and no order explains it'
from position_differences d where d.as_of - d.since > interval '1 hour' and not exists (
    select 1 from orders o where o.account_id = d.account_id and o.symbol = d.symbol
      and (o.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') or o.state = 'not_placed' and o.created_at > now() - interval '1 day'
        or o.updated_at >= greatest(d.since, now() - interval '1 hour')));

-- INV-15: Cost is neither made nor lost: what the sells and adjustments removed and what remains is what came in, to the last digit.
with cost as (
    select f.position_id, coalesce(sum(f.notional * o.multiplier + f.fees) filter (where f.side = 'BTO'), 0) as paid, sum(f.cost_removed) as removed
    from fills f join orders o on o.id = f.order_id group by f.position_id
), late as (
    select l.position_id, coalesce(sum(l.amount) filter (where f.side = 'BTO'), 0) as paid, sum(l.cost_removed) as removed
    from late_fees l join fills f on f.order_id = l.order_id and f.cum = l.cum group by l.position_id
), adjusted as (
    select position_id, coalesce(sum(cost) filter (where kind = 'external' and quantity > 0), 0) as came,
        coalesce(-sum(cost) filter (where quantity < 0 and kind <> 'rename_out' or kind = 'explained'), 0) as gone, coalesce(sum(cost) filter (where kind like 'rename%'), 0) as renamed
    from position_adjustments group by position_id
), summed as (
    select p.id, coalesce(c.paid, 0) + coalesce(a.came, 0) + coalesce(l.paid, 0) as paid,
        coalesce(c.removed, 0) + coalesce(a.gone, 0) + coalesce(l.removed, 0) as removed
    from positions p left join cost c on c.position_id = p.id left join adjusted a on a.position_id = p.id left join late l on l.position_id = p.id
)
select p.id::text as id, 'cost ' || p.cost_bought || '; what came in cost ' || s.paid as why
from positions p join summed s on s.id = p.id where p.cost_bought <> s.paid
union all
select p.id::text, p.remaining_cost || ' remains of ' || p.cost_bought || ', what left removed ' || s.removed
from positions p join summed s on s.id = p.id where p.remaining_cost <> p.cost_bought - s.removed
union all
select id::text, p.remaining_cost || ' of cost remains of ' || p.bought - p.sold || ' contracts' from positions p
where p.remaining_cost < 0 or p.bought = p.sold and p.remaining_cost <> 0
union all
select order_id::text, 'a buy that removed cost, or a sell that added some' from fills where side = 'BTO' and cost_removed <> 0 or cost_removed < 0
union all
select position_id::text, 'a rename that changed its cost by ' || renamed from adjusted where renamed <> 0;

-- INV-16: Profit recomputed from the fills and adjustments is the profit stored; what left for a price nobody knows realised nothing.
with gained as (
    select f.position_id, sum(f.realized) as realized, sum(f.fees) as fees,
        coalesce(sum(f.notional * o.multiplier) filter (where f.side = 'STC'), 0) as proceeds
    from fills f join orders o on o.id = f.order_id group by f.position_id
), adjusted as (
    select position_id, coalesce(sum(realized), 0) as realized, coalesce(sum(proceeds), 0) as proceeds from position_adjustments group by position_id
), late as (
    select position_id, sum(realized) as realized, sum(amount) as fees from late_fees group by position_id
), summed as (
    select p.id, coalesce(g.realized, 0) + coalesce(a.realized, 0) + coalesce(l.realized, 0) as realized, coalesce(g.fees, 0) + coalesce(l.fees, 0) as fees,
        coalesce(g.proceeds, 0) + coalesce(a.proceeds, 0) as proceeds
    from positions p left join gained g on g.position_id = p.id left join adjusted a on a.position_id = p.id left join late l on l.position_id = p.id
)
select f.order_id::text as id, 'realised ' || f.realized || ' with the fill that made it ' || f.cum as why
from fills f join orders o on o.id = f.order_id join positions p on p.id = f.position_id
where f.realized <> case when f.side = 'BTO' then 0 else f.notional * o.multiplier - f.cost_removed - f.fees end
    and not (f.side = 'STC' and p.review_reason is not null) -- contracts sold beyond those held bring nothing
union all
select p.id::text, 'realised ' || p.realized || ', fees ' || p.fees || '; its fills and adjustments ' || s.realized || ' and ' || s.fees
from positions p join summed s on s.id = p.id
where p.realized <> s.realized or p.fees <> s.fees and p.review_reason is null
union all
select l.order_id::text, 'a late fee of ' || l.amount || ' on another position than its fill, or not all of it accounted for'
from late_fees l join fills f on f.order_id = l.order_id and f.cum = l.cum
where f.position_id <> l.position_id or f.user_id <> l.user_id
    or case when f.side = 'BTO' then l.realized <> -l.cost_removed or l.cost_removed > l.amount else l.cost_removed <> 0 or l.realized <> -l.amount end
union all
select p.id::text, 'proceeds ' || p.proceeds || '; its fills and adjustments ' || s.proceeds
from positions p join summed s on s.id = p.id
where p.proceeds <> s.proceeds and not (p.review_reason is not null and p.proceeds < s.proceeds)
union all
select a.id::text, 'realised ' || coalesce(a.realized::text, 'nothing') || ' of ' || coalesce(a.proceeds::text, 'unknown') || ' for ' || -a.cost
from position_adjustments a where a.realized is distinct from a.proceeds + a.cost
    or a.kind = 'expired' and a.proceeds is distinct from 0 or (a.kind like 'rename%' or a.kind = 'explained') and a.proceeds is not null;

-- INV-17: A finished position is one by its status and by its closing time alike, so that every count finds it once; a void one by neither. Each is a win, a loss or neither of the two, by what it realised, unless that is not all known.
select id::text as id, status || ', closed at ' || coalesce(closed_at::text, 'no time') as why
from positions where (status in ('closed', 'expired', 'exercised')) <> (closed_at is not null)
union all
select id::text, status || ', and never held anything' from positions where status in ('closed', 'expired', 'exercised', 'expiry_pending') and bought = 0
union all
select id::text, status || ' with ' || realized || ' realised, counted as ' || coalesce(outcome, 'nothing') from positions
where outcome is distinct from case when status not in ('closed', 'expired', 'exercised') or unpriced > 0 then null
    else (array['loss', 'breakeven', 'win'])[2 + sign(realized)::int] end;

-- INV-18: Closed, expired and exercised mean that nothing is held and no order lives; void, that nothing was ever bought and no order lives; open, that one of the two is so; pending expiry, that something is held.
with living as (
    select position_id, count(*) as orders from orders
    where state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') group by position_id
)
select p.id::text as id, p.status || ' with ' || p.bought - p.sold || ' held and ' || coalesce(l.orders, 0) || ' live orders' as why
from positions p left join living l on l.position_id = p.id
where p.status in ('closed', 'expired', 'exercised') and (p.bought > p.sold or l.orders > 0)
    or p.status = 'expiry_pending' and p.bought = p.sold
    or p.status = 'void' and (p.bought > 0 or l.orders > 0)
    or p.status = 'open' and p.bought = p.sold and l.orders is null
union all
select p.id::text, 'void with a fill' from positions p where p.status = 'void' and exists (select 1 from fills f where f.position_id = p.id)
union all
select account_id || ' ' || symbol, count(*) || ' open positions in one contract' from positions where status = 'open' group by account_id, symbol having count(*) > 1;
