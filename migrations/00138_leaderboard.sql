-- +goose Up
-- What each published trade came to, as its trader's track record told it last: one row for a
-- trade that has ended, written with the record. Boards, the directory and profiles count
-- these and nothing else, so that a trader has one win rate wherever somebody looks.
create table published_results (
    position_id uuid primary key references positions,
    trader_id   uuid not null references users,
    paper       boolean not null,        -- play money, which counts in development only
    result      text check (result in ('win', 'loss', 'breakeven')), -- null: nobody knows
    realized    numeric(24, 8) not null,
    cost        numeric(24, 8) not null, -- of the published contracts, fees included where they are known of them alone
    finished_at timestamptz not null
);
-- Holds all that is asked of it, so that a trader's results are read from the index alone.
create index published_results_trader on published_results (trader_id, finished_at) include (result, realized, cost, paper)
    where result is not null;

-- A record that was begun before there was this table. Only what was wholly published has
-- its cost there; of the rest it is what the published fills paid.
insert into published_results (position_id, trader_id, paper, result, realized, cost, finished_at)
select r.position_id, r.trader_id, a.paper, nullif(r.result, 'unknown'), r.realized,
    case when own.bought = p.bought then p.cost_bought else own.paid * p.multiplier end, coalesce(p.closed_at, r.updated_at)
from record_trades r join positions p on p.id = r.position_id join accounts a on a.id = p.account_id
cross join lateral (
    select coalesce(sum(f.quantity), 0) as bought, coalesce(sum(f.notional), 0) as paid
    from fills f join orders o on o.id = f.order_id join alerts l on l.order_id = f.order_id
    where f.position_id = p.id and f.side = 'BTO' and l.public and o.source in ('manual', 'detected')) own
where r.result is not null;

-- The boards, made anew each hour beside those that people read, who see the new ones once
-- all of them are there. The last few stay for whoever is on a page behind the first.
create table leaderboard_refreshes (
    id    bigint generated always as identity primary key,
    hour  timestamptz not null unique,   -- whose boards these are; there is one refresh for each
    as_of timestamptz not null
);

-- How a trader stands in one period, with a place on each board they are on.
create table leaderboard_rows (
    refresh_id     bigint not null references leaderboard_refreshes,
    period         text not null check (period in ('daily', 'weekly', 'monthly', 'all')),
    trader_id      uuid not null references users,
    finished       integer not null,
    wins           integer not null,
    losses         integer not null,
    pnl            numeric(28, 8) not null,
    cost           numeric(28, 8) not null,
    drawdown       numeric(28, 8) not null check (drawdown >= 0), -- how far the sum of the period's days fell below its highest point
    followers      integer not null,
    rank_pnl       integer,              -- null: not on that board
    rank_roi       integer,
    rank_win_rate  integer,
    rank_followers integer,
    primary key (refresh_id, period, trader_id)
);
create index leaderboard_rows_pnl on leaderboard_rows (refresh_id, period, rank_pnl, trader_id) where rank_pnl is not null;
create index leaderboard_rows_roi on leaderboard_rows (refresh_id, period, rank_roi, trader_id) where rank_roi is not null;
create index leaderboard_rows_win_rate on leaderboard_rows (refresh_id, period, rank_win_rate, trader_id) where rank_win_rate is not null;
create index leaderboard_rows_followers on leaderboard_rows (refresh_id, period, rank_followers, trader_id) where rank_followers is not null;

-- A trader's own fills write their results, as they write the record; what is published is
-- for everybody to read. Boards are made by the program alone.
alter table published_results enable row level security;
alter table leaderboard_refreshes enable row level security;
alter table leaderboard_rows enable row level security;
create policy known on published_results for select to alertsify_member using (true);
create policy own on published_results to alertsify_member using (trader_id = app_user()) with check (trader_id = app_user());
create policy known on leaderboard_refreshes for select to alertsify_member using (true);
create policy known on leaderboard_rows for select to alertsify_member using (true);
grant select, insert, update on published_results to alertsify_member;
grant select on leaderboard_refreshes, leaderboard_rows to alertsify_member;

-- +goose Down
drop table leaderboard_rows, leaderboard_refreshes, published_results;
