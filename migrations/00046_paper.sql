-- +goose Up
-- Copying on paper: the same decisions with live quotes, and nothing is traded. A
-- subscription is on paper or real for as long as it lives; a follower may hold one
-- of each to a trader.
drop index subscriptions_one;
create unique index subscriptions_one on subscriptions (follower_id, trader_id, paper) where status <> 'cancelled';
alter table subscriptions add constraint subscriptions_paper unique (id, paper);

-- A decision is on paper where its subscription is. Code that does not know paper
-- yet cannot decide about such a subscription, rather than trade for it.
alter table copy_decisions add column paper boolean not null default false;
alter table copy_decisions add constraint copy_decisions_subscription foreign key (subscription_id, paper) references subscriptions (id, paper);
alter table copy_decisions drop constraint copy_decisions_subscription_id_fkey;

-- Nor can anything place an order for one.
-- +goose StatementBegin
create function orders_never_paper() returns trigger language plpgsql as $$
begin
    if exists (select 1 from subscriptions where id = new.subscription_id and paper) then
        raise exception 'subscription % is on paper and places no orders', new.subscription_id using errcode = 'check_violation';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger orders_never_paper before insert on orders for each row when (new.subscription_id is not null) execute function orders_never_paper();

-- What a subscription holds on paper of a contract, by average cost.
create table paper_holdings (
    subscription_id uuid not null references subscriptions,
    symbol          text not null check (length(symbol) = 21),
    user_id         uuid not null references users, -- the follower
    underlying      text not null,
    multiplier      integer not null check (multiplier > 0),
    expiration      date not null,
    bought          integer not null default 0,
    sold            integer not null default 0,          -- settled ones too
    cost_bought     numeric(24, 8) not null default 0,   -- dollars paid for all contracts
    remaining_cost  numeric(24, 8) not null default 0,   -- the part of it still open
    proceeds        numeric(24, 8) not null default 0,
    realized        numeric(24, 8) not null default 0,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    primary key (subscription_id, symbol),
    constraint paper_holdings_never_oversold check (0 <= sold and sold <= bought),
    check (remaining_cost >= 0 and (bought > sold or remaining_cost = 0))
);
create index paper_holdings_open on paper_holdings (user_id, symbol) where bought > sold;
create index paper_holdings_expiring on paper_holdings (expiration) where bought > sold;

-- What was bought and sold on paper, at whose price; a settlement is no decision's.
create table paper_fills (
    id              bigint generated always as identity primary key,
    subscription_id uuid not null,
    symbol          text not null,
    user_id         uuid not null references users,
    decision_id     uuid references copy_decisions,
    kind            text not null check (kind in ('buy', 'sell', 'settle')),
    quantity        integer not null check (quantity between 1 and 1000000),
    price           numeric(14, 4) not null check (price > 0 or kind = 'settle' and price = 0), -- per share
    realized        numeric(24, 8) not null default 0,  -- sells and settlements: dollars
    copy_target     integer,                            -- sells: what its decision has sold after it, at least
    trading_day     date not null,
    filled_at       timestamptz not null default now(),
    foreign key (subscription_id, symbol) references paper_holdings,
    check ((kind = 'settle') = (decision_id is null)),
    check ((kind = 'sell') = (copy_target is not null))
);
create unique index paper_fills_entry on paper_fills (decision_id) where kind = 'buy';
create unique index paper_fills_exit on paper_fills (decision_id, copy_target) where kind = 'sell';
create index paper_fills_holding on paper_fills (subscription_id, symbol, id);
create index paper_fills_day on paper_fills (user_id, trading_day) where kind <> 'buy';

-- +goose Down
drop table paper_fills, paper_holdings;
drop trigger orders_never_paper on orders;
drop function orders_never_paper();
delete from copy_decisions where paper;
delete from subscriptions where paper;
alter table copy_decisions add constraint copy_decisions_subscription_id_fkey foreign key (subscription_id) references subscriptions;
alter table copy_decisions drop constraint copy_decisions_subscription, drop column paper;
alter table subscriptions drop constraint subscriptions_paper;
drop index subscriptions_one;
create unique index subscriptions_one on subscriptions (follower_id, trader_id) where status <> 'cancelled';
