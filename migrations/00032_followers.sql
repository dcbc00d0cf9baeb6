-- +goose Up
-- A trader's followers, newest first, and how much was copied for each.
create index subscriptions_followers on subscriptions (trader_id, created_at desc, id desc) where status <> 'cancelled';
create index copy_decisions_executed on copy_decisions (subscription_id) where result = 'executed';

-- +goose Down
drop index copy_decisions_executed, subscriptions_followers;
