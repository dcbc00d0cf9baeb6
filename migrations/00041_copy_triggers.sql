-- +goose Up
-- What sells copies by itself: a stop-loss, a take-profit, the time on a contract's last day.
-- Each is reached once for a holding, and sells by one order.
create table copy_triggers (
    id              uuid primary key default gen_random_uuid(),
    subscription_id uuid not null references subscriptions,
    position_id     uuid not null references positions,
    user_id         uuid not null references users, -- the follower
    trader_id       uuid not null references users,
    kind            text not null check (kind in ('stop_loss', 'take_profit', 'expiry_close')),
    symbol          text not null check (length(symbol) = 21),
    held            integer not null check (held > 0), -- copied contracts when it was reached, less those being sold
    percent         numeric(8, 2),                     -- that was set; null: expiry_close
    cost_each       numeric(14, 4) not null,           -- what the copies cost, per share
    mark            numeric(14, 4),                    -- by which it was reached, per share
    price           numeric(14, 4),                    -- the bid the exit goes by; null: the bid when it is placed
    triggered_at    timestamptz not null default now(),
    send_before     timestamptz not null,
    state           text not null default 'waiting' check (state in ('waiting', 'placed', 'sold', 'failed')),
    reason          text,
    order_id        uuid references orders,
    updated_at      timestamptz not null default now(),
    -- INV-52: once for each holding and kind.
    constraint copy_triggers_once unique (subscription_id, position_id, kind),
    constraint copy_triggers_ends check ((state in ('placed', 'sold')) <= (order_id is not null) and (state = 'failed') <= (reason is not null))
);
create index copy_triggers_waiting on copy_triggers (triggered_at, id) where state = 'waiting';
create index copy_triggers_user on copy_triggers (user_id, triggered_at desc, id desc);
create index copy_triggers_order on copy_triggers (order_id) where order_id is not null;

alter table orders add column trigger_id uuid references copy_triggers;
alter table orders drop constraint orders_copy_has_decision;
alter table orders add constraint orders_copy_has_decision check ((source = 'copy') = (decision_id is not null or trigger_id is not null)
    and (decision_id is null or trigger_id is null));
-- An exit that was never sent leaves its trigger to the next try.
create unique index orders_one_exit_per_trigger on orders (trigger_id) where trigger_id is not null and state <> 'aborted';
-- Who holds a contract, for those who watch its price.
create index positions_open_symbol on positions (symbol) where status = 'open';
create index subscriptions_guarded on subscriptions (id)
    where stop_loss_percent is not null or take_profit_percent is not null or close_on_expiry_at is not null;

-- +goose Down
drop index positions_open_symbol, subscriptions_guarded, orders_one_exit_per_trigger;
alter table orders drop constraint orders_copy_has_decision;
alter table orders drop column trigger_id;
alter table orders add constraint orders_copy_has_decision check ((source = 'copy') = (decision_id is not null)) not valid;
drop table copy_triggers;
