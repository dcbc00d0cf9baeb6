-- A small installation in which every invariant holds. ava bought 4 of a contract
-- and sold 2, another sell of hers works; ben copied both; ava also bought and
-- sold 1 of another contract, and once took an order back before it was sent.
-- Two contracts of hers came from elsewhere and expired; three others were split
-- in two each, and one of them was sold where nobody saw it.

set local session_replication_role = replica; -- rows that name each other come in any order

create table test_start as select now() - interval '10 minutes' as at;
create function t(seconds numeric) returns timestamptz language sql stable as
    'select at + make_interval(secs => seconds::int) from test_start';
create function id(name text) returns uuid language sql immutable as 'select md5(name)::uuid';

insert into users (id, username, name, role) values
    (id('ava'), 'ava', 'Ava', 'trader'), (id('ben'), 'ben', 'Ben', 'subscriber');
insert into connections (id, user_id, authorization_id, broker_slug, institution, trading, status)
select id(u || ' connection'), id(u), u, 'ALPACA-PAPER', 'Alpaca', true, 'ok' from unnest(array['ava', 'ben']) u;
insert into accounts (id, user_id, connection_id, broker_account_id, institution, can_trade, selected)
select id(u || ' account'), id(u), id(u || ' connection'), u, 'Alpaca', true, true from unnest(array['ava', 'ben']) u;
insert into account_looks (account_id, user_id, next_look_at) values (id('ava account'), id('ava'), now() + interval '1 hour');
insert into subscriptions (id, follower_id, trader_id, auto_execute, active_since, created_at, updated_at)
values (id('sub'), id('ben'), id('ava'), true, t(-3600), t(-3600), t(-3600));
insert into subscriptions (id, follower_id, trader_id, auto_execute, paper, active_since, created_at, updated_at)
values (id('paper'), id('ben'), id('ava'), true, true, t(-3600), t(-3600), t(-3600));
insert into consents (user_id, version, given_at) values (id('ben'), 'v1', t(-3600));

insert into positions (id, user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, status,
    bought, sold, sell_reserved, cost_bought, remaining_cost, proceeds, realized, source, copied_from, opened_at, closed_at, updated_at)
values
    (id('held'), id('ava'), id('ava account'), 'AAPL  270115C00200000', 'AAPL', 'call', 200, '2027-01-15', 100, 'open',
        4, 2, 1, 1400, 700, 900, 200, 'manual', null, t(3), null, t(203)),
    (id('copied'), id('ben'), id('ben account'), 'AAPL  270115C00200000', 'AAPL', 'call', 200, '2027-01-15', 100, 'open',
        4, 2, 0, 1440, 720, 880, 160, 'copy', id('ava'), t(23), null, t(203)),
    (id('done'), id('ava'), id('ava account'), 'MSFT  270115P00400000', 'MSFT', 'put', 400, '2027-01-15', 100, 'closed',
        1, 1, 0, 500, 0, 450, -50, 'manual', null, t(303), t(343), t(343)),
    (id('never'), id('ava'), id('ava account'), 'TSLA  270115C00300000', 'TSLA', 'call', 300, '2027-01-15', 100, 'void',
        0, 0, 0, 0, 0, 0, 0, 'manual', null, null, null, t(400)),
    (id('lapsed'), id('ava'), id('ava account'), 'NVDA  260220P00100000', 'NVDA', 'put', 100, '2026-02-20', 100, 'expired',
        2, 2, 0, 200, 0, 0, -200, 'detected', null, t(10), t(20), t(20)),
    (id('split'), id('ava'), id('ava account'), 'NVDA  270115C00050000', 'NVDA', 'call', 50, '2027-01-15', 100, 'open',
        6, 1, 0, 300, 250, 0, 0, 'detected', null, t(10), null, t(30));
update positions set unpriced = 1, review_reason = 'one left' where id = id('split');
insert into position_adjustments (id, position_id, user_id, kind, symbol, quantity, cost, proceeds, realized, as_of)
select id(name), id(position), id('ava'), kind, symbol, quantity, cost, proceeds, realized, t(10)
from (values ('lapsed in', 'lapsed', 'external', 'NVDA  260220P00100000', 2, 200, null, null), ('lapsed out', 'lapsed', 'expired', 'NVDA  260220P00100000', -2, -200, 0, -200),
    ('split in', 'split', 'external', 'NVDA  270115C00100000', 3, 300, null, null), ('split old', 'split', 'rename_out', 'NVDA  270115C00100000', -3, -300, null, null),
    ('split new', 'split', 'rename_in', 'NVDA  270115C00050000', 6, 300, null, null), ('split out', 'split', 'external', 'NVDA  270115C00050000', -1, -50, null, null)
) as a (name, position, kind, symbol, quantity, cost, proceeds, realized);

