-- What must hold at the edges: webhooks, repeated requests, switches, rates, types.

-- INV-32: Only who sent an order or looked at the broker writes what happened there; never a webhook, a page or the queue.
select order_id::text as id, actor || ' made it ' || to_state || ' at event ' || seq as why
from order_events where to_state in ('accepted', 'partial', 'filled', 'cancelled', 'expired', 'rejected') and actor not in ('placer', 'reconciler')
        and not (from_state = to_state and evidence ? 'change') -- asking for a change, or ending one that was not sent
    or to_state = 'not_placed' and actor not in ('reconciler', 'operator');

-- INV-33: One key, one effect: no order answers two requests, and every order placed by hand answers one.
with placed as (
    select (body ->> 'id')::uuid as order_id, count(*) as requests from idempotency_keys
    where route like 'POST /api/%' and body ->> 'id' is not null group by 1
)
select p.order_id::text as id, 'the answer to ' || p.requests || ' requests' as why
from placed p join orders o on o.id = p.order_id where p.requests > 1
union all
select o.id::text, 'placed by hand without a request' from orders o left join placed p on p.order_id = o.id
where o.source = 'manual' and p.order_id is null -- keys are kept for 30 days
    and o.created_at > now() - interval '29 days';

-- INV-34: What an answer promised is there.
select k.key as id, 'was answered with an order that is not there' as why
from idempotency_keys k left join orders o on o.id = (k.body ->> 'id')::uuid and o.user_id = k.user_id
where k.route = 'POST /api/trading/orders' and o.id is null
union all
select k.key, 'was answered that the order will be cancelled, and nothing was noted'
from idempotency_keys k left join orders o on o.id::text = substr(k.route, length('DELETE /api/trading/orders/') + 1) and o.user_id = k.user_id
where k.route like 'DELETE /api/trading/orders/%' and o.cancel_requested_at is null and o.state is distinct from 'aborted'
union all
select k.key, 'was answered with a subscription that is not there'
from idempotency_keys k left join subscriptions s on s.id = (k.body ->> 'id')::uuid and s.follower_id = k.user_id
where k.route = 'POST /api/copy-trading/subscribe' and s.id is null
union all
select k.key, 'was answered that the copy is approved, and it is not'
from idempotency_keys k left join copy_decisions d on d.id = (k.body ->> 'id')::uuid and d.user_id = k.user_id
where k.route like 'POST /api/copy-trading/decisions/%/approve' and d.responded_at is null;

-- INV-35: A refused request leaves nothing behind.
select key as id, 'kept the answer ' || status || coalesce(': ' || body::text, '') as why from idempotency_keys where status not between 200 and 299
union all
select p.id::text, 'a position that no order was placed for' from positions p
where p.status <> 'void' -- whose order was found late, and then joined the contract's newer position
    and not exists (select 1 from orders o where o.position_id = p.id) and not exists (select 1 from fills f where f.position_id = p.id)
    and not exists (select 1 from position_adjustments a where a.position_id = p.id);

-- INV-36: No claim commits after a switch against it was turned.
with sent as (
    select id, user_id, account_id, underlying, side, source = 'copy' as copied, subscription_id, 'sent ' as what, sent_at from orders
    union all
    -- whoever decided on the order, its owner changes it
    select o.id, o.user_id, o.account_id, o.underlying, o.side, false, null, 'a change of it was sent ', c.sent_at
    from order_changes c join orders o on o.id = c.order_id
)
select o.id::text as id, o.what || o.sent_at || ', ' || w.scope || ' stopped ' || w.stops || ' since ' || w.set_at as why
from trading_switches w
join sent o on o.sent_at > w.set_at + interval '5 seconds' -- turning waits for claims under way
join accounts a on a.id = o.account_id
join connections c on c.id = a.connection_id
left join subscriptions s on s.id = o.subscription_id
where case w.scope
        when 'platform' then true
        when 'broker' then w.key = c.broker_slug
        when 'underlying' then w.key = o.underlying
        when 'leader' then w.key = s.trader_id::text
        when 'publishing' then w.key = s.trader_id::text
        when 'user' then w.key = o.user_id::text
        when 'self' then w.key = o.user_id::text
        else w.key = o.account_id::text end
    and case w.stops when 'all' then true when 'entries' then o.side = 'BTO' else o.side = 'BTO' and o.copied end;

