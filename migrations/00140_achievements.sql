-- +goose Up
-- What traders have reached by what they published. Each is awarded once, and stays.
create table achievements (
    trader_id  uuid not null references users,
    kind       text not null check (kind in ('first_trade', 'first_win', 'streak_5', 'streak_10', 'trades_100', 'top_10')),
    earned_at  timestamptz not null, -- when the trade ended that made it, or the board was made
    awarded_at timestamptz not null,
    primary key (trader_id, kind)
);
alter table achievements enable row level security;
create policy known on achievements for select to alertsify_member using (true);
grant select on achievements to alertsify_member;

-- +goose Down
drop table achievements;
