-- What must hold of alerts and of the messages that carry them.

-- INV-25: Each alert tells of a fill, each order that filled has its one alert, and a destination, and an address, gets one message of it, or one embed in a message.
select a.id::text as id, 'tells of an order that has not filled' as why
from alerts a left join fills f on f.order_id = a.order_id where f.order_id is null
union all
select a.id::text, 'tells of another trader, side or contract than its order''s'
from alerts a join orders o on o.id = a.order_id where (a.user_id, a.side, a.symbol) is distinct from (o.user_id, o.side, o.symbol)
union all
select o.id::text, 'filled, and nobody was told' from orders o left join alerts a on a.order_id = o.id
where o.cum > 0 and a.id is null and o.created_at > now() - interval '360 days' -- alerts are kept for a year
union all
select order_id::text, count(*) || ' alerts' from alerts group by order_id having count(*) > 1
union all
select alert_id || ' ' || destination_id, count(*) || ' messages' from deliveries
where alert_id is not null and op = 'create' group by alert_id, destination_id having count(*) > 1
union all
select d.alert_id || ' ' || t.address, count(*) || ' messages to one address' from deliveries d join destinations t on t.id = d.destination_id
where d.alert_id is not null and d.op = 'create' and t.channel in ('discord', 'feed') group by d.alert_id, t.channel, t.address having count(*) > 1
union all
select destination_id || ' ' || message_id, count(*) || ' alerts in embed ' || slot from deliveries
where op = 'create' and alert_id is not null and message_id is not null and slot is not null group by destination_id, message_id, slot having count(*) > 1
union all
select id::text, 'is embed ' || slot || ' of a message that holds ten' from deliveries where channel = 'discord' and slot not between 0 and 9;

-- INV-26: In a lane, that is one destination and one position, messages are sent in the order of what they tell, each after the one before it has ended.
with lanes as (
    select id, op, alert_id, claims, first_sent_at, learnt_at, seq, destination_id, position_id,
        max(case when state in ('pending', 'sending') then 'infinity' else updated_at end)
            over (partition by destination_id, position_id order by seq rows between unbounded preceding and 1 preceding) as ended_before
    from deliveries where position_id is not null
), news as (
    select id, learnt_at, max(learnt_at) over (partition by destination_id, position_id order by seq rows between unbounded preceding and 1 preceding) as learnt_before
    from lanes where op = 'create' and alert_id is not null
)
select id::text as id, 'sent ' || first_sent_at || ', the one before it ended ' || ended_before as why
from lanes where claims > 0 and first_sent_at + interval '1 second' < ended_before
union all
select d.id::text, 'of a ' || a.side || ' stands as ' || coalesce(d.side, 'nothing') || ' in the lane of ' || coalesce(d.position_id::text, 'nothing')
from deliveries d join alerts a on a.id = d.alert_id where (d.side, d.position_id) is distinct from (a.side, a.position_id)
union all
select id::text, 'tells what was learnt ' || learnt_at || ' after what was learnt ' || learnt_before
from news where learnt_at + interval '1 second' < learnt_before;

-- INV-27: Each message comes to an end; it is made once, or twice where an answer was lost; and it says what filled in the end, or its last word does.
with made as (
    select d.id, d.unknowns, count(*) filter (where t.outcome = 'accepted') as accepted, count(*) filter (where t.outcome = 'unknown') as unknown
    from deliveries d join delivery_attempts t on t.delivery_id = d.id where d.op = 'create' group by d.id, d.unknowns
)
select id::text as id, state || ' since ' || updated_at || ', though its time was over at ' || cutoff as why
from deliveries where state = 'pending' and cutoff < now() - @grace::interval or state = 'sending' and claim_deadline < now() - @grace::interval
union all
select id::text, 'made ' || accepted || ' times, ' || unknown || ' more without an answer' from made
where accepted + unknown > 2 or accepted + unknown = 2 and unknown = 0 and unknowns = 0
union all
select a.id::text, 'says ' || coalesce(a.facts ->> 'filled', 'nothing') || ' filled; its order has ' || o.cum
from alerts a join orders o on o.id = a.order_id where (a.facts ->> 'filled')::int is distinct from o.cum
union all
select c.id::text, 'says revision ' || c.revision || '; the alert is at ' || a.revision
from deliveries c join alerts a on a.id = c.alert_id join destinations t on t.id = c.destination_id
where c.op = 'create' and c.message_id is not null and not c.message_gone and c.revision < a.revision
    and t.disabled_at is null and t.removed_at is null
    and a.updated_at < c.created_at + interval '1 day' and a.updated_at < now() - @grace::interval
    and not exists (select 1 from deliveries u where u.alert_id = c.alert_id and u.destination_id = c.destination_id
        and u.op = 'update' and u.state in ('pending', 'sending', 'dead'))
union all
select c.id::text, 'may have said revision ' || c.unanswered || ' where nobody can change it; what filled up to ' || a.revision || ' is told nowhere'
from deliveries c join alerts a on a.id = c.alert_id join orders o on o.id = a.order_id join destinations t on t.id = c.destination_id
where c.op = 'create' and c.state in ('dead', 'stale') and c.message_id is null and c.unanswered < a.revision and c.discarded_at is null
    and o.state in ('filled', 'cancelled', 'expired', 'rejected')
    and o.updated_at < c.created_at + interval '1 day' - @grace::interval and o.updated_at < now() - @grace::interval
    and t.disabled_at is null and t.removed_at is null
    and not (c.side = 'BTO' and exists (select 1 from positions p where p.id = c.position_id and p.status in ('closed', 'void', 'expired', 'exercised')))
    and not exists (select 1 from deliveries u where u.alert_id = c.alert_id and u.destination_id = c.destination_id
        and u.op = 'update' and u.state <> 'superseded');

-- INV-28: No message is first sent after its cut-off, no alert's cut-off is later than its age allows, and no entry is told after its position has closed.
select id::text as id, 'first sent ' || first_sent_at || ', the cut-off was ' || cutoff as why from deliveries where first_sent_at >= cutoff
union all
select id::text, 'its cut-off ' || cutoff || ' is too late for what happened ' || coalesce(executed_at, learnt_at) from deliveries
where alert_id is not null and op = 'create'
    and (cutoff > learnt_at + case when side = 'BTO' then interval '120 seconds' else interval '15 minutes' end
        or cutoff > executed_at + case when side = 'BTO' then interval '15 minutes' else interval '2 hours' end)
union all
select d.id::text, 'an entry first sent ' || d.first_sent_at || ', its position closed ' || p.closed_at
from deliveries d join positions p on p.id = d.position_id
where d.alert_id is not null and (d.op = 'create' or d.possible_duplicate) -- a last word is a new message
    and d.side = 'BTO' and d.first_sent_at > p.closed_at + interval '2 seconds';

-- INV-29: A destination that said it is dead is not called again.
select t.id::text as id, count(distinct a.at) || ' calls found it gone' as why -- what shared a message shared its call
from destinations t join deliveries d on d.destination_id = t.id join delivery_attempts a on a.delivery_id = d.id
where a.outcome = 'gone' and a.at >= t.disabled_at group by t.id having count(distinct a.at) > 1
union all
select t.id::text, 'called ' || a.at || ', dead since ' || t.disabled_at
from destinations t join deliveries d on d.destination_id = t.id join delivery_attempts a on a.delivery_id = d.id
where a.outcome <> 'withdrawn' and not (a.outcome = 'unknown' and a.took_ms = 0) -- noted long after, for a process that died
    and a.at - make_interval(secs => a.took_ms / 1000.0) > t.disabled_at + interval '1 second';