-- INV-37: Nobody places faster or buys more in a day than the rules allow.
with recent as (
    select user_id, side, created_at, -- five seconds less than a minute: orders are dated at the start of their transaction
        count(*) over (partition by user_id, side order by created_at range between interval '55 seconds' preceding and current row) as requests
    from orders where source = 'manual'
), last_minute as (
    select p.user_id, p.kind, count(*) as requests
    from order_pace p, unnest(p.times) as t
    where t > (select max(n) from unnest(p.times) as n) - interval '60 seconds' group by p.user_id, p.kind
), bought as (
    select user_id, trading_day, sum(counts) as all_of_it, coalesce(sum(counts) filter (where source = 'copy'), 0) as copied
    from orders o cross join lateral ( -- what ended before all of it was bought counts what it spent
        select case when state in ('cancelled', 'expired') then least(estimated_cost, round(cum_notional * multiplier, 4)) else estimated_cost end as counts) c
    where side = 'BTO' and source <> 'detected' and review_reason is null
        and (cum > 0 or state in ('queued', 'submitting', 'unknown', 'accepted', 'partial'))
        -- replaced in the broker's app, or counted on a later day as well
        and not exists (select 1 from order_events e where e.order_id = o.id and e.evidence ? 'replaced' and not e.evidence ? 'change')
        and not exists (select 1 from order_changes c where c.order_id = o.id and c.state = 'done' and c.trading_day <> o.trading_day)
    group by user_id, trading_day
)
select user_id || ' ' || created_at as id, requests || ' ' || side || ' orders within 55 s' as why from recent
where requests > case when side = 'BTO' then @entriesPerMinute::int else @exitsPerMinute::int end
union all
select user_id || ' ' || kind, requests || ' requests within a minute' from last_minute
where requests > case when kind = 'entry' then @entriesPerMinute::int else @exitsPerMinute::int end
union all
select b.user_id || ' ' || b.trading_day, 'bought for ' || b.all_of_it || ', ' || b.copied || ' of it by copies' from bought b
left join risk_limits a on a.user_id = b.user_id and a.kind = 'dayPremium'
left join risk_limits c on c.user_id = b.user_id and c.kind = 'dayCopyPremium'
where b.all_of_it > greatest(@dayPremium::numeric, a.granted) or b.copied > greatest(@dayCopyPremium::numeric, c.granted)
union all
select 'platform', sum(n) || ' entries within a minute, where ' || greatest(@platformEntries::int, 3 * coalesce(max(p.peak), 0)) || ' are the most'
from entry_pace cross join lateral unnest(counts) n
left join lateral (select max(peak) as peak from (select peak from entry_peaks
    where trading_day < (select max(trading_day) from entry_peaks) order by trading_day desc limit 20) days) p on true
having sum(n) > greatest(@platformEntries::int, 3 * coalesce(max(p.peak), 0));

-- INV-38: No transaction is open while the program waits for anything else than the database.
select pid::text as id, 'idle in a transaction since ' || state_change || ': ' || left(query, 80) as why
from pg_stat_activity
where datname = current_database() and application_name = 'alertsify' and state like 'idle in transaction%'
    and clock_timestamp() - state_change > @idle::interval;

-- INV-46: Money is never kept as a float, and trading days are days that the exchange's calendar knows.
select table_name || '.' || column_name as id, 'is ' || data_type as why
from information_schema.columns
where table_schema = 'public' and data_type in ('real', 'double precision', 'money') and table_name not like 'river\_%'
union all
select id::text, 'has the trading day ' || trading_day || ', which no calendar covers'
from orders where extract(year from trading_day)::int <> all (@years::int[])
union all
select id::text, 'a copy or market order on ' || trading_day || ', when the exchange is closed'
from orders where (source = 'copy' or source = 'manual' and order_type = 'Market') and trading_day::text <> all (@tradingDays::text[]);

-- INV-50: Each webhook taken in ends worked, or parked with its reason, whichever process dies.
select provider || ' ' || webhook_id as id, state || ' since ' || not_before || ', and nobody works it' as why
from inbound_webhooks where state in ('new', 'working') and not_before < now() - @grace::interval
union all
select provider || ' ' || webhook_id, state || ' without ' || case when worked_at is null then 'a time' else 'a reason' end
from inbound_webhooks where state in ('done', 'parked') and worked_at is null or state = 'parked' and reason = '';

-- INV-51: Calls to SnapTrade in any 60 s stay within the budget, and each class within its share.
with rolling as (
    select at, count(*) over minute as calls, count(*) filter (where class >= 3) over minute as not_exits,
        count(*) filter (where class in (5, 7)) over minute as below_looks, count(*) filter (where class = 5) over minute as copies
    from snaptrade_budget_calls window minute as (order by at range between interval '60 seconds' preceding and current row)
)
select at::text as id, calls || ' calls in 60 s, ' || not_exits || ' of them no exits or cancels' as why
from rolling where calls > @callsPerMinute::int or not_exits > @callsPerMinute::int * 9 / 10
union all
select at::text, below_looks || ' calls of those that rank below looks, ' || copies || ' of them copied entries'
from rolling where below_looks > @callsPerMinute::int * 6 / 10 or copies > @callsPerMinute::int * 6 / 10;
