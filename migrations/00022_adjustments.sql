-- +goose Up
-- What happens to contracts outside of orders, and how a position ended.

alter table positions
    add column missing  integer not null default 0, -- held here, not at the broker, and not booked yet: nobody may sell them
    add column unpriced integer not null default 0, -- came or left for a price that nobody told us: the result is not the whole
    add constraint positions_missing_held check (0 <= missing and missing <= bought - sold and 0 <= unpriced),
    -- Every count of finished positions reads this: one place says what a win is (INV-17).
    add column outcome text generated always as (
        case when status in ('closed', 'expired', 'exercised') and unpriced = 0 then
            case when realized > 0 then 'win' when realized < 0 then 'loss' else 'breakeven' end
        end) stored;
create index positions_expiring on positions (expiration) where status in ('open', 'expiry_pending');

-- Contracts that came or left without an order of theirs. Quantities are never
-- changed but by a fill or one of these (INV-14).
create table position_adjustments (
    id          uuid primary key default gen_random_uuid(),
    position_id uuid not null references positions,
    user_id     uuid not null references users,
    kind        text not null check (kind in ('external', 'rename_out', 'rename_in', 'expired', 'exercised')),
    symbol      text not null check (length(symbol) = 21), -- the contract that came or left
    quantity    integer not null check (quantity <> 0),    -- contracts; negative: they left
    cost        numeric(24, 8) not null,                   -- dollars of cost that came or, negative, left with them
    proceeds    numeric(24, 8),                            -- dollars received; null when not known, or when nothing was sold
    realized    numeric(24, 8),                            -- proceeds less the cost that left; null likewise
    evidence    jsonb not null default '{}',
    as_of       timestamptz not null,                      -- when the broker's word that it rests on was true
    learnt_at   timestamptz not null default now(),
    check (cost = 0 or (cost > 0) = (quantity > 0)),
    check ((proceeds is null) = (realized is null))
);
create index position_adjustments_position on position_adjustments (position_id, learnt_at);

-- Contracts of which the broker and we count differently. The broker's holdings
-- lag: a difference counts when it stayed the same for a while.
create table position_differences (
    account_id uuid not null references accounts,
    symbol     text not null,
    user_id    uuid not null references users,
    ours       integer not null,
    theirs     integer not null,
    since      timestamptz not null, -- as of the first reading that said so
    as_of      timestamptz not null, -- as of the latest
    primary key (account_id, symbol)
);

-- When an account's holdings are read next, after its orders were listed.
alter table account_looks
    add column next_holdings_at timestamptz,
    add column holdings_at      timestamptz; -- when they were read last
create index account_looks_holdings on account_looks (holdings_at nulls first);

-- +goose Down
alter table account_looks drop column next_holdings_at, drop column holdings_at;
drop table position_differences, position_adjustments;
alter table positions drop column outcome;
alter table positions drop column missing, drop column unpriced;
