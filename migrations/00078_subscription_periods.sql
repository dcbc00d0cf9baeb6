-- +goose Up
-- When a subscription was active before it was paused or ended: who was active at the
-- instant of a trader's fill has a decision about it, also when they leave before the
-- deciding. One row for each time of leaving.
create table subscription_periods (
    subscription_id uuid not null references subscriptions,
    trader_id       uuid not null references users,
    began_at        timestamptz not null,
    ended_at        timestamptz not null,
    primary key (subscription_id, ended_at),
    check (began_at <= ended_at)
);
create index subscription_periods_ended on subscription_periods (trader_id, ended_at);

-- +goose Down
drop table subscription_periods;
