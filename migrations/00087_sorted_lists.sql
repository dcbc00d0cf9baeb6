-- +goose Up
-- What long lists are sorted by: finished positions, and orders of the past.
create index positions_closed_contract on positions (user_id, symbol collate "C", id) where status in ('closed', 'expired', 'exercised');
create index positions_closed_at on positions (user_id, (coalesce(closed_at, created_at)), id) where status in ('closed', 'expired', 'exercised');
create index positions_closed_profit on positions (user_id, realized, id) where status in ('closed', 'expired', 'exercised');
create index orders_contract on orders (user_id, symbol collate "C", id);

-- +goose Down
drop index orders_contract, positions_closed_profit, positions_closed_at, positions_closed_contract;
