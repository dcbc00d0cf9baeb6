-- +goose Up
-- The broker connections and accounts people have linked.

-- One SnapTrade user for each of ours. The secret is sealed; losing it means
-- that the user must connect again.
create table snaptrade_users (
    user_id           uuid primary key references users,
    snaptrade_user_id text not null unique,
    user_secret       text not null,
    created_at        timestamptz not null default now()
);

create table connections (
    id               uuid primary key default gen_random_uuid(),
    user_id          uuid not null references users,
    authorization_id text not null unique, -- SnapTrade's id
    broker_slug      text not null,
    institution      text not null,
    trading          boolean not null,     -- type "trade", not "read"
    status           text not null check (status in ('ok', 'broken', 'disabled')),
    broken_at        timestamptz,
    deleted_at       timestamptz,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now()
);
create index connections_user on connections (user_id) where deleted_at is null;

create table accounts (
    id                uuid primary key default gen_random_uuid(),
    user_id           uuid not null references users,
    connection_id     uuid not null references connections,
    broker_account_id text not null unique, -- SnapTrade's id
    institution       text not null,
    name              text not null default '',
    number            text not null default '', -- masked: the last four characters
    paper             boolean not null default false,
    status            text not null default 'ok' check (status in ('ok', 'broken', 'disabled')),
    can_trade         boolean not null default false,
    lists_orders      boolean not null default true, -- false where the broker answers 501
    selected          boolean not null default false,
    cash              numeric(20, 4),
    buying_power      numeric(20, 4),
    balance_at        timestamptz, -- when cash and buying power were read
    synced_at         timestamptz,
    listed_at         timestamptz, -- when orders were listed last; never twice within 15 s
    removed_at        timestamptz,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);
create index accounts_user on accounts (user_id) where removed_at is null;
create index accounts_connection on accounts (connection_id);
create unique index accounts_one_selected on accounts (user_id) where selected;

-- A visit to the connection portal. The sweep looks for its outcome, so that
-- nothing waits for a webhook that got lost.
create table portal_visits (
    id          uuid primary key default gen_random_uuid(),
    user_id     uuid not null references users,
    session_id  text not null,
    reconnects  uuid references connections,
    state       text not null default 'open' check (state in ('open', 'connected', 'ended')),
    created_at  timestamptz not null default now(),
    finished_at timestamptz
);
create index portal_visits_open on portal_visits (created_at) where state = 'open';
create index portal_visits_user on portal_visits (user_id, created_at desc);

-- +goose Down
drop table portal_visits, accounts, connections, snaptrade_users;
