-- +goose Up
-- What became of expired contracts is asked account by account, once per cluster.
alter table account_looks
    add column settled_for date,        -- the trading day, by the market's clock, that it was asked on
    add column settle_at   timestamptz; -- when it is asked again on that day

-- +goose Down
alter table account_looks drop column settled_for, drop column settle_at;
