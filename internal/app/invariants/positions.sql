-- What must hold of positions: quantities, cost and profit against the fills.

-- INV-12: Nobody sells more than they hold, counting what might still sell.
select id::text as id, 'bought ' || bought || ', sold ' || sold || ', reserved ' || sell_reserved as why
from positions where sold < 0 or sell_reserved < 0 or sold + sell_reserved > bought;

-- INV-13: What is reserved is what the live sells may still sell; when that is more than is held, all that is held, and an operator is asked to look.
with selling as (
    select position_id, sum(quantity - cum) as left from orders
    where side = 'STC' and state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') group by position_id
)
select p.id::text as id, 'reserved ' || p.sell_reserved || ', live sells have ' || coalesce(s.left, 0) || ' left' as why
from positions p left join selling s on s.position_id = p.id
where p.sell_reserved <> coalesce(s.left, 0)
    and not (p.review_reason is not null and s.left > p.bought - p.sold and p.sell_reserved = p.bought - p.sold);

-- INV-14: A position is the sum of its fills; less than they sold only where an operator is asked to look.
with filled as (
    select position_id, coalesce(sum(quantity) filter (where side = 'BTO'), 0) as bought, coalesce(sum(quantity) filter (where side = 'STC'), 0) as sold
    from fills group by position_id
)
select p.id::text as id, 'bought ' || p.bought || ', sold ' || p.sold || '; the fills say ' || coalesce(f.bought, 0) || ' and ' || coalesce(f.sold, 0) as why
from positions p left join filled f on f.position_id = p.id
where p.bought <> coalesce(f.bought, 0) or p.sold <> coalesce(f.sold, 0) and not (p.review_reason is not null and p.sold < f.sold)
union all
select o.id::text, 'has a fill on a position of another owner, account or contract'
from fills f join orders o on o.id = f.order_id join positions p on p.id = f.position_id
where (f.user_id, o.user_id, o.account_id, o.symbol, f.side) is distinct from (p.user_id, p.user_id, p.account_id, p.symbol, o.side)
union all
select o.id::text, 'stands on a position of another owner, account or contract'
from orders o join positions p on p.id = o.position_id
where (o.user_id, o.account_id, o.symbol, o.multiplier) is distinct from (p.user_id, p.account_id, p.symbol, p.multiplier);

-- INV-15: Cost is neither made nor lost: what the sells removed and what remains is what the buys cost, to the last digit.
with cost as (
    select f.position_id, coalesce(sum(f.notional * p.multiplier + f.fees) filter (where f.side = 'BTO'), 0) as paid, sum(f.cost_removed) as removed
    from fills f join positions p on p.id = f.position_id group by f.position_id
)
select p.id::text as id, 'cost ' || p.cost_bought || '; the buys cost ' || coalesce(c.paid, 0) as why
from positions p left join cost c on c.position_id = p.id where p.cost_bought <> coalesce(c.paid, 0)
union all
select p.id::text, p.remaining_cost || ' remains of ' || p.cost_bought || ', the sells removed ' || coalesce(c.removed, 0)
from positions p left join cost c on c.position_id = p.id where p.remaining_cost <> p.cost_bought - coalesce(c.removed, 0)
union all
select id::text, p.remaining_cost || ' of cost remains of ' || p.bought - p.sold || ' contracts' from positions p
where p.remaining_cost < 0 or p.bought = p.sold and p.remaining_cost <> 0
union all
select order_id::text, 'a buy that removed cost, or a sell that added some' from fills where side = 'BTO' and cost_removed <> 0 or cost_removed < 0;

-- INV-16: Profit recomputed from the fills is the profit stored.
with gained as (
    select f.position_id, sum(f.realized) as realized, sum(f.fees) as fees,
        coalesce(sum(f.notional * p.multiplier) filter (where f.side = 'STC'), 0) as proceeds
    from fills f join positions p on p.id = f.position_id group by f.position_id
)
select f.order_id::text as id, 'realised ' || f.realized || ' with the fill that made it ' || f.cum as why
from fills f join positions p on p.id = f.position_id
where f.realized <> case when f.side = 'BTO' then 0 else f.notional * p.multiplier - f.cost_removed - f.fees end
    and not (f.side = 'STC' and p.review_reason is not null) -- contracts sold beyond those held bring nothing
union all
select p.id::text, 'realised ' || p.realized || ', fees ' || p.fees || '; its fills ' || coalesce(g.realized, 0) || ' and ' || coalesce(g.fees, 0)
from positions p left join gained g on g.position_id = p.id
where p.realized <> coalesce(g.realized, 0) or p.fees <> coalesce(g.fees, 0) and p.review_reason is null
union all
select p.id::text, 'proceeds ' || p.proceeds || '; its fills ' || coalesce(g.proceeds, 0)
from positions p left join gained g on g.position_id = p.id
where p.proceeds <> coalesce(g.proceeds, 0) and not (p.review_reason is not null and p.proceeds < g.proceeds);

-- INV-17: A finished position is one by its status and by its closing time alike, so that every count finds it once; a void one by neither.
select id::text as id, status || ', closed at ' || coalesce(closed_at::text, 'no time') as why
from positions where (status in ('closed', 'expired', 'exercised')) <> (closed_at is not null)
union all
select id::text, status || ', and never held anything' from positions where status in ('closed', 'expired', 'exercised', 'expiry_pending') and bought = 0;

-- INV-18: Closed means that nothing is held and no order lives; void, that nothing was ever bought and no order lives; open, that one of the two is so.
with living as (
    select position_id, count(*) as orders from orders
    where state in ('queued', 'submitting', 'unknown', 'accepted', 'partial') group by position_id
)
select p.id::text as id, p.status || ' with ' || p.bought - p.sold || ' held and ' || coalesce(l.orders, 0) || ' live orders' as why
from positions p left join living l on l.position_id = p.id
where p.status = 'closed' and (p.bought > p.sold or l.orders > 0)
    or p.status = 'void' and (p.bought > 0 or l.orders > 0)
    or p.status = 'open' and p.bought = p.sold and l.orders is null
union all
select p.id::text, 'void with a fill' from positions p where p.status = 'void' and exists (select 1 from fills f where f.position_id = p.id)
union all
select account_id || ' ' || symbol, count(*) || ' open positions in one contract' from positions where status = 'open' group by account_id, symbol having count(*) > 1;
