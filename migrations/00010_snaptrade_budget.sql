-- The one request budget that all processes share for SnapTrade (250 calls in any
-- 60 s by default). It lives here and not in Redis, which may be flushed. All
-- times are the database's own clock, so processes need not agree on theirs.

-- +goose Up

-- One row for each call of the last 61 s; older ones are trimmed by every take. One
-- second more than SnapTrade's own window, because a call reaches it after it was counted.
-- class: 1 exit, 2 cancel, 3 manual, 4 unresolved look, 5 copied entry,
-- 6 working look, 7 sync.
create table snaptrade_budget_calls (
    at    timestamptz not null,
    class smallint not null check (class between 1 and 7)
);
create index snaptrade_budget_calls_at on snaptrade_budget_calls (at);

-- After a 429 nobody calls before this moment.
create table snaptrade_budget_pause (
    only_row     boolean primary key default true check (only_row),
    paused_until timestamptz not null
);

-- How many more calls of a class may be made, given those of the last 60 s by
-- class. Of 250: 25 are only for exits and cancels (1, 2). 75 are kept for looks
-- (4, 6) against what ranks lower; manual entries (3), which rank higher, may go
-- 25 into them, so that copied entries at their limit do not shut them out.
-- Copied entries (5) get at most 150. Working looks leave 25 for unresolved ones,
-- sync leaves 25 for manual entries: a burst of the lowest classes must not make
-- the higher ones wait a minute.
-- +goose StatementBegin
create function snaptrade_budget_room(class int, used int[], per_minute int) returns int
language sql immutable as $$
    select greatest(0, case class
        when 1 then free
        when 2 then free
        when 3 then free - for_exits - greatest(0, looks_share - tenth - looks)
        when 4 then free - for_exits
        when 5 then least(free - for_exits - for_looks, per_minute * 6 / 10 - used[5])
        when 6 then free - for_exits - greatest(0, tenth - used[4])
        when 7 then free - for_exits - for_looks - greatest(0, tenth - used[3])
        else 0 end)
    from (select per_minute - (used[1] + used[2] + used[3] + used[4] + used[5] + used[6] + used[7]) as free,
                 greatest(0, per_minute / 10 - used[1] - used[2]) as for_exits,
                 greatest(0, per_minute * 3 / 10 - used[4] - used[6]) as for_looks,
                 per_minute * 3 / 10 as looks_share,
                 per_minute / 10 as tenth,
                 used[4] + used[6] as looks) as share
$$;
-- +goose StatementEnd

-- Calls of the window before a moment, by class.
-- +goose StatementBegin
create function snaptrade_budget_used(moment timestamptz) returns int[]
language sql stable as $$
    select array[count(*) filter (where class = 1), count(*) filter (where class = 2),
                 count(*) filter (where class = 3), count(*) filter (where class = 4),
                 count(*) filter (where class = 5), count(*) filter (where class = 6),
                 count(*) filter (where class = 7)]::int[]
    from snaptrade_budget_calls where at > moment - interval '61 seconds'
$$;
-- +goose StatementEnd

-- Counts as many of the wanted calls (by class, best class first) as there is
-- room for. wait_ms: when asking again makes sense. The lock is named, held for
-- this one statement, and taken before the clock is read.
-- +goose StatementBegin
create function snaptrade_budget_take(wanted int[], per_minute int, out granted int[], out wait_ms bigint)
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

-- What is used, what each class alone could still take, and the pause if any.
-- +goose StatementBegin
create function snaptrade_budget_free(per_minute int, out used int[], out room int[], out paused_until timestamptz)
language plpgsql stable as $$
declare
    moment timestamptz := clock_timestamp();
begin
    select p.paused_until into paused_until from snaptrade_budget_pause p where p.paused_until > moment;
    used := snaptrade_budget_used(moment);
    select array_agg(case when paused_until is null then snaptrade_budget_room(c, used, per_minute) else 0 end order by c)
    into room from generate_series(1, 7) as c;
end
$$;
-- +goose StatementEnd

-- +goose Down
drop function snaptrade_budget_free(int);
drop function snaptrade_budget_take(int[], int);
drop function snaptrade_budget_used(timestamptz);
drop function snaptrade_budget_room(int, int[], int);
drop table snaptrade_budget_pause;
drop table snaptrade_budget_calls;
