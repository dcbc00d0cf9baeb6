-- +goose Up
-- Who runs at the moment: each process says every few seconds that it still does, with
-- the number of its order engine's protocol. Some rows at most, so that none needs an index.
create table instances (
    id         uuid primary key,
    version    text not null check (length(version) between 1 and 100),
    protocol   integer not null check (protocol > 0),
    started_at timestamptz not null default clock_timestamp(),
    seen_at    timestamptz not null default clock_timestamp()
);

-- +goose Down
drop table instances;
