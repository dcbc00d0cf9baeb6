-- +goose Up
-- Fees stand in the account's history, a day after the fill they belong to. Each rise of
-- what is known of a fill's fees is a row here: the fill itself stays as it was booked.
create table late_fees (
    id           bigint generated always as identity primary key,
    order_id     uuid not null,
    cum          integer not null,
    user_id      uuid not null references users,
    position_id  uuid not null references positions,
    amount       numeric(24, 8) not null check (amount > 0),       -- dollars
    cost_removed numeric(24, 8) not null check (cost_removed >= 0), -- buys: the part of it whose contracts had left
    realized     numeric(24, 8) not null check (realized <= 0),     -- buys: less that part; sells: less all of it
    booked_at    timestamptz not null default now(),
    foreign key (order_id, cum) references fills
);
create index late_fees_fill on late_fees (order_id, cum);
create index late_fees_position on late_fees (position_id);
alter table account_looks
    add column traded_at timestamptz, -- when a fill was booked last
    add column fees_for date;         -- the trading day on which its history was read for fees
create index account_looks_traded on account_looks (traded_at) where traded_at is not null;

-- +goose Down
drop index account_looks_traded;
alter table account_looks drop column fees_for, drop column traded_at;
drop table late_fees;
