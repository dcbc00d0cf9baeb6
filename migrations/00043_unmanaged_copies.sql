-- +goose Up
-- Why nothing that the trader does reaches a follower's copies any more; null while it does.
alter table subscriptions
    add column unmanaged text check (unmanaged in ('trader_gone', 'not_a_trader', 'trader_halted', 'trader_unlinked', 'cancelled')),
    add column unmanaged_since timestamptz,
    add check ((unmanaged is null) = (unmanaged_since is null));

-- +goose Down
alter table subscriptions drop column unmanaged, drop column unmanaged_since;
