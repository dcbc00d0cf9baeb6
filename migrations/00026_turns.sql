-- +goose Up
-- Whose turn it is on an account.
create index orders_queued_account on orders (account_id) where state = 'queued';

-- +goose Down
drop index orders_queued_account;
