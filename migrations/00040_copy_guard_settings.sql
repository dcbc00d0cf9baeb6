-- +goose Up
-- What ends copying for a day, and what sells copies by itself. Null switches each off.
alter table subscriptions
    add column daily_loss_stop numeric(14, 2) check (daily_loss_stop > 0), -- dollars of a New York day
    add column stop_loss_percent numeric(6, 2) check (stop_loss_percent > 0 and stop_loss_percent < 100), -- below what the copies cost
    add column take_profit_percent numeric(8, 2) check (take_profit_percent > 0 and take_profit_percent <= 10000), -- above it
    add column close_on_expiry_at text check (close_on_expiry_at ~ '^[0-2][0-9]:[0-5][0-9]$'); -- New York, on a contract's last day
create index subscriptions_loss_stop on subscriptions (trader_id) where daily_loss_stop is not null and status = 'active';

-- What a day's sells of contracts copied from one trader made, in dollars.
create table copy_day_results (
    subscription_id uuid not null references subscriptions,
    trading_day     date not null,
    user_id         uuid not null references users,
    realized        numeric(24, 8) not null default 0,
    primary key (subscription_id, trading_day)
);

-- +goose Down
drop table copy_day_results;
drop index subscriptions_loss_stop;
alter table subscriptions drop column daily_loss_stop, drop column stop_loss_percent, drop column take_profit_percent, drop column close_on_expiry_at;