-- Orders, by the second they were created; a copy's stand for a decision. They
-- were claimed a second later, filled at 2, and known here at 3.
create table test_orders as
select * from (values
    ('buy', 'ava', 'held', 'BTO', 4, 0, 3.5, 'filled', null), ('sell', 'ava', 'held', 'STC', 2, 100, 4.5, 'filled', null),
    ('copy buy', 'ben', 'copied', 'BTO', 4, 20, 3.6, 'filled', 'entry'), ('copy sell', 'ben', 'copied', 'STC', 2, 120, 4.4, 'filled', 'exit'),
    ('other buy', 'ava', 'done', 'BTO', 1, 300, 5, 'filled', null), ('other sell', 'ava', 'done', 'STC', 1, 340, 4.5, 'filled', null),
    ('working', 'ava', 'held', 'STC', 1, 200, 5, 'accepted', null), ('back', 'ava', 'never', 'BTO', 1, 399, 2, 'aborted', null)
) as o (name, owner, position, side, quantity, second, price, state, decision);

insert into orders (id, user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
    source, state, cum, cum_notional, estimated_cost, broker_order_id, send_before, sent_at, deadline, subscription_id, decision_id,
    copy_target, trading_day, event_seq, executed_at, created_at, updated_at, finished_at)
select id(o.name), id(o.owner), id(o.owner || ' account'), p.id, o.side, p.symbol, p.underlying, 100, o.quantity, 'Limit', o.price, 'Day',
    case when o.decision is null then 'manual' else 'copy' end, o.state, n.filled, n.filled * o.price,
    case when o.side = 'BTO' then o.quantity * o.price * 100 else 0 end, case when n.sent then 'B-' || o.name end, t(o.second + 30),
    case when n.sent then t(o.second + 1) end, case when n.sent then t(o.second + 46) end,
    case when o.decision is not null then id('sub') end, id(o.decision), case when o.decision = 'exit' then 2 end, '2026-03-04',
    case when n.sent then 2 else 1 end, case when n.filled > 0 then t(o.second + 2) end, t(o.second), t(o.second + 3),
    case when o.state <> 'accepted' then t(o.second + 3) end
from test_orders o join positions p on p.id = id(o.position),
    lateral (select o.state <> 'aborted' as sent, case when o.state = 'filled' then o.quantity else 0 end as filled) n;

insert into order_broker_ids (account_id, broker_order_id, order_id, user_id, linked_at, cum, cum_notional)
select account_id, broker_order_id, id, user_id, updated_at, cum, cum_notional from orders where broker_order_id is not null;

insert into order_events (order_id, user_id, seq, at, actor, from_state, to_state, cum, average)
select o.id, o.user_id, 0, o.created_at, 'user', null, 'queued', 0, null::numeric from orders o
union all
select o.id, o.user_id, 1, o.sent_at, 'placer', 'queued', 'submitting', 0, null from orders o where o.sent_at is not null
union all
select o.id, o.user_id, o.event_seq, o.updated_at, 'placer', case when o.sent_at is null then 'queued' else 'submitting' end, o.state, o.cum,
    case when o.cum > 0 then o.limit_price end from orders o;

insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, cost_removed, realized, executed_at, learnt_at)
select o.id, o.cum, o.user_id, o.position_id, o.side, o.cum, o.cum_notional, removed,
    case when o.side = 'STC' then o.cum_notional * 100 - removed else 0 end, o.executed_at, o.updated_at
from orders o, lateral (select case when o.side = 'BTO' then 0 when o.id = id('sell') then 700 when o.id = id('copy sell') then 720 else 500 end as removed) r
where o.cum > 0;

insert into copy_decisions (id, subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price, quantity,
    result, reason, order_id, position_id, held, leader_held, place, place_of, decided_at, expires_at, updated_at)
