-- What must hold of orders, and of what is known about them at the broker.
--
-- Each invariant is its name, one sentence in plain words, and one SELECT that
-- returns what breaks it: an id, and why. Empty means that it holds. What comes
-- in with @ is explained at the type Bounds.

-- INV-1: An order is sent again only when its last request provably did nothing, at most five times, and is at the broker at most once.
with claimed as (
    select order_id, count(*) filter (where to_state = 'submitting') as claims,
        count(*) filter (where from_state = 'submitting' and to_state = 'queued') as undone
    from order_events group by order_id
)
select order_id::text as id, 'claimed ' || claims || ' times, of which only ' || undone || ' provably did nothing' as why
from claimed where claims > undone + 1
union all
select order_id::text, 'claimed ' || claims || ' times' from claimed where claims > 6
union all
select b.order_id::text, 'has ' || count(*) || ' orders at the broker' from order_broker_ids b group by b.order_id -- one more for each time it was replaced
having count(*) > 1 + (select count(*) from order_events e where e.order_id = b.order_id and e.evidence ? 'replaced')
union all
select order_id::text, 'its change ' || (evidence ->> 'change') || ' was claimed ' || count(*) filter (where evidence ->> 'state' = 'submitting') || ' times'
from order_events where evidence ? 'change' group by order_id, evidence ->> 'change'
having count(*) filter (where evidence ->> 'state' = 'submitting') > 1 + count(*) filter (where evidence ->> 'state' = 'queued' and evidence ? 'error');

-- INV-2: An order at the broker belongs to one order here, on the same account.
select account_id || ' ' || broker_order_id as id, 'linked to ' || count(distinct order_id) || ' orders' as why
from order_broker_ids group by account_id, broker_order_id having count(distinct order_id) > 1
union all
select account_id || ' ' || broker_order_id, 'named by ' || count(*) || ' orders'
from orders where broker_order_id is not null group by account_id, broker_order_id having count(*) > 1
union all
select o.id::text, 'names broker order ' || o.broker_order_id || ' without a link to it'
from orders o left join order_broker_ids b on b.account_id = o.account_id and b.broker_order_id = o.broker_order_id and b.order_id = o.id
where o.broker_order_id is not null and b.order_id is null
union all
select o.id::text, 'linked to broker order ' || b.broker_order_id || ' of another account or without naming any'
from order_broker_ids b join orders o on o.id = b.order_id
where b.account_id <> o.account_id or o.broker_order_id is null;

-- INV-3: What may have been sent was claimed before, in a transaction of its own.
with claims as (
    select order_id, max(at) as at from order_events where to_state = 'submitting' group by order_id
)
select o.id::text as id, o.state || ' without a claim' as why
from orders o left join claims c on c.order_id = o.id
where o.source <> 'detected' and o.state not in ('queued', 'aborted') and (c.at is null or o.sent_at is null or o.deadline is null)
union all
select id::text, 'on the wire without a claim token' from orders where state = 'submitting' and claim_token is null
union all
select b.order_id::text, 'known at the broker before it was claimed'
from order_broker_ids b join claims c on c.order_id = b.order_id where b.linked_at <= c.at
union all
select order_id::text, 'a change of it is ' || state || ' without a claim'
from order_changes where state in ('submitting', 'unknown', 'done', 'failed') and (sent_at is null or deadline is null or units is null or old_broker_id is null);

-- INV-4: No claim begins when the order may not be sent any more, and none lasts longer than its 45 s.
select id::text as id, 'claimed ' || sent_at - send_before || ' too late' as why from orders where sent_at >= send_before
union all
select id::text, 'its claim lasts ' || deadline - sent_at from orders where sent_at is not null and not (deadline > sent_at and deadline < sent_at + interval '46 seconds')
union all
select order_id::text, 'a change of it was claimed ' || sent_at - send_before || ' too late' from order_changes where sent_at >= send_before
union all
select order_id::text, 'the claim of a change of it lasts ' || deadline - sent_at
from order_changes where sent_at is not null and not (deadline > sent_at and deadline < sent_at + interval '46 seconds');

