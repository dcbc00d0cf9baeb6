-- +goose Up
-- Breakers, the platform's pace, the day's result of copies, limits of single users.

-- Who turned a switch: an operator, the owner, or a breaker by itself (R11, R18).
alter table trading_switches add column cause text not null default 'operator' check (cause in ('operator', 'owner', 'breaker'));
update trading_switches set cause = 'owner' where scope = 'self';

-- Every turn of a switch, for ever. What happened before a switch was resumed
-- does not count against its breaker again.
create table halt_log (
    id     bigint generated always as identity primary key,
    at     timestamptz not null default now(),
    act    text not null check (act in ('halted', 'resumed')),
    scope  text not null,
    key    text not null,
    stops  text not null,
    cause  text not null,
    reason text not null default '',
    by     uuid references users -- null: a breaker, or the command line
);
create index halt_log_switch on halt_log (scope, key, at desc);

-- Entries that all processes together sent lately, one count for each second,
-- the newest first (R11). One row: one conditional update decides.
create table entry_pace (
    only_row boolean primary key default true check (only_row),
    second   bigint not null default 0,                       -- since 1970, of the first count
    counts   integer[] not null default array_fill(0, array[61])
);
insert into entry_pace default values;

-- The busiest minute of each trading day: what the platform's pace is measured by.
create table entry_peaks (
    trading_day date primary key,
    peak        integer not null check (peak > 0)
);

-- The counts as they stand some seconds later.
-- +goose StatementBegin
create function later_counts(counts integer[], seconds bigint) returns integer[] immutable language sql as
    'select (array_fill(0, array[least(greatest($2, 0), 61)::integer]) || $1)[1:61]';
-- +goose StatementEnd

-- How many that is.
-- +goose StatementBegin
create function count_all(counts integer[]) returns integer immutable language sql as
    'select coalesce(sum(n), 0)::integer from unnest($1) n';
-- +goose StatementEnd

-- Breakers look at what was sent lately (R18).
create index orders_sent on orders (sent_at) where sent_at is not null;

-- What a day's sells of copied contracts made, in dollars (R14).
create table copy_results (
    user_id     uuid not null references users,
    trading_day date not null,
    realized    numeric(24, 8) not null default 0,
    primary key (user_id, trading_day)
);

create index copy_holdings_held on copy_holdings (user_id) where bought > sold;

-- A user's own lower limits, and what an operator set instead of the default.
-- In force is the lower of the two.
create table risk_limits (
    user_id    uuid not null references users,
    kind       text not null,
    own        numeric(14, 2) check (own >= 0),
    own_at     timestamptz,
    granted    numeric(14, 2) check (granted >= 0),
    granted_at timestamptz,
    granted_by uuid references users, -- null with granted: the command line
    primary key (user_id, kind),
    check ((own is null) = (own_at is null)),
    check ((granted is null) = (granted_at is null))
);

-- +goose Down
drop table risk_limits, copy_results, entry_peaks, entry_pace, halt_log;
drop index copy_holdings_held;
drop index orders_sent;
drop function later_counts, count_all;
delete from trading_switches where cause = 'breaker';
alter table trading_switches drop column cause;
