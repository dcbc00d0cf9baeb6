-- +goose Up
-- Replacing a working order: a child row with a claim, a deadline and a fate of its
-- own, because its answer can get lost like that of placing.

create table order_changes (
    id              uuid primary key default gen_random_uuid(),
    order_id        uuid not null references orders,
    user_id         uuid not null references users,
    account_id      uuid not null references accounts,
    symbol          text not null check (length(symbol) = 21),
    side            text not null check (side in ('BTO', 'STC')),
    state           text not null default 'queued' check (state in ('queued', 'submitting', 'unknown', 'done', 'failed', 'aborted')),
    quantity        integer not null check (quantity between 1 and 10000), -- of the whole order, what is filled included
    limit_price     numeric(14, 4) check (limit_price > 0),
    cost_increase   numeric(20, 4) not null default 0 check (cost_increase >= 0), -- dollars counted for an entry on trading_day
    trading_day     date not null,
    units           integer check (units > 0),                              -- what was asked for: quantity less what was filled at the claim
    old_broker_id   text,                                                   -- the order that was to be replaced
    broker_order_id text,                                                   -- its successor
    send_before     timestamptz not null,
    claim_token     uuid,
    sent_at         timestamptz,
    deadline        timestamptz,
    attempts        integer not null default 0 check (attempts <= 5),
    not_before      timestamptz,
    unknown_since   timestamptz,
    complete_looks  integer not null default 0,
    reason          text,
    reason_code     text,
    created_at      timestamptz not null default clock_timestamp(),
    updated_at      timestamptz not null default now(),
    finished_at     timestamptz
);
create index order_changes_order on order_changes (order_id, created_at desc);
create index order_changes_account on order_changes (account_id, created_at desc);
create index order_changes_queued on order_changes (created_at) where state = 'queued';
create index order_changes_submitting on order_changes (deadline) where state = 'submitting';
-- One at a time per order; and as for orders (INV-7) one unresolved for each account,
-- contract and side, so that a listed order can only be the successor of one, and one
-- on the wire per account. That no order is unresolved beside it, the claims see to
-- under the lock of the account's look.
create unique index order_changes_one_per_order on order_changes (order_id) where state in ('queued', 'submitting', 'unknown');
create unique index order_changes_one_unresolved on order_changes (account_id, symbol, side) where state in ('submitting', 'unknown');
create unique index order_changes_one_on_the_wire on order_changes (account_id) where state = 'submitting';

-- +goose StatementBegin
create function order_changes_guard() returns trigger language plpgsql as $$
begin
    if new.state <> old.state and not (case old.state
        when 'queued' then new.state in ('submitting', 'aborted')
        when 'submitting' then new.state in ('queued', 'unknown', 'done', 'failed')
        when 'unknown' then new.state in ('done', 'failed')
        else false
    end) then
        raise exception 'order change %: no transition from % to %', old.id, old.state, new.state using errcode = 'check_violation';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger order_changes_guard before update on order_changes for each row execute function order_changes_guard();

-- What filled under each of an order's ids; the order's cum is their sum.
alter table order_broker_ids
    add column cum          integer not null default 0 check (cum >= 0),
    add column cum_notional numeric(24, 8) not null default 0; -- average fill price × cum, per share
update order_broker_ids b set cum = o.cum, cum_notional = o.cum_notional
from orders o where o.id = b.order_id and o.broker_order_id = b.broker_order_id;

-- +goose Down
alter table order_broker_ids drop column cum, drop column cum_notional;
drop table order_changes;
drop function order_changes_guard();