-- INV-5: Orders move only along the table of transitions, every step leaves an event, and the events replayed are the order.
with allowed (origin, target) as (
    values (null, 'queued'),
        (null, 'accepted'), (null, 'partial'), (null, 'filled'), (null, 'cancelled'), (null, 'expired'), -- detected
        ('queued', 'submitting'), ('queued', 'aborted'),
        ('submitting', 'queued'), ('submitting', 'unknown'), ('submitting', 'accepted'), ('submitting', 'partial'),
        ('submitting', 'filled'), ('submitting', 'cancelled'), ('submitting', 'expired'), ('submitting', 'rejected'),
        ('unknown', 'accepted'), ('unknown', 'partial'), ('unknown', 'filled'), ('unknown', 'cancelled'), ('unknown', 'expired'),
        ('unknown', 'rejected'), ('unknown', 'not_placed'),
        ('accepted', 'partial'), ('accepted', 'filled'), ('accepted', 'cancelled'), ('accepted', 'expired'), ('accepted', 'rejected'),
        ('partial', 'filled'), ('partial', 'cancelled'), ('partial', 'expired'),
        ('not_placed', 'accepted'), ('not_placed', 'partial'), ('not_placed', 'filled'), ('not_placed', 'cancelled'), ('not_placed', 'expired'),
        ('rejected', 'accepted'), ('rejected', 'partial'), ('rejected', 'filled'), ('rejected', 'cancelled'), ('rejected', 'expired'),
        ('accepted', 'accepted'), ('partial', 'partial'), ('filled', 'filled'), ('cancelled', 'cancelled'), ('expired', 'expired'),
        ('rejected', 'rejected'), ('not_placed', 'not_placed') -- more fills, or something noted for review
), chain as (
    select e.order_id, e.seq, e.from_state, e.to_state, e.cum,
        lag(e.seq, 1, -1) over life as seq_before, lag(e.to_state) over life as state_before, lag(e.cum, 1, 0) over life as cum_before
    from order_events e window life as (partition by e.order_id order by e.seq)
), newest as (
    select distinct on (order_id) order_id, seq, to_state, cum, average from order_events order by order_id, seq desc
)
select order_id::text as id, 'event ' || seq || ' follows event ' || seq_before as why from chain where seq <> seq_before + 1
union all
select order_id::text, 'event ' || seq || ' leaves ' || coalesce(from_state, 'nothing') || ', the one before reached ' || coalesce(state_before, 'nothing')
from chain where from_state is distinct from state_before
union all
select c.order_id::text, 'event ' || c.seq || ' goes from ' || coalesce(c.from_state, 'nothing') || ' to ' || c.to_state
from chain c left join allowed a on coalesce(a.origin, '') = coalesce(c.from_state, '') and a.target = c.to_state where a.target is null
union all
select o.id::text, 'was born ' || c.to_state || ' with source ' || o.source
from chain c join orders o on o.id = c.order_id where c.from_state is null and (c.to_state = 'queued') = (o.source = 'detected')
union all
select o.id::text, 'is ' || o.state || ', ' || o.cum || ' filled, at event ' || o.event_seq || '; its events end with '
    || coalesce(n.to_state || ', ' || n.cum || ' filled, at ' || n.seq, 'nothing')
from orders o left join newest n on n.order_id = o.id
where n.seq is distinct from o.event_seq or n.to_state is distinct from o.state or n.cum is distinct from o.cum
    or n.average is distinct from case when o.cum > 0 then round(o.cum_notional / o.cum, 8) end
union all
select c.order_id::text, 'event ' || c.seq || ' has ' || c.cum || ' filled after ' || c.cum_before || ', without such a fill'
from chain c left join fills f on f.order_id = c.order_id and f.cum = c.cum
where c.cum > c.cum_before and f.quantity is distinct from c.cum - c.cum_before
union all
select o.id::text, 'filled after it was ' || c.from_state || ', and nobody is asked to look'
from chain c join orders o on o.id = c.order_id
where c.from_state in ('cancelled', 'expired') and c.cum > c.cum_before and o.review_reason is null
union all
select o.id::text, 'is ' || o.state || ', and being replaced' from order_changes c join orders o on o.id = c.order_id
where c.state in ('queued', 'submitting', 'unknown') and o.state not in ('accepted', 'partial');

