-- +goose Up
-- How copying a trader went for those who did: of the decisions of the last 90 days, the same
-- in every period. Columns are null where too few copies say too little, or too much of one follower.
alter table leaderboard_rows
    add column decided         integer not null default 0, -- about buys, for real, and over
    add column skipped         integer not null default 0,
    add column slippage        numeric(20, 8),             -- the median, as a part of the trader's price, against the follower
    add column copies          integer not null default 0, -- that have ended
    add column copy_cost       numeric(28, 8),             -- of those copies, at what they filled
    add column copy_result     numeric(28, 8),             -- what they made, in dollars
    add column copy_base       numeric(28, 8),             -- what the same money would have made at the trader's own return
    add column rank_efficiency integer;
create index leaderboard_rows_efficiency on leaderboard_rows (refresh_id, period, rank_efficiency, trader_id) where rank_efficiency is not null;

-- Decisions of late: they are written in the order of time, so that a few blocks' bounds find
-- them, and one more costs next to nothing.
create index copy_decisions_lately on copy_decisions using brin (decided_at) with (pages_per_range = 16);

-- +goose Down
drop index copy_decisions_lately;
alter table leaderboard_rows drop column decided, drop column skipped, drop column slippage, drop column copies, drop column copy_cost,
    drop column copy_result, drop column copy_base, drop column rank_efficiency;