values
    (id('entry'), id('sub'), id('ben'), id('ava'), id('buy'), 'BTO', 'AAPL  270115C00200000', 4, 3.5, 4, 'executed', null, id('copy buy'), null, 0, 0, 1, 1, t(4), t(64), t(24)),
    (id('exit'), id('sub'), id('ben'), id('ava'), id('sell'), 'STC', 'AAPL  270115C00200000', 2, 4.5, 2, 'executed', null, id('copy sell'), id('copied'), 4, 4, 1, 1, t(104), t(1004), t(124)),
    (id('no entry'), id('sub'), id('ben'), id('ava'), id('other buy'), 'BTO', 'MSFT  270115P00400000', 1, 5, 0, 'skipped', 'scaled_to_zero', null, null, 0, 0, 1, 1, t(304), t(364), t(304)),
    (id('no exit'), id('sub'), id('ben'), id('ava'), id('other sell'), 'STC', 'MSFT  270115P00400000', 1, 4.5, 0, 'skipped', 'no_copy_held', null, null, 0, 1, 1, 1, t(344), t(1244), t(344));
insert into copy_triggers (id, subscription_id, position_id, user_id, trader_id, kind, symbol, held, bought, percent, cost_each, mark, price, triggered_at, send_before, state, reason)
values (id('stopped'), id('sub'), id('copied'), id('ben'), id('ava'), 'stop_loss', 'AAPL  270115C00200000', 2, 3, 30, 3.6, 2.5, 2.45, t(200), t(1100), 'failed', 'order_expired'),
    (id('paper stopped'), id('paper'), null, id('ben'), id('ava'), 'take_profit', 'AAPL  270115C00200000', 4, 4, 20, 3.55, 4.3, 4.25, t(100), t(1000), 'failed', 'no_copy_held');
insert into copy_decisions (id, subscription_id, paper, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price, quantity,
    result, reason, held, leader_held, place, place_of, decided_at, expires_at, updated_at)
values
    (id('paper entry'), id('paper'), true, id('ben'), id('ava'), id('buy'), 'BTO', 'AAPL  270115C00200000', 4, 3.5, 4, 'executed', null, 0, 0, 1, 1, t(4), t(64), t(5)),
    (id('paper exit'), id('paper'), true, id('ben'), id('ava'), id('sell'), 'STC', 'AAPL  270115C00200000', 2, 4.5, 2, 'executed', null, 4, 4, 1, 1, t(104), t(1004), t(105)),
    (id('no paper entry'), id('paper'), true, id('ben'), id('ava'), id('other buy'), 'BTO', 'MSFT  270115P00400000', 1, 5, 0, 'skipped', 'scaled_to_zero', 0, 0, 1, 1, t(304), t(364), t(304)),
    (id('no paper exit'), id('paper'), true, id('ben'), id('ava'), id('other sell'), 'STC', 'MSFT  270115P00400000', 1, 4.5, 0, 'skipped', 'no_copy_held', 0, 1, 1, 1, t(344), t(1244), t(344));
insert into paper_holdings (subscription_id, symbol, user_id, underlying, multiplier, expiration, bought, sold, cost_bought, remaining_cost, proceeds, realized)
values (id('paper'), 'AAPL  270115C00200000', id('ben'), 'AAPL', 100, '2027-01-15', 4, 3, 1420, 355, 1100, 35);
insert into paper_fills (subscription_id, symbol, user_id, decision_id, kind, quantity, price, realized, copy_target, trading_day, filled_at)
values
    (id('paper'), 'AAPL  270115C00200000', id('ben'), id('paper entry'), 'buy', 4, 3.55, 0, null, '2026-03-04', t(5)),
    (id('paper'), 'AAPL  270115C00200000', id('ben'), id('paper exit'), 'sell', 2, 4.40, 170, 2, '2026-03-04', t(105)),
    (id('paper'), 'AAPL  270115C00200000', id('ben'), null, 'settle', 1, 2.20, -135, null, '2026-03-04', t(106));
insert into copy_drifts (id, subscription_id, user_id, trader_id, kind, symbol, leader_position_id, position_id, state)
values (id('drift'), id('sub'), id('ben'), id('ava'), 'trader_left', 'AAPL  270115C00200000', id('held'), id('copied'), 'ignored');
insert into copy_holdings (subscription_id, position_id, user_id, bought, sold, remaining_cost, realized)
values (id('sub'), id('copied'), id('ben'), 4, 2, 720, 160);
insert into day_counters (user_id, trading_day, kind, used)
values (id('ben'), '2026-03-04', 'paper_copies', 1), (id('ben'), '2026-03-04', 'paper_premium', 1420), (id('ben'), '2026-03-04', 'copies', 1), (id('ben'), '2026-03-04', 'premium', 1440), (id('ava'), '2026-03-04', 'premium', 1900);
insert into order_pace (user_id, kind, times) values (id('ava'), 'entry', array[t(0), t(300), t(399)]);

