-- +goose Up
-- The line of a signal's followers: its seed, how far deciding got, and when a
-- place is due. The published rule of the order is copy_place_key.

-- One row for each order of a leader that followers were decided about.
create table copy_signals (
    leader_order_id uuid primary key references orders,
    trader_id       uuid not null references users,
    seed            text not null check (seed ~ '^[0-9a-f]{32}$'), -- drawn once, and shown
    place_of        integer not null, -- followers in line
    paper_place_of  integer not null, -- in the line of those on paper
    placed          integer not null default 0, -- how many of each were decided about
    paper_placed    integer not null default 0,
    last_key        text not null default '',   -- the key of the last one: deciding goes on behind it
    created_at      timestamptz not null default now(),
    decided_at      timestamptz, -- everybody was decided about
    told_at         timestamptz  -- and their open pages know
);
create index copy_signals_untold on copy_signals (created_at) where told_at is null;

alter table copy_decisions add column due_at timestamptz; -- entries in line: when the budget can send them; null: at once

-- A follower's place in the line of a signal is the rank of this key among those of
-- all who follow: SHA-256, in hex, of the seed, a colon and the subscription's id.
-- +goose StatementBegin
create function copy_place_key(seed text, subscription uuid) returns text
language sql immutable parallel safe as $$
    select encode(sha256((seed || ':' || subscription::text)::bytea), 'hex')
$$;
-- +goose StatementEnd

-- When each of a line can be sent, in ms from now; -1 where that is later than it may
-- wait. calls are when the budget allows one call more (null: any time); the first
-- skip of them are promised to others. One takes a call for its order, and one more
-- for its balance where that is not fresh (until fresh, in ms) by then. Who cannot be
-- sent takes none, so that the next moves up.
-- +goose StatementBegin
create function copy_line(waits int[], fresh int[], calls int[], skip int) returns int[]
language plpgsql immutable as $$
declare
    due  int[] := array_fill(-1, array[coalesce(cardinality(waits), 0)]);
    used int := skip;
    t    int;
    n    int;
begin
    for i in 1..coalesce(cardinality(waits), 0) loop
        n := 1;
        t := case when calls is null then 0 else calls[used + 1] end;
        if calls is not null and coalesce(fresh[i], -1) <= coalesce(t, 0) then
            n := 2;
            t := calls[used + 2];
        end if;
        if t <= waits[i] then
            due[i] := t;
            used := used + n;
        end if;
    end loop;
    return due;
end
$$;
-- +goose StatementEnd

-- Copied entries between their T1 and the broker's answer: at most twenty at once.
create index orders_copies_in_hand on orders (created_at)
    where source = 'copy' and side = 'BTO' and state in ('queued', 'submitting');

-- When each further copied entry may be sent if nobody else asks for anything: the
-- offsets in ms of the next calls of class 5, at most most, up to the horizon. What
-- leaves the window is reckoned by whole seconds.
-- +goose StatementBegin
create function snaptrade_budget_forecast(per_minute int, horizon_ms int, most int) returns int[]
language plpgsql stable as $$
declare
    moment  timestamptz := clock_timestamp();
    t       int := 0;
    classes int[];
    leaves  int[];
    used    int[];
    n       int;
    offsets int[] := '{}';
begin
    select greatest(0, ceil(extract(epoch from paused_until - moment) * 1000))::int into t
    from snaptrade_budget_pause where paused_until > moment;
    t := coalesce(t, 0);
    select coalesce(array_agg(class::int), '{}'), coalesce(array_agg(ceil(extract(epoch from at + interval '61 seconds' - moment))::int * 1000), '{}')
    into classes, leaves from snaptrade_budget_calls where at > moment - interval '61 seconds';
    while t is not null and t <= horizon_ms and cardinality(offsets) < most loop
        select array[count(*) filter (where c = 1), count(*) filter (where c = 2), count(*) filter (where c = 3), count(*) filter (where c = 4),
                     count(*) filter (where c = 5), count(*) filter (where c = 6), count(*) filter (where c = 7)]::int[]
        into used from unnest(classes, leaves) as call(c, l) where l > t;
        n := least(snaptrade_budget_room(5, used, per_minute), most - cardinality(offsets));
        if n > 0 then
            offsets := offsets || array_fill(t, array[n]);
            classes := classes || array_fill(5, array[n]);
            leaves := leaves || array_fill(t + 61000, array[n]);
        end if;
        select min(l) into t from unnest(leaves) as l where l > t;
    end loop;
    return offsets;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop function snaptrade_budget_forecast(int, int, int);
drop index orders_copies_in_hand;
drop function copy_line(int[], int[], int[], int);
drop function copy_place_key(text, uuid);
alter table copy_decisions drop column due_at;
drop table copy_signals;
