-- +goose Up
-- What of a trader's trades a follower wants at all, and how much of it at once.
-- An empty list of allowed underlyings allows every one; null switches a bound off.
alter table subscriptions
    add column allowed_underlyings text[] not null default '{}' check (cardinality(allowed_underlyings) <= 100),
    add column denied_underlyings text[] not null default '{}' check (cardinality(denied_underlyings) <= 100),
    add column option_types text[] not null default '{call,put}' check (cardinality(option_types) > 0 and option_types <@ '{call,put}'),
    add column min_days_to_expiration integer check (min_days_to_expiration between 0 and 1500),
    add column max_days_to_expiration integer check (max_days_to_expiration between 0 and 1500),
    add column max_premium_per_trade numeric(14, 2) check (max_premium_per_trade > 0), -- dollars
    add column max_open_positions integer check (max_open_positions between 1 and 1000),
    add column max_exposure numeric(14, 2) check (max_exposure > 0); -- dollars of copies from this trader, held and on their way
-- What copies of a subscription may still buy, for its bounds.
create index orders_copies_live on orders (subscription_id)
    where side = 'BTO' and subscription_id is not null and state in ('queued', 'submitting', 'unknown', 'accepted', 'partial');
-- What is held of copies now; the holdings of years stay in the table.
create index copy_holdings_open on copy_holdings (subscription_id) where bought > sold;

-- +goose Down
drop index copy_holdings_open, orders_copies_live;
alter table subscriptions drop column allowed_underlyings, drop column denied_underlyings, drop column option_types,
    drop column min_days_to_expiration, drop column max_days_to_expiration, drop column max_premium_per_trade,
    drop column max_open_positions, drop column max_exposure;
