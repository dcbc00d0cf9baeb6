-- +goose Up
-- The broker connections and accounts people have linked.

-- One SnapTrade user for each of ours. The secret is sealed; losing it means
-- that the user must connect again. A row without a secret is a registration
-- under way: claim names who makes it, and after claimed_until somebody else may,
-- under another SnapTrade id, because what the first one got is lost.
create table snaptrade_users (
    user_id           uuid primary key references users,
    snaptrade_user_id text not null unique,
    user_secret       text,
    claim             uuid,
    claimed_until     timestamptz,
    version           bigint not null default 0, -- raised by each applied refresh, so that an older reading never overwrites a newer one
    refreshed_at      timestamptz,
    created_at        timestamptz not null default now(),
    check (user_secret is not null or (claim is not null and claimed_until is not null))
);
create index snaptrade_users_refreshed on snaptrade_users (refreshed_at nulls first) where user_secret is not null;

-- SnapTrade users nobody can use any more; they are deleted there. Their ids stay,
-- so that a late event naming one is known to be harmless.
create table snaptrade_leftovers (
    snaptrade_user_id text primary key,
    created_at        timestamptz not null default now(),
    tried_at          timestamptz,
    deleted_at        timestamptz
);
create index snaptrade_leftovers_due on snaptrade_leftovers (created_at) where deleted_at is null;

create table connections (
    id                  uuid primary key default gen_random_uuid(),
    user_id             uuid not null references users,
    authorization_id    text not null unique, -- SnapTrade's id
    broker_slug         text not null,
    institution         text not null,
    trading             boolean not null,     -- type "trade", not "read"
    status              text not null check (status in ('ok', 'broken', 'disabled')),
    broken_at           timestamptz,
    remove_requested_at timestamptz, -- its owner wants it gone; SnapTrade deletes in its own time
    remove_tried_at     timestamptz,
    deleted_at          timestamptz, -- SnapTrade does not list it any more
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now()
);
create index connections_user on connections (user_id) where deleted_at is null;
create index connections_removing on connections (remove_tried_at) where remove_requested_at is not null and deleted_at is null;

create table accounts (
    id                uuid primary key default gen_random_uuid(),
    user_id           uuid not null references users,
    connection_id     uuid not null references connections,
    broker_account_id text not null unique, -- SnapTrade's id
    institution       text not null,
    name              text not null default '',
    number            text not null default '', -- masked: the last four characters
    category          text not null default 'INVESTMENT', -- only these are shown; DEPOSIT and LOC are kept so that events naming them are known
    paper             boolean not null default false,
    status            text not null default 'ok' check (status in ('ok', 'broken', 'disabled')),
    can_trade         boolean not null default false,
    lists_orders      boolean not null default true, -- false where the broker answers 501
    selected          boolean not null default false,
    cash              numeric(20, 4),
    buying_power      numeric(20, 4),
    balance_at        timestamptz, -- when reading cash and buying power began
    balance_tried_at  timestamptz, -- when the sweep last wanted to read them
    synced_at         timestamptz,
    removed_at        timestamptz, -- not listed any more, or removed by its owner
    dismissed_at      timestamptz, -- removed by its owner: stays so until the owner connects again
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    check (not selected or removed_at is null)
);
create index accounts_user on accounts (user_id) where removed_at is null;
create index accounts_connection on accounts (connection_id);
create index accounts_balance on accounts (balance_tried_at nulls first) where removed_at is null and status = 'ok';
create unique index accounts_one_selected on accounts (user_id) where selected;

-- A visit to the connection portal. The sweep looks for its outcome, so that
-- nothing waits for a webhook that got lost.
create table portal_visits (
    id           uuid primary key default gen_random_uuid(),
    user_id      uuid not null references users,
    broker_slug  text not null default '', -- empty: the portal's own picker
    reconnects   uuid references connections,
    state        text not null default 'open' check (state in ('open', 'connected', 'ended')),
    created_at   timestamptz not null default now(),
    looked_at    timestamptz not null default now(),
    next_look_at timestamptz not null default now() + interval '5 seconds',
    finished_at  timestamptz
);
create index portal_visits_due on portal_visits (next_look_at) where state = 'open';
create index portal_visits_user on portal_visits (user_id, created_at desc);

-- +goose Down
drop table portal_visits, accounts, connections, snaptrade_leftovers, snaptrade_users;
