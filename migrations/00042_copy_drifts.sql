-- +goose Up
-- Where a follower and a trader have come apart in a contract, once for each holding and each of the
-- trader's positions: what the follower was told of, and what they answered. Nothing is sold by itself.
create table copy_drifts (
    id                 uuid primary key default gen_random_uuid(),
    subscription_id    uuid not null references subscriptions,
    user_id            uuid not null references users, -- the follower
    trader_id          uuid not null references users,
    kind               text not null check (kind in ('trader_left', 'never_came')),
    symbol             text not null check (length(symbol) = 21),
    leader_position_id uuid not null references positions, -- the trader's, flat or open
    position_id        uuid references positions,          -- the follower's, where copies are held
    state              text not null default 'open' check (state in ('open', 'closing', 'kept', 'ignored', 'resolved')),
    order_id           uuid references orders,             -- closing: the sell of the copies
    seen_at            timestamptz not null default now(),
    answered_at        timestamptz,
    updated_at         timestamptz not null default now(),
    constraint copy_drifts_once unique (subscription_id, leader_position_id, kind),
    check ((kind = 'trader_left') = (position_id is not null)),
    check ((state = 'closing') = (order_id is not null))
);
create index copy_drifts_open on copy_drifts (user_id, seen_at desc, id desc) where state in ('open', 'closing');
create index copy_drifts_kept on copy_drifts (subscription_id, position_id) where state = 'kept';
-- Entries that came to nothing after an order of theirs was written.
create index copy_decisions_fruitless on copy_decisions (decided_at)
    where side = 'BTO' and order_id is not null and result in ('failed', 'skipped');

-- +goose Down
drop index copy_decisions_fruitless;
drop table copy_drifts;
