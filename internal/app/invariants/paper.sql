-- What must hold of copies on paper: they hold what their fills say, and nothing of them is traded.

-- INV-55: On paper, what is held is the sum of its fills, each decision buys once and sells no more than it may, a bound sells once what it was reached for, the day is counted apart, and nothing is traded.
with filled as (
    select f.subscription_id, f.symbol, sum(f.quantity) filter (where f.kind = 'buy') as bought, sum(f.quantity) filter (where f.kind <> 'buy') as sold,
        sum(f.quantity * f.price * h.multiplier) filter (where f.kind = 'buy') as cost, sum(f.quantity * f.price * h.multiplier) filter (where f.kind <> 'buy') as proceeds,
        sum(f.realized) as realized
    from paper_fills f join paper_holdings h on h.subscription_id = f.subscription_id and h.symbol = f.symbol group by f.subscription_id, f.symbol
), counted as (
    select user_id, trading_day, count(*) as made, sum(quantity * price * (select multiplier from paper_holdings h
        where h.subscription_id = f.subscription_id and h.symbol = f.symbol)) as premium
    from paper_fills f where kind = 'buy' group by user_id, trading_day
), caps as (
    select follower_id, max(max_daily_trades) as most, max(updated_at) as changed from subscriptions where paper group by follower_id
)
select h.subscription_id || ' ' || h.symbol as id, 'holds ' || h.bought - h.sold || ' of ' || h.bought || ' for ' || h.remaining_cost || ', made ' || h.realized
    || '; its fills say ' || coalesce(f.bought, 0) - coalesce(f.sold, 0) || ' of ' || coalesce(f.bought, 0) || ', made ' || coalesce(f.realized, 0) as why
from paper_holdings h left join filled f on f.subscription_id = h.subscription_id and f.symbol = h.symbol
where (h.bought, h.sold, h.cost_bought, h.proceeds, h.realized) is distinct from
    (coalesce(f.bought, 0), coalesce(f.sold, 0), coalesce(f.cost, 0), coalesce(f.proceeds, 0), coalesce(f.realized, 0))
union all
select h.subscription_id || ' ' || h.symbol, h.remaining_cost || ' of cost remains, ' || h.cost_bought - (h.proceeds - h.realized) || ' should'
from paper_holdings h where h.remaining_cost <> h.cost_bought - (h.proceeds - h.realized) or h.sold > h.bought or h.bought = h.sold and h.remaining_cost <> 0
union all
select f.id::text, 'a ' || f.kind || ' for another subscription, follower, side, contract, or more contracts than decided'
from paper_fills f join copy_decisions d on d.id = f.decision_id
where not d.paper or (f.subscription_id, f.user_id, f.symbol, f.kind) is distinct from
    (d.subscription_id, d.user_id, d.symbol, case d.side when 'BTO' then 'buy' else 'sell' end) or f.kind = 'buy' and f.quantity > d.quantity
union all
select decision_id::text, 'bought ' || count(*) || ' times' from paper_fills where kind = 'buy' group by decision_id having count(*) > 1
union all
select d.id::text, 'sold ' || sum(f.quantity) || ' of ' || d.held || ' held on paper, the target is ' || max(f.copy_target)
from paper_fills f join copy_decisions d on d.id = f.decision_id where f.kind = 'sell' group by d.id, d.held
having sum(f.quantity) > max(f.copy_target) or sum(f.quantity) > d.held
union all
select g.id::text, 'is ' || g.state || ', and a fill on paper is of ' || coalesce(f.quantity::text, 'nothing') || ' of its ' || g.held
from copy_triggers g left join paper_fills f on f.trigger_id = g.id where g.position_id is null and (
    (g.state = 'sold') <> (f.id is not null) or f.quantity > g.held
    or f.id is not null and (f.subscription_id, f.symbol, f.user_id) is distinct from (g.subscription_id, g.symbol, g.user_id))
union all
select g.id::text, 'is of a real copy on paper, or the reverse'
from copy_triggers g join subscriptions s on s.id = g.subscription_id where s.paper <> (g.position_id is null)
union all
select o.id::text, 'is an order, and its subscription is on paper' from orders o join subscriptions s on s.id = o.subscription_id where s.paper
union all
select d.id::text, 'is real, and its subscription on paper, or the reverse' from copy_decisions d join subscriptions s on s.id = d.subscription_id where d.paper <> s.paper
union all
select h.subscription_id || ' ' || h.position_id, 'holds a real position for a subscription on paper'
from copy_holdings h join subscriptions s on s.id = h.subscription_id where s.paper
union all
select coalesce(c.user_id, n.user_id) || ' ' || coalesce(c.trading_day, n.trading_day),
    'counted ' || trim_scale(coalesce(c.copies, 0)) || ' for ' || trim_scale(coalesce(c.premium, 0)) || ' on paper, filled ' || coalesce(n.made, 0) || ' for ' || trim_scale(coalesce(n.premium, 0))
from (select user_id, trading_day, sum(used) filter (where kind = 'paper_copies') as copies, sum(used) filter (where kind = 'paper_premium') as premium
    from day_counters where kind in ('paper_copies', 'paper_premium') group by user_id, trading_day) c
full join counted n on n.user_id = c.user_id and n.trading_day = c.trading_day
where (coalesce(c.copies, 0), coalesce(c.premium, 0)) is distinct from (coalesce(n.made, 0), coalesce(n.premium, 0))
union all
select c.user_id || ' ' || c.trading_day, 'counted ' || trim_scale(c.used) || ' on paper, the cap is ' || p.most
from day_counters c join caps p on p.follower_id = c.user_id
where c.kind = 'paper_copies' and c.used > p.most
    and p.changed < (select max(filled_at) from paper_fills f where f.user_id = c.user_id and f.trading_day = c.trading_day and f.kind = 'buy');