-- INV-6: What is filled lies between nothing and what was ordered, never falls, and is the sum of the fills.
with steps as (
    select order_id, seq, cum, lag(cum, 1, 0) over (partition by order_id order by seq) as before from order_events
), filled as (
    select order_id, sum(quantity) as quantity, max(cum) as cum, sum(notional) as notional from fills group by order_id
)
select id::text as id, cum || ' of ' || quantity || ' filled' as why from orders where cum not between 0 and quantity
union all
select order_id::text, 'filled fell from ' || before || ' to ' || cum || ' at event ' || seq from steps where cum < before
union all
select o.id::text, o.cum || ' filled for ' || o.cum_notional || '; its fills are ' || coalesce(f.quantity, 0) || ' for ' || coalesce(f.notional, 0)
from orders o left join filled f on f.order_id = o.id
where o.cum <> coalesce(f.quantity, 0) or o.cum <> coalesce(f.cum, 0) or o.cum_notional <> coalesce(f.notional, 0)
union all
select o.id::text, o.cum || ' filled for ' || o.cum_notional || '; under its ids at the broker ' || sum(b.cum) || ' for ' || sum(b.cum_notional)
from orders o join order_broker_ids b on b.order_id = o.id group by o.id, o.cum, o.cum_notional having o.cum <> sum(b.cum) or o.cum_notional <> sum(b.cum_notional)
union all
select id::text, state || ' with ' || cum || ' of ' || quantity || ' filled' from orders
where (state = 'filled') <> (cum = quantity) and state in ('filled', 'accepted', 'partial')
    or state in ('queued', 'submitting', 'unknown', 'accepted', 'rejected', 'aborted', 'not_placed') and cum > 0 or state = 'partial' and cum = 0;

-- INV-7: At most one order or change of an account, contract and side is unresolved, and at most one of an account on the wire.
with asked as (
    select account_id, symbol, side, state from orders where state in ('submitting', 'unknown')
    union all
    select account_id, symbol, side, state from order_changes where state in ('submitting', 'unknown')
)
select account_id || ' ' || symbol || ' ' || side as id, count(*) || ' unresolved orders' as why
from asked group by account_id, symbol, side having count(*) > 1
union all
select account_id::text, count(*) || ' orders on the wire' from asked where state = 'submitting' group by account_id having count(*) > 1;

-- INV-8: Somebody will look for every order that may be at the broker.
select o.id::text as id, o.state || ', and no look at its account is planned' as why
from orders o left join account_looks l on l.account_id = o.account_id
where o.state in ('submitting', 'unknown', 'accepted', 'partial') and coalesce(o.sent_at, o.created_at) < now() - @grace::interval
    and l.next_look_at is null and (l.claimed_until is null or l.claimed_until < now() - @grace::interval);

-- INV-9: What was never sent is not at the broker; what was refused and is there after all is up for review.
select o.id::text as id, 'aborted, and known at the broker as ' || coalesce(o.broker_order_id, b.broker_order_id) as why
from orders o left join order_broker_ids b on b.order_id = o.id
where o.state = 'aborted' and coalesce(o.broker_order_id, b.broker_order_id) is not null
union all
select distinct o.id::text, 'refused, then found at the broker, and nobody is asked to look'
from order_events e join orders o on o.id = e.order_id where e.from_state = 'rejected' and o.review_reason is null
    -- a change that ended with its order is no finding
    and not e.evidence ? 'change';

-- INV-10: An order that nobody knows the fate of at the market's close after it was sent has raised an alarm.
select id::text as id, state || ' since ' || sent_at || ', through the close at ' || @lastClose::timestamptz as why
from orders where state in ('submitting', 'unknown') and sent_at < @lastClose::timestamptz and review_reason is null
    and @lastClose::timestamptz < now() - @grace::interval
union all
select o.id::text, 'a change of it is ' || c.state || ' since ' || c.sent_at || ', through the close at ' || @lastClose::timestamptz
from order_changes c join orders o on o.id = c.order_id
where c.state in ('submitting', 'unknown') and c.sent_at < @lastClose::timestamptz and o.review_reason is null
    and @lastClose::timestamptz < now() - @grace::interval;

-- INV-11: Nothing old is sent, however long the program or its database was away.
with led as (
    select order_id, min(least(coalesce(executed_at, learnt_at), learnt_at)) as first, max(learnt_at) as last from fills group by order_id
), due as (
    select o.id, o.sent_at, case
        when o.trigger_id is not null then g.triggered_at + interval '15 minutes'
        when o.decision_id is null and o.side = 'BTO' then o.created_at + interval '30 seconds'
        when o.decision_id is null then o.created_at + interval '120 seconds'
        when o.side = 'STC' then greatest(l.last + interval '15 minutes', d.responded_at + interval '30 seconds')
        when d.responded_at is not null then d.responded_at + interval '30 seconds'
        else l.first + make_interval(secs => case when s.updated_at < d.decided_at then s.max_delay_seconds else 900 end)
        end + interval '10 seconds' as latest -- for clocks that differ
    from orders o
    left join copy_triggers g on g.id = o.trigger_id
    left join copy_decisions d on d.id = o.decision_id
    left join subscriptions s on s.id = d.subscription_id
    left join led l on l.order_id = d.leader_order_id
    where o.sent_at is not null
)
select id::text as id, 'sent ' || sent_at || ', at the latest due ' || latest as why from due where sent_at > latest;
