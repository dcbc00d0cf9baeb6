-- +goose Up
-- The numbers that were compared, where an order was refused after it was written, where
-- a bound was reached, and where a follower and a trader were seen apart. And the New York
-- day on which a follower wants to hear nothing more of a trader's buys.
alter table orders add column reason_numbers jsonb; -- of a refusal before it was sent
alter table copy_triggers add column numbers jsonb not null default '{}';
alter table copy_drifts add column numbers jsonb not null default '{}';
alter table subscriptions add column muted_on date;

-- +goose Down
alter table subscriptions drop column muted_on;
alter table copy_drifts drop column numbers;
alter table copy_triggers drop column numbers;
alter table orders drop column reason_numbers;
