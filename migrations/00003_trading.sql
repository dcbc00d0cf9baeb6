-- +goose Up
-- Positions, orders, fills: what the three promises rest on.

create table positions (
    id             uuid primary key default gen_random_uuid(),
    user_id        uuid not null references users,
    account_id     uuid not null references accounts,
    symbol         text not null check (length(symbol) = 21),
    underlying     text not null,
    option_type    text not null check (option_type in ('call', 'put')),
    strike         numeric(12, 3) not null check (strike > 0),
    expiration     date not null,
    multiplier     integer not null check (multiplier > 0),
    status         text not null default 'open' check (status in ('open', 'closed', 'void', 'expired', 'exercised', 'expiry_pending')),
    bought         integer not null default 0,
    sold           integer not null default 0,
    sell_reserved  integer not null default 0,
    cost_bought    numeric(24, 8) not null default 0, -- dollars paid for all contracts bought, fees included
    remaining_cost numeric(24, 8) not null default 0, -- the part of it still open
    proceeds       numeric(24, 8) not null default 0, -- dollars received for all contracts sold, before fees
    realized       numeric(24, 8) not null default 0, -- proceeds - cost removed - sell fees
    fees           numeric(24, 8) not null default 0, -- all fees the broker reported
    source         text not null check (source in ('manual', 'copy', 'detected')),
    copied_from    uuid references users,
    review_reason  text,
    notes          text not null default '',
    tags           text[] not null default '{}',
    opened_at      timestamptz, -- first fill
    closed_at      timestamptz,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    -- INV-12: nobody sells what they do not hold, counting what might still sell.
    constraint positions_never_oversold check (0 <= sell_reserved and 0 <= sold and sold + sell_reserved <= bought)
);
create unique index positions_one_open on positions (account_id, symbol) where status = 'open';
create index positions_user on positions (user_id, status, created_at desc, id desc);
create index positions_account on positions (account_id);

create table orders (
    id                  uuid primary key default gen_random_uuid(),
    user_id             uuid not null references users,
    account_id          uuid not null references accounts,
    position_id         uuid not null references positions,
    side                text not null check (side in ('BTO', 'STC')),
    symbol              text not null check (length(symbol) = 21),
    underlying          text not null,
    multiplier          integer not null check (multiplier > 0),
    quantity            integer not null check (quantity between 1 and 10000),
    order_type          text not null check (order_type in ('Market', 'Limit', 'Stop', 'StopLimit')),
    limit_price         numeric(14, 4) check (limit_price > 0),
    stop_price          numeric(14, 4) check (stop_price > 0),
    time_in_force       text not null check (time_in_force in ('Day', 'GTC')),
    source              text not null check (source in ('manual', 'copy', 'detected')),
    state               text not null check (state in ('queued', 'submitting', 'unknown', 'accepted', 'partial', 'filled',
                                                       'cancelled', 'expired', 'rejected', 'aborted', 'not_placed')),
    cum                 integer not null default 0,           -- contracts filled
    cum_notional        numeric(24, 8) not null default 0,    -- average fill price × cum, per share
    fees                numeric(24, 8) not null default 0,
    estimated_cost      numeric(20, 4) not null default 0,    -- dollars an entry may take, for buying power and day limits
    reason              text,
    reason_code         text,                                 -- of a refusal before it was sent
    review_reason       text,
    broker_order_id     text,                                 -- the newest; all of them are in order_broker_ids
    send_before         timestamptz not null,
    claim_token         uuid,
    sent_at             timestamptz,
    deadline            timestamptz,
    attempts            integer not null default 0 check (attempts <= 5), -- T6: sent back to the queue at most five times
    not_before          timestamptz,                          -- T6: when the queue may try again
    unknown_since       timestamptz,
    complete_looks      integer not null default 0,           -- complete lists since the deadline, for giving up
    cancel_requested_at timestamptz,
    cancel_sent_at      timestamptz,
    subscription_id     uuid,                                 -- copies only
    decision_id         uuid,
    copy_target         integer,                              -- cumulative contracts an exit brings its copy to
    trading_day         date not null,                        -- New York, by the market's clock, at creation
    event_seq           integer not null default 0,
    executed_at         timestamptz,                          -- first fill, by the broker's clock
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    finished_at         timestamptz,
    constraint orders_cum_within_quantity check (0 <= cum and cum <= quantity),
    constraint orders_copy_has_decision check ((source = 'copy') = (decision_id is not null))
);
create index orders_user on orders (user_id, created_at desc, id desc);
create index orders_position on orders (position_id);
create index orders_queued on orders (created_at) where state = 'queued';
create index orders_watched on orders (account_id) where state in ('submitting', 'unknown', 'accepted', 'partial', 'not_placed');
create index orders_account_day on orders (account_id, created_at desc);
-- INV-7: at most one unresolved order for each account, contract and side, so that a
-- match in the broker's list can never belong to two intents; one on the wire per account.
create unique index orders_one_unresolved on orders (account_id, symbol, side) where state in ('submitting', 'unknown');
create unique index orders_one_on_the_wire on orders (account_id) where state = 'submitting';
-- INV-19: one entry for each copy decision, one exit for each target.
create unique index orders_one_entry_per_decision on orders (decision_id) where side = 'BTO' and decision_id is not null;
-- An exit that was never sent leaves its target to the next try.
create unique index orders_one_exit_per_target on orders (decision_id, copy_target) where side = 'STC' and decision_id is not null and state <> 'aborted';