insert into alerts (id, order_id, user_id, position_id, side, symbol, revision, facts, public, executed_at, learnt_at, created_at, updated_at)
select id(t.name || ' alert'), o.id, o.user_id, o.position_id, o.side, o.symbol, 2, jsonb_build_object('filled', o.cum), o.source = 'manual',
    o.executed_at, o.updated_at, o.updated_at, o.updated_at
from test_orders t join orders o on o.id = id(t.name) where o.cum > 0;
insert into destinations (id, channel, address) values (id('channel'), 'discord', '1');
insert into deliveries (id, destination_id, channel, alert_id, position_id, side, op, revision, state, claims, not_before, cutoff, message_id, slot,
    executed_at, learnt_at, created_at, first_sent_at, accepted_at, updated_at)
select id('post ' || a.id), id('channel'), 'discord', a.id, a.position_id, a.side, 'create', 2, 'delivered', 1, a.created_at, a.learnt_at + interval '2 minutes',
    'M-' || a.id, 0, a.executed_at, a.learnt_at, a.created_at, a.created_at + interval '1 second', a.created_at + interval '2 seconds', a.created_at + interval '2 seconds'
from alerts a where a.public order by a.created_at;
insert into delivery_attempts (delivery_id, claim, at, outcome, took_ms) select id, 1, accepted_at, 'accepted', 1000 from deliveries;

insert into idempotency_keys (user_id, route, key, body_hash, status, body, created_at)
select o.user_id, 'POST /api/trading/orders', 'key of ' || o.id, ''::bytea, 202, json_build_object('id', o.id), o.created_at from orders o where o.source = 'manual'
union all
select id('ava'), 'DELETE /api/trading/orders/' || id('back'), 'key to take back', '', 202, json_build_object('id', id('back')), t(400)
union all
select id('ben'), 'POST /api/copy-trading/subscribe', 'key to subscribe', '', 201, json_build_object('id', id('sub')), t(-3600);
insert into inbound_webhooks (provider, webhook_id, event_type, state, worked_at) values ('snaptrade', 'W1', 'TRADES_PLACED', 'done', now());
insert into snaptrade_budget_calls (at, class) select now() - make_interval(secs => n), 1 + n % 7 from generate_series(1, 49) n;

-- The sell was made elsewhere: holdings told of it before its list did.
insert into position_adjustments (id, position_id, user_id, kind, symbol, quantity, cost, as_of, explains, order_id)
values (id('gone'), id('held'), id('ava'), 'external', 'AAPL  270115C00200000', -2, -700, t(102), null, null),
    (id('explained'), id('held'), id('ava'), 'explained', 'AAPL  270115C00200000', 2, 700, t(102), id('gone'), id('sell'));

-- What ava published is on her record: four fills, and the end of what she closed.
do $$
declare
    line constant text := chr(10);
    head bytea := sha256(convert_to('alertsify-record-1' || line || id('ava'), 'UTF8'));
    n int := 0;
    e record;
begin
    for e in
        (select '{"kind":"fill"}' as entry, f.order_id, f.cum, f.learnt_at as at from fills f join alerts a on a.order_id = f.order_id where a.public)
        union all select '{"kind":"close"}', null, null, t(344) order by at
    loop
        n := n + 1;
        head := sha256(convert_to(concat_ws(line, 'alertsify-record-1', id('ava'), n, encode(head, 'hex'), e.entry), 'UTF8'));
        insert into record_entries (trader_id, seq, entry, hash, order_id, cum) values (id('ava'), n, e.entry, head, e.order_id, e.cum);
    end loop;
    insert into record_heads (trader_id, entries, head) values (id('ava'), n, head);
end $$;
insert into record_trades (position_id, trader_id, trade, result, realized)
values (id('held'), id('ava'), id('buy alert'), null, 0), (id('done'), id('ava'), id('other buy alert'), 'loss', -50);
insert into published_results (position_id, trader_id, paper, result, realized, cost, finished_at)
values (id('done'), id('ava'), false, 'loss', -50, 150, t(344));
insert into published_days (trader_id, paper, day, finished, wins, pnl)
select trader_id, paper, (finished_at at time zone 'America/New_York')::date, 1, 0, realized from published_results;
