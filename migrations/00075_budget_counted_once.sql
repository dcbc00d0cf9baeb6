-- Every call to SnapTrade asks the budget, one at a time for all processes: it counts in two
-- thirds of the time, and looks for room only where some is wanted.

-- +goose Up

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
    -- What is left lies in the window. It is counted here: a function that selects is planned
    -- anew in each transaction.
    select array_agg(coalesce(calls.n, 0) order by c) into used
    from generate_series(1, 7) as c
    left join (select class, count(*)::int as n from snaptrade_budget_calls group by class) calls on calls.class = c;
    for c in 1..7 loop
        if c = 3 and granted[1] + granted[2] < wanted[1] + wanted[2] then
            insert into snaptrade_budget_exits (waiting_until) values (moment + interval '750 milliseconds')
            on conflict (only_row) do update set waiting_until = excluded.waiting_until;
        end if;
        exit when c = 3 and exists (select from snaptrade_budget_exits where waiting_until > moment);
        continue when wanted[c] = 0;
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
