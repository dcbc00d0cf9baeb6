-- +goose Up
-- Results of finished positions, added up by job for days that are over, so that what people
-- ask of a hundred thousand of them reads a few hundred rows. A closing position pays nothing
-- for it: what is not added up yet is read from the positions themselves, over one index.
--
-- A trading day is the New York date of closed_at. Of each user's days before covers_until
-- everything is in the rollups, but for the months that a mark says have changed since:
-- those are read from the positions until the job has added them up again.

create table rollup_days (
    user_id      uuid not null references users,
    day          date not null,
    account_id   uuid not null references accounts,
    copied       boolean not null,      -- opened by copy trading
    trader_id    uuid not null,         -- whom it was copied from; the nil uuid: nobody
    trades       integer not null,
    wins         integer not null,
    losses       integer not null,
    pnl          numeric(28, 8) not null,
    gross_profit numeric(28, 8) not null, -- of the wins
    gross_loss   numeric(28, 8) not null, -- of the losses, as a positive amount
    cost         numeric(28, 8) not null, -- of all contracts bought, fees included
    fees         numeric(28, 8) not null,
    held         numeric(28, 6) not null, -- seconds from first buy to close, of all together
    best         numeric(24, 8) not null, -- the largest result of one position, and the smallest
    worst        numeric(24, 8) not null,
    primary key (user_id, day, account_id, copied, trader_id)
);

-- By month, because a list of symbols and a heatmap have no days.
create table rollup_symbols (
    user_id     uuid not null references users,
    month       date not null,          -- its first day
    account_id  uuid not null references accounts,
    copied      boolean not null,
    trader_id   uuid not null,
    underlying  text not null,
    option_type text not null,
    trades      integer not null,
    wins        integer not null,
    pnl         numeric(28, 8) not null,
    quantity    bigint not null,        -- contracts bought
    primary key (user_id, month, account_id, copied, trader_id, underlying, option_type)
);
create table rollup_slots (
    user_id    uuid not null references users,
    month      date not null,
    account_id uuid not null references accounts,
    copied     boolean not null,
    trader_id  uuid not null,
    weekday    smallint not null check (weekday between 0 and 6), -- 0 is Sunday
    slot       smallint not null check (slot between 0 and 47),   -- half hour of the day, New York
    trades     integer not null,
    wins       integer not null,
    pnl        numeric(28, 8) not null,
    primary key (user_id, month, account_id, copied, trader_id, weekday, slot)
);

create table rollup_progress (
    user_id      uuid primary key references users,
    covers_until date not null          -- the first day that is not in the user's rollups
);
-- Only added to and taken from, so that no two transactions ever wait for each other here.
create table rollup_marks (
    id      bigint generated always as identity primary key,
    user_id uuid not null,
    month   date not null
);
create index rollup_marks_user on rollup_marks (user_id, month);
-- Up to which day the job has looked at everybody.
create table rollup_sweeps (
    one         boolean primary key default true check (one),
    swept_until date not null
);

-- A result that changes after its day: late fees, fills that are told late, adjustments, a
-- position that opens again. One that closes now only pays for the question. What is younger
-- than an hour is in no rollup: the job adds up a day when it has been over for six.
-- +goose StatementBegin
create function mark_rollups() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
    if tg_op <> 'INSERT' then
        if old.outcome is not null and old.closed_at is not null then
            insert into rollup_marks (user_id, month) values (old.user_id, date_trunc('month', old.closed_at at time zone 'America/New_York'));
        end if;
    end if;
    if tg_op <> 'DELETE' then
        -- A position that ends has an outcome a moment before its close, in one transaction.
        if new.outcome is not null and new.closed_at is not null and (tg_op = 'INSERT' or old.outcome is null
            or date_trunc('month', old.closed_at at time zone 'America/New_York') is distinct from date_trunc('month', new.closed_at at time zone 'America/New_York')) then
            insert into rollup_marks (user_id, month) values (new.user_id, date_trunc('month', new.closed_at at time zone 'America/New_York'));
        end if;
    end if;
    return null;
end $$;
-- +goose StatementEnd
create trigger rollups after update on positions for each row
    when ((old.outcome is not null and old.closed_at < now() - interval '1 hour' or new.outcome is not null and new.closed_at < now() - interval '1 hour')
        and (old.outcome, old.closed_at, old.realized, old.fees, old.cost_bought, old.bought, old.opened_at, old.underlying, old.option_type, old.account_id, old.source, old.copied_from)
            is distinct from (new.outcome, new.closed_at, new.realized, new.fees, new.cost_bought, new.bought, new.opened_at, new.underlying, new.option_type, new.account_id, new.source, new.copied_from))
    execute function mark_rollups();
create trigger rollups_added after insert on positions for each row
    when (new.outcome is not null and new.closed_at < now() - interval '1 hour') execute function mark_rollups();
create trigger rollups_removed after delete on positions for each row
    when (old.outcome is not null) execute function mark_rollups();

-- Everything a rollup holds, so that what is not rolled up is read from the index alone. It
-- takes the place of the directory's, which held less of the same.
create index positions_results on positions (user_id, closed_at)
    include (realized, outcome, account_id, source, copied_from, underlying, option_type, bought, cost_bought, fees, opened_at)
    where outcome is not null;
drop index positions_finished;
-- What the list of finished positions is sorted by, besides what 87 has.
create index positions_closed_opened on positions (user_id, (coalesce(opened_at, created_at)), id) where status in ('closed', 'expired', 'exercised');
create index positions_closed_percent on positions (user_id, (coalesce(realized / nullif(cost_bought, 0), 0)), id) where status in ('closed', 'expired', 'exercised');
create index positions_closed_held on positions (user_id, (coalesce(closed_at, created_at) - coalesce(opened_at, created_at)), id) where status in ('closed', 'expired', 'exercised');

-- People read their own; the job writes, with the program's rights.
-- +goose StatementBegin
do $$
declare name text;
begin
    foreach name in array array['rollup_days', 'rollup_symbols', 'rollup_slots', 'rollup_progress', 'rollup_marks'] loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own on %I for select to alertsify_member using (user_id = app_user())', name);
        execute format('grant select on %I to alertsify_member', name);
    end loop;
end $$;
-- +goose StatementEnd

-- +goose Down
drop index positions_closed_held, positions_closed_percent, positions_closed_opened;
create index positions_finished on positions (user_id, closed_at) include (realized, outcome, account_id)
    where outcome is not null and source <> 'copy';
drop index positions_results;
drop trigger rollups on positions;
drop trigger rollups_added on positions;
drop trigger rollups_removed on positions;
drop function mark_rollups();
drop table rollup_sweeps, rollup_marks, rollup_progress, rollup_slots, rollup_symbols, rollup_days;
