-- +goose Up
-- An account's history is cached by the provider for a day: it is asked of what
-- expired once or twice a day, however often settling is tried.
alter table account_looks
    add column history_for date,        -- the trading day, by the market's clock, that it was asked on
    add column history_at  timestamptz; -- when it may be asked again on that day

-- +goose Down
alter table account_looks drop column history_for, drop column history_at;
