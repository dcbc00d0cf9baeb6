-- +goose Up
-- Followers, what was decided for them, and what they hold because of it.

create table subscriptions (
    id                   uuid primary key default gen_random_uuid(),
    follower_id          uuid not null references users,
    trader_id            uuid not null references users,
    account_id           uuid references accounts, -- null: the follower's selected one
    status               text not null default 'active' check (status in ('active', 'paused', 'cancelled')),
    auto_execute         boolean not null default false,
    paper                boolean not null default false,
    max_position_size    integer not null default 10 check (max_position_size between 1 and 500),
    max_daily_trades     integer not null default 5 check (max_daily_trades between 1 and 100),
    scaling_mode         text not null default 'factor' check (scaling_mode in ('factor', 'contracts', 'dollars', 'buyingPowerPercent')),
    scaling_value        numeric(14, 4) not null default 1 check (scaling_value > 0),
    max_slippage_percent numeric(6, 2) not null default 5 check (max_slippage_percent between 0 and 100),
    max_delay_seconds    integer not null default 60 check (max_delay_seconds between 5 and 900),
    max_spread_percent   numeric(6, 2) not null default 25 check (max_spread_percent between 0 and 200),
    same_contract        text not null default 'skip' check (same_contract in ('skip', 'add')),
    order_type           text not null default 'limit' check (order_type in ('limit', 'market')),
    active_since         timestamptz not null default now(), -- fills before it are not copied
    created_at           timestamptz not null default now(),
    updated_at           timestamptz not null default now(),
    check (follower_id <> trader_id)
);
create unique index subscriptions_one on subscriptions (follower_id, trader_id) where status <> 'cancelled';
create index subscriptions_trader on subscriptions (trader_id) where status = 'active';

-- Consent to automation: asked once for each version of the text.
create table consents (
    user_id      uuid not null references users,
    version      text not null,
    given_at     timestamptz not null default now(),
    withdrawn_at timestamptz,
    primary key (user_id, version)
);

create table copy_decisions (
    id              uuid primary key default gen_random_uuid(),
    subscription_id uuid not null references subscriptions,
    user_id         uuid not null references users, -- the follower
    trader_id       uuid not null references users,
    leader_order_id uuid not null references orders,
    side            text not null check (side in ('BTO', 'STC')),
    symbol          text not null check (length(symbol) = 21),
    source_quantity integer not null,
    source_price    numeric(14, 4) not null,        -- the leader's average fill, per share
    quantity        integer not null default 0,     -- entries: contracts to buy; exits: the cumulative target
    result          text not null check (result in ('queued', 'awaiting_approval', 'approved', 'executed', 'rejected', 'skipped', 'failed', 'expired')),
    reason          text,
    numbers         jsonb not null default '{}',    -- what was compared
    order_id        uuid references orders,
    position_id     uuid references positions,      -- exits: the copy's position
    held            integer not null default 0,     -- exits: copied contracts held when it was decided
    leader_held     integer not null default 0,     -- exits: what the leader held before the order
    place           integer not null,
    place_of        integer not null,
    decided_at      timestamptz not null default now(),
    expires_at      timestamptz not null,
    responded_at    timestamptz,
    updated_at      timestamptz not null default now(),
    -- INV-19: one decision for each leader order and subscription.
    constraint copy_decisions_once unique (leader_order_id, subscription_id)
);
create index copy_decisions_user on copy_decisions (user_id, decided_at desc, id desc);
create index copy_decisions_open on copy_decisions (expires_at) where result in ('queued', 'awaiting_approval', 'approved');
create index copy_decisions_order on copy_decisions (order_id);

alter table orders
    add foreign key (subscription_id) references subscriptions,
    add foreign key (decision_id) references copy_decisions;
create index orders_decision on orders (decision_id) where decision_id is not null;

-- What of a position was copied from whom: exits of a copy sell only this.
create table copy_holdings (
    subscription_id uuid not null references subscriptions,
    position_id     uuid not null references positions,
    user_id         uuid not null references users,
    bought          integer not null default 0,
    sold            integer not null default 0,
    remaining_cost  numeric(24, 8) not null default 0,
    realized        numeric(24, 8) not null default 0,
    created_at      timestamptz not null default now(),
    primary key (subscription_id, position_id),
    -- INV-49
    check (0 <= sold and sold <= bought)
);
create index copy_holdings_position on copy_holdings (position_id, created_at);

-- +goose Down
drop table copy_holdings;
alter table orders drop constraint orders_subscription_id_fkey, drop constraint orders_decision_id_fkey;
drop table copy_decisions, consents, subscriptions;
