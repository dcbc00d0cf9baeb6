-- +goose Up
-- What the broker last said a held contract is worth, in dollars a share: shown where
-- no market data says more.
create table broker_prices (
    position_id uuid primary key references positions on delete cascade,
    user_id     uuid not null references users,
    price       numeric(12, 4) not null check (price >= 0),
    at          timestamptz not null -- the time of the reading, as the broker's side gives it
);

-- +goose Down
drop table broker_prices;
