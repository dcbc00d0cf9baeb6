-- What must hold of the track records.

-- INV-57: What a trader published is on their record: each fill, and of a trade that has ended the last word on what came of it, which boards count. Nothing else is.
with begun as (
    select distinct f.position_id from fills f join alerts a on a.order_id = f.order_id where f.side = 'BTO' and a.public
), own as (
    select f.*, o.multiplier from begun b join fills f on f.position_id = b.position_id join orders o on o.id = f.order_id join alerts a on a.order_id = f.order_id
    where o.source in ('manual', 'detected') and (a.public or f.side = 'STC')
), summed as (
    select position_id, coalesce(sum(quantity) filter (where side = 'BTO'), 0) as bought, coalesce(sum(quantity) filter (where side = 'STC'), 0) as sold,
        coalesce(sum(notional) filter (where side = 'BTO'), 0) as paid, coalesce(sum(notional) filter (where side = 'STC'), 0) as received
    from own group by position_id
), apart as ( -- what the published contracts alone came to, fees left out
    select s.*, round((case when s.sold > s.bought then s.received * s.bought / s.sold else s.received end - s.paid) * p.multiplier, 8) as made
    from summed s join positions p on p.id = s.position_id
), ended as (
    select p.id, p.status,
        case when a.bought = p.bought then coalesce(p.outcome, 'unknown') when a.sold < a.bought and p.status <> 'expired' then 'unknown'
            else (array['loss', 'breakeven', 'win'])[2 + sign(a.made)::int] end as result,
        case when a.bought = p.bought then p.realized when a.sold < a.bought and p.status <> 'expired' then 0 else a.made end as realized
    from apart a join positions p on p.id = a.position_id where p.status in ('closed', 'expired', 'exercised')
)
select o.order_id::text as id, 'fill ' || o.cum || ' is not on the record' as why
from own o left join record_entries e on e.order_id = o.order_id and e.cum = o.cum and e.trader_id = o.user_id where e.seq is null
union all
select e.trader_id || ' ' || e.seq, 'tells of a fill that was not published'
from record_entries e join users u on u.id = e.trader_id left join own o on o.order_id = e.order_id and o.cum = e.cum
where e.order_id is not null and o.order_id is null and u.status <> 'deleted' -- whose alerts are hidden since, and whose record stays
union all
select e.id::text, e.status || ', ' || e.result || ' of ' || e.realized || '; the record has ' || coalesce(r.result, 'nothing') || ' of ' || coalesce(r.realized, 0)
from ended e left join record_trades r on r.position_id = e.id
where r.result is distinct from e.result or abs(r.realized - e.realized) > 0.0000001
union all
select coalesce(r.position_id, c.position_id)::text, 'the record tells ' || coalesce(r.result, 'nothing') || '; boards count ' || case when c.position_id is null then 'nothing' else coalesce(c.result, 'unknown') || ' of ' || c.realized end
from (select * from record_trades where result is not null) r full join published_results c on c.position_id = r.position_id
where r.result is distinct from case when c.position_id is not null then coalesce(c.result, 'unknown') end or r.realized <> c.realized or r.trader_id <> c.trader_id
union all
select trader_id || ' ' || day, 'the day counts ' || coalesce(d.finished, 0) || ' of ' || coalesce(d.pnl, 0) || '; its trades are ' || coalesce(c.finished, 0) || ' of ' || coalesce(c.pnl, 0)
from published_days d full join (
    select trader_id, paper, (finished_at at time zone 'America/New_York')::date as day, count(*) as finished, count(*) filter (where result = 'win') as wins, sum(realized) as pnl
    from published_results where result is not null group by 1, 2, 3) c using (trader_id, paper, day)
where (coalesce(d.finished, 0), coalesce(d.wins, 0), coalesce(d.pnl, 0)) <> (coalesce(c.finished, 0), coalesce(c.wins, 0), coalesce(c.pnl, 0));

-- INV-58: A record is one chain: its entries are numbered without a gap, each hash is that of its entry and of the one before, and its head names the last.
with chain as (
    select trader_id, seq, entry, hash, row_number() over of_trader as place, lag(hash) over of_trader as before
    from record_entries window of_trader as (partition by trader_id order by seq)
), lasts as (
    select distinct on (trader_id) trader_id, seq, hash from record_entries order by trader_id, seq desc
)
select trader_id || ' ' || seq as id, 'is entry ' || place || ' of its record' as why from chain where seq <> place
union all
select trader_id || ' ' || seq, 'its hash is not that of it and the one before' from chain
where hash <> sha256(convert_to(concat_ws(chr(10), 'alertsify-record-1', trader_id, seq,
    encode(coalesce(before, sha256(convert_to('alertsify-record-1' || chr(10) || trader_id, 'UTF8'))), 'hex'), entry), 'UTF8'))
union all
select coalesce(h.trader_id, l.trader_id)::text, 'the head counts ' || coalesce(h.entries, 0) || ' entries of ' || coalesce(l.seq, 0)
from record_heads h full join lasts l on l.trader_id = h.trader_id where coalesce(h.entries, 0) <> coalesce(l.seq, 0) or h.head <> l.hash;
