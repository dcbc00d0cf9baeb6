-- What the machinery needs that belongs to no room: events for open pages, the
-- webhook inbox, answers to repeated requests, the integrations' minutes, the
-- market clock. No foreign keys: these rows are short-lived and written on hot paths.

-- +goose Up

-- Events for open pages. xid is the writer's transaction: a reader that knows the
-- oldest transaction still running can be sure to have missed nothing, which the
-- id alone cannot tell because transactions commit out of order.
create table live_events (
    id      bigint generated always as identity primary key,
    xid     xid8 not null default pg_current_xact_id(),
    user_id uuid,                       -- null: everyone
    kind    text not null check (kind <> ''),
    data    jsonb not null default '{}',
    at      timestamptz not null default now()
);
create index live_events_xid on live_events (xid);
create index live_events_at on live_events (at);

-- Verified webhooks, each once; the table is itself the work list (rule 11.6).
create table inbound_webhooks (
    provider       text not null check (provider <> ''),
    webhook_id     text not null check (webhook_id <> ''),
    event_type     text not null,
    user_ref       text not null default '',
    account_ref    text not null default '',
    connection_ref text not null default '',
    event_time     timestamptz,
    received_at    timestamptz not null default now(),
    stale          boolean not null default false,
    payload        jsonb,
    state          text not null default 'new' check (state in ('new', 'working', 'done', 'parked')),
    attempts       int not null default 0,
    not_before     timestamptz not null default now(), -- new: when it is due; working: when the claim ends
    reason         text not null default '',
    worked_at      timestamptz,
    primary key (provider, webhook_id),
    -- INV-50: every row ends worked, or parked with its reason
    check (state <> 'parked' or reason <> ''),
    check ((state in ('done', 'parked')) = (worked_at is not null))
);
create index inbound_webhooks_due on inbound_webhooks (provider, not_before) where state in ('new', 'working');
create index inbound_webhooks_received on inbound_webhooks (received_at);

-- One row per client request key, with the answer that was given (rule 9).
create table idempotency_keys (
    user_id    uuid not null,
    route      text not null,
    key        text not null check (length(key) between 16 and 255),
    body_hash  bytea not null,
    status     int not null check (status between 200 and 299), -- a refused request stores nothing
    body       json, -- not jsonb: the answer is repeated byte for byte
    created_at timestamptz not null default now(),
    primary key (user_id, route, key)
);
create index idempotency_keys_created on idempotency_keys (created_at);

-- The worst state of each integration, minute by minute.
create table integration_minutes (
    name       text not null,
    minute     timestamptz not null,
    state      text not null check (state in ('ok', 'error', 'disabled')),
    latency_ms int not null default 0 check (latency_ms >= 0),
    detail     text not null default '',
    primary key (name, minute)
);
create index integration_minutes_minute on integration_minutes (minute);

-- The market clock that the sandbox may set: at set_at (real time) the market's
-- clock showed market_at, and both tick on. No row: it shows real time.
create table market_clock (
    only_row  boolean primary key default true check (only_row),
    set_at    timestamptz not null default now(),
    market_at timestamptz not null
);

-- +goose Down
drop table market_clock;
drop table integration_minutes;
drop table idempotency_keys;
drop table inbound_webhooks;
drop table live_events;