-- Every id the broker has used for an order; INV-2: one order for each of them.
create table order_broker_ids (
    account_id      uuid not null references accounts,
    broker_order_id text not null,
    order_id        uuid not null references orders,
    user_id         uuid not null references users,
    linked_at       timestamptz not null default now(),
    primary key (account_id, broker_order_id)
);
create index order_broker_ids_order on order_broker_ids (order_id);

create table order_events (
    order_id   uuid not null references orders,
    user_id    uuid not null references users,
    seq        integer not null,
    at         timestamptz not null default now(),
    actor      text not null, -- user, placer, reconciler, sweeper, copier
    from_state text,
    to_state   text not null,
    cum        integer not null,
    average    numeric(24, 8),
    evidence   jsonb not null default '{}',
    primary key (order_id, seq)
);

create table fills (
    order_id     uuid not null references orders,
    cum          integer not null check (cum > 0),
    user_id      uuid not null references users,
    position_id  uuid not null references positions,
    side         text not null check (side in ('BTO', 'STC')),
    quantity     integer not null check (quantity > 0),
    notional     numeric(24, 8) not null check (notional >= 0), -- price per share × quantity of this increment
    fees         numeric(24, 8) not null default 0,
    cost_removed numeric(24, 8) not null default 0,             -- sells: dollars of cost that left the position
    realized     numeric(24, 8) not null default 0,             -- sells: notional × multiplier - cost removed - fees
    executed_at  timestamptz,                                   -- by the broker's clock, where it says
    learnt_at    timestamptz not null default now(),
    primary key (order_id, cum)
);
create index fills_position on fills (position_id, learnt_at);
create index fills_user on fills (user_id, learnt_at desc);

-- The transitions of the order's life; every other is refused by the database.
-- +goose StatementBegin
create function orders_guard() returns trigger language plpgsql as $$
begin
    if new.cum < old.cum then
        raise exception 'order %: cum may not fall from % to %', old.id, old.cum, new.cum using errcode = 'check_violation';
    end if;
    if new.state = old.state then
        return new;
    end if;
    if not (case old.state
        when 'queued' then new.state in ('submitting', 'aborted')
        when 'submitting' then new.state in ('queued', 'unknown', 'accepted', 'partial', 'filled', 'cancelled', 'expired', 'rejected')
        when 'unknown' then new.state in ('accepted', 'partial', 'filled', 'cancelled', 'expired', 'rejected', 'not_placed')
        when 'accepted' then new.state in ('partial', 'filled', 'cancelled', 'expired', 'rejected')
        when 'partial' then new.state in ('filled', 'cancelled', 'expired')
        when 'not_placed' then new.state in ('accepted', 'partial', 'filled', 'cancelled', 'expired')
        when 'rejected' then new.state in ('accepted', 'partial', 'filled', 'cancelled', 'expired')
        else false
    end) then
        raise exception 'order %: no transition from % to %', old.id, old.state, new.state using errcode = 'check_violation';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger orders_guard before update on orders for each row execute function orders_guard();

-- When an account's orders are listed next: one list serves all orders of the
-- account, and two are never closer than 15 s. Also the pace of claims, 1 s apart.
create table account_looks (
    account_id     uuid primary key references accounts,
    user_id        uuid not null references users,
    next_look_at   timestamptz,
    listed_at      timestamptz,
    claimed_until  timestamptz, -- a process is listing; past it, it died
    last_claim_at  timestamptz  -- when an order of the account was claimed last
);
create index account_looks_due on account_looks (next_look_at) where next_look_at is not null;

-- The last minute of a user's requests, newest last: a strict rolling limit (R10)
-- in one conditional update.
create table order_pace (
    user_id uuid not null references users,
    kind    text not null check (kind in ('entry', 'exit')),
    times   timestamptz[] not null default '{}',
    primary key (user_id, kind)
);

-- Limits are counters changed by conditional updates, never counted from rows.
create table day_counters (
    user_id     uuid not null references users,
    trading_day date not null,
    kind        text not null, -- premium, copy_premium, copies
    used        numeric(24, 4) not null default 0 check (used >= 0),
    primary key (user_id, trading_day, kind)
);

-- What must not trade now: scope platform, broker, underlying, leader, user or account, key names which.
-- Self is a user's own halt, which they may take away again; user is an operator's on them.
create table trading_switches (
    scope  text not null check (scope in ('platform', 'broker', 'underlying', 'leader', 'user', 'account', 'self')),
    key    text not null default '',
    stops  text not null check (stops in ('all', 'entries', 'copies')),
    reason text not null default '',
    set_by uuid references users,
    set_at timestamptz not null default now(),
    primary key (scope, key, stops)
);

create table watchlist (
    user_id     uuid not null references users,
    place       integer not null,
    underlying  text not null,
    option_type text not null check (option_type in ('call', 'put')),
    expiration  date,
    near        integer not null default 5,
    primary key (user_id, place)
);

-- +goose Down
drop table watchlist, trading_switches, day_counters, order_pace, account_looks, fills, order_events, order_broker_ids, orders, positions;
drop function orders_guard();
