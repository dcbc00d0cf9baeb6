-- An exit or a cancel that is left without a place in the request budget lets nobody else
-- have the next one, whichever process asks first: each asks every half second, and
-- an entry of one process got the place that an exit of another was waiting for.

-- +goose Up

create table snaptrade_budget_exits (
    only_row      boolean primary key default true check (only_row),
    waiting_until timestamptz not null -- until when an exit or a cancel is known to wait, if its process lives
);

-- Counts as many of the wanted calls (by class, best class first) as there is
-- room for. wait_ms: when asking again makes sense. The lock is named, held for
-- this one statement, and taken before the clock is read.
-- +goose StatementBegin
create or replace function snaptrade_budget_take(wanted int[], per_minute int, out granted int[], out wait_ms bigint)
language plpgsql as $$
declare
    moment timestamptz;
    paused timestamptz;
    used   int[];
    n      int;
begin
    -- A crash of the database may forget the last half second of counts; a disk
    -- flush for each call would cost more than that is worth.
    perform set_config('synchronous_commit', 'off', true);
    perform pg_advisory_xact_lock(hashtextextended('snaptrade budget', 0));
    moment := clock_timestamp();
    granted := array[0, 0, 0, 0, 0, 0, 0];
    wait_ms := 0;

    select paused_until into paused from snaptrade_budget_pause where paused_until > moment;
    if found then
        wait_ms := ceil(extract(epoch from paused - moment) * 1000);
        return;
    end if;

    delete from snaptrade_budget_calls where at <= moment - interval '61 seconds';
    used := snaptrade_budget_used(moment);
    for c in 1..7 loop
        if c = 3 and granted[1] + granted[2] < wanted[1] + wanted[2] then
            insert into snaptrade_budget_exits (waiting_until) values (moment + interval '750 milliseconds')
            on conflict (only_row) do update set waiting_until = excluded.waiting_until;
        end if;
        exit when c = 3 and exists (select from snaptrade_budget_exits where waiting_until > moment);
        n := least(wanted[c], snaptrade_budget_room(c, used, per_minute));
        if n > 0 then
            insert into snaptrade_budget_calls (at, class) select moment, c from generate_series(1, n);
            granted[c] := n;
            used[c] := used[c] + n;
        end if;
    end loop;

    select ceil(extract(epoch from min(at) + interval '61 seconds' - moment) * 1000) into wait_ms
    from snaptrade_budget_calls;
    wait_ms := coalesce(wait_ms, 0);
end
$$;
-- +goose StatementEnd

-- +goose Down
-- Counts as many of the wanted calls (by class, best class first) as there is
-- room for. wait_ms: when asking again makes sense. The lock is named, held for
-- this one statement, and taken before the clock is read.
-- +goose StatementBegin
create or replace function snaptrade_budget_take(wanted int[], per_minute int, out granted int[], out wait_ms bigint)
language plpgsql as $$
declare
    moment timestamptz;
    paused timestamptz;
    used   int[];
    n      int;
begin
    -- A crash of the database may forget the last half second of counts; a disk
    -- flush for each call would cost more than that is worth.
    perform set_config('synchronous_commit', 'off', true);
    perform pg_advisory_xact_lock(hashtextextended('snaptrade budget', 0));
    moment := clock_timestamp();
    granted := array[0, 0, 0, 0, 0, 0, 0];
    wait_ms := 0;

    select paused_until into paused from snaptrade_budget_pause where paused_until > moment;
    if found then
        wait_ms := ceil(extract(epoch from paused - moment) * 1000);
        return;
    end if;

    delete from snaptrade_budget_calls where at <= moment - interval '61 seconds';
    used := snaptrade_budget_used(moment);
    for c in 1..7 loop
        n := least(wanted[c], snaptrade_budget_room(c, used, per_minute));
        if n > 0 then
            insert into snaptrade_budget_calls (at, class) select moment, c from generate_series(1, n);
            granted[c] := n;
            used[c] := used[c] + n;
        end if;
    end loop;

    select ceil(extract(epoch from min(at) + interval '61 seconds' - moment) * 1000) into wait_ms
    from snaptrade_budget_calls;
    wait_ms := coalesce(wait_ms, 0);
end
$$;
-- +goose StatementEnd

drop table snaptrade_budget_exits;
