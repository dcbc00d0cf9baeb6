-- +goose Up
-- Whose public alerts somebody wants in their timeline. Nothing is copied by it.
create table follows (
    follower_id uuid not null references users,
    trader_id   uuid not null references users,
    created_at  timestamptz not null default now(),
    primary key (follower_id, trader_id),
    check (follower_id <> trader_id)
);

-- +goose Down
drop table follows;
