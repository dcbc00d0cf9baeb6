-- +goose Up
-- What is said to whom, and how saying it went.

-- One alert for each order that filled; later fills raise its revision.
create table alerts (
    id          uuid primary key default gen_random_uuid(),
    order_id    uuid not null unique references orders,
    user_id     uuid not null references users, -- the trader
    position_id uuid not null references positions,
    side        text not null check (side in ('BTO', 'STC')),
    symbol      text not null check (length(symbol) = 21),
    revision    integer not null,               -- the order's event sequence
    facts       jsonb not null,                 -- what the words are made of, at this revision
    public      boolean not null,               -- false: the owner is no publisher; no public destination
    executed_at timestamptz,                    -- first fill by the broker's clock
    learnt_at   timestamptz not null,           -- when we knew of the first fill
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);
create index alerts_user on alerts (user_id, created_at desc, id desc);
create index alerts_public on alerts (created_at desc, id desc) where public;
create index alerts_position on alerts (position_id);

create table notifications (
    id          uuid primary key default gen_random_uuid(),
    user_id     uuid not null references users,
    type        text not null,
    title       text not null,
    body        text not null default '',
    brief       text not null default '', -- the body for lock screens, where body names prices
    url         text not null default '',
    data        jsonb not null default '{}',
    subject_key text not null default '', -- what it is about; with type, unique: a job that runs twice says it once
    position_id uuid,
    valid_until timestamptz,              -- after it there is nothing left to decide
    created_at  timestamptz not null default now(),
    read_at     timestamptz
);
create index notifications_user on notifications (user_id, created_at desc, id desc);
create index notifications_unread on notifications (user_id) where read_at is null;
create unique index notifications_once on notifications (user_id, type, subject_key) where subject_key <> '';

-- Where messages can go. Platform destinations have no user. A row never changes
-- hands nor address: what replaces it is a new row, so that no message waiting for
-- the old one can reach the new one's owner.
create table destinations (
    id              uuid primary key default gen_random_uuid(),
    user_id         uuid references users,
    channel         text not null check (channel in ('discord', 'push', 'feed', 'email', 'telegram', 'webhook')),
    address         text not null,                    -- webhook id and thread, hash of the push endpoint, feed name
    settings        jsonb not null default '{}',      -- what is not secret: push host, VAPID key, label
    secret          text,                             -- sealed; gone once removed
    sides           text[] not null default '{BTO,STC}', -- which alerts a public destination takes
    disabled_at     timestamptz,                      -- the other side is dead; shown with "reconnect"
    disabled_reason text,
    removed_at      timestamptz,                      -- its owner, or the configuration, took it away
    last_success_at timestamptz,
    last_failure_at timestamptz,
    failures        integer not null default 0,       -- in a row
    paused_until    timestamptz,                      -- the provider told us to wait
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now()
);
-- One browser is one row in the whole system: two people who share it must never read each other's trades.
create unique index destinations_browser on destinations (address) where channel = 'push' and removed_at is null;
create unique index destinations_own on destinations (user_id, channel) where channel <> 'push' and user_id is not null and removed_at is null;
create unique index destinations_platform on destinations (channel, address) where user_id is null and removed_at is null;
create index destinations_user on destinations (user_id, channel) where removed_at is null;

-- One row for each message to one destination. The lane (destination, position) is worked in order of seq.
create table deliveries (
    id                 uuid primary key default gen_random_uuid(),
    seq                bigint generated always as identity,
    destination_id     uuid not null references destinations,
    channel            text not null,
    user_id            uuid references users,          -- who the message is for; null for platform destinations
    alert_id           uuid references alerts,
    notification_id    uuid references notifications,
    position_id        uuid,                           -- the lane; null: no order to keep
    side               text,
    op                 text not null default 'create' check (op in ('create', 'update')),
    revision           integer not null default 0,     -- pending: what is to be said; delivered: what was said
    state              text not null default 'pending' check (state in ('pending', 'sending', 'delivered', 'stale', 'dead', 'superseded')),
    attempt            integer not null default 0,     -- failures that count towards the back-off
    claims             integer not null default 0,     -- how often it was taken up
    unknowns           integer not null default 0,     -- how often nobody knows whether it arrived
    not_before         timestamptz not null,
    cutoff             timestamptz not null,
    claim_token        uuid,
    claim_deadline     timestamptz,
    message_id         text,                           -- Discord message, feed activity
    slot               integer,                        -- embed index in that message
    message_gone       boolean not null default false, -- somebody deleted it: never edited nor posted again
    possible_duplicate boolean not null default false,
    last_error         text,
    executed_at        timestamptz,                    -- the hops of the receipt
    learnt_at          timestamptz,
    created_at         timestamptz not null,
    first_sent_at      timestamptz,
    accepted_at        timestamptz,
    updated_at         timestamptz not null,
    check ((alert_id is null) <> (notification_id is null)),
    check ((state = 'sending') = (claim_token is not null and claim_deadline is not null))
);
create unique index deliveries_alert on deliveries (alert_id, destination_id) where alert_id is not null and op = 'create';
create unique index deliveries_notification on deliveries (notification_id, destination_id) where notification_id is not null;
-- One waiting update for each message: newer revisions collapse into it.
create unique index deliveries_update on deliveries (alert_id, destination_id) where op = 'update' and state = 'pending';
create index deliveries_waiting on deliveries (channel, destination_id, seq) where state = 'pending';
create index deliveries_due on deliveries (channel, not_before) where state = 'pending';
create index deliveries_cutoff on deliveries (cutoff) where state = 'pending';
create index deliveries_sending on deliveries (destination_id, claim_deadline) where state = 'sending';
create index deliveries_lane on deliveries (destination_id, position_id, seq) where state in ('pending', 'sending');
create index deliveries_message on deliveries (destination_id, message_id) where op = 'create' and message_id is not null;
create index deliveries_dead on deliveries (updated_at desc) where state = 'dead';

create table delivery_attempts (
    delivery_id uuid not null references deliveries,
    claim       integer not null,
    at          timestamptz not null,
    outcome     text not null, -- accepted, retry, limited, unknown, rejected, gone, misconfigured, message_gone, withdrawn
    detail      text not null default '',
    took_ms     integer not null,
    primary key (delivery_id, claim)
);

-- +goose Down
drop table delivery_attempts, deliveries, destinations, notifications, alerts;
