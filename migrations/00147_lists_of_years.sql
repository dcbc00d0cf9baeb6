-- +goose Up
-- What a trader's published trades with a known result came to, by New York's days: who looks
-- at a profile or the directory reads hundreds of rows where there are a hundred thousand
-- trades. Kept by a trigger in the transaction that writes them, which holds the trader's head
-- (record), so that no two wait for each other here.
create table published_days (
    trader_id uuid not null references users,
    paper     boolean not null,
    day       date not null,
    finished  integer not null,
    wins      integer not null,
    pnl       numeric(28, 8) not null,
    primary key (trader_id, paper, day)
);
-- Nobody writes one between what is counted here and the triggers; all read on.
lock table published_results in share row exclusive mode;
insert into published_days (trader_id, paper, day, finished, wins, pnl)
select trader_id, paper, (finished_at at time zone 'America/New_York')::date, count(*), count(*) filter (where result = 'win'), sum(realized)
from published_results where result is not null group by 1, 2, 3;

-- +goose StatementBegin
create function count_published() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if tg_op <> 'INSERT' then
        update published_days d set finished = d.finished - r.finished, wins = d.wins - r.wins, pnl = d.pnl - r.pnl
        from (select trader_id, paper, (finished_at at time zone 'America/New_York')::date as day,
                count(*) as finished, count(*) filter (where result = 'win') as wins, sum(realized) as pnl
            from removed where result is not null group by 1, 2, 3) r
        where (d.trader_id, d.paper, d.day) = (r.trader_id, r.paper, r.day);
    end if;
    if tg_op <> 'DELETE' then
        insert into published_days as d (trader_id, paper, day, finished, wins, pnl)
        select trader_id, paper, (finished_at at time zone 'America/New_York')::date, count(*), count(*) filter (where result = 'win'), sum(realized)
        from added where result is not null group by 1, 2, 3
        on conflict (trader_id, paper, day) do update
        set finished = d.finished + excluded.finished, wins = d.wins + excluded.wins, pnl = d.pnl + excluded.pnl;
    end if;
    return null;
end $$;
-- +goose StatementEnd
create trigger count_added after insert on published_results referencing new table as added for each statement execute function count_published();
create trigger count_changed after update on published_results referencing old table as removed new table as added for each statement execute function count_published();
create trigger count_removed after delete on published_results referencing old table as removed for each statement execute function count_published();

alter table published_days enable row level security;
create policy known on published_days for select to alertsify_member using (true);
grant select on published_days to alertsify_member;

-- +goose Down
drop trigger count_removed on published_results;
drop trigger count_changed on published_results;
drop trigger count_added on published_results;
drop function count_published;
drop table published_days;
