-- What Whop says about who has bought what. Whop decides; these rows are what it said
-- last, and every one is read again when an event hints at a change, and each night.

-- +goose Up

-- Numbers reads from Whop in the order in which they began: what was asked for later
-- is newer, on whichever process and by whichever clock.
create sequence whop_reads;

create table memberships (
    id                   text primary key check (id <> ''), -- mem_…
    user_id              uuid references users,             -- null: bought, and nobody of ours is known for it
    whop_user            text not null default '',          -- user_…
    product              text not null default '',          -- prod_…; which plan that is stands in the settings
    status               text not null,                     -- Whop's word
    access               boolean not null,                  -- what the word means, or what Whop answered for it
    access_until         timestamptz,                       -- null: until Whop says otherwise
    cancel_at_period_end boolean not null default false,
    period_start         timestamptz,
    period_end           timestamptz,                       -- null: paid once, for good
    manage_url           text not null default '',
    bought_at            timestamptz,
    ended_at             timestamptz,                       -- when access was first found gone; null while there is some
    read                 bigint not null,                   -- of whop_reads: an older answer changes nothing
    check (not access or ended_at is null)
);
create index memberships_user on memberships (user_id) include (product, access, access_until); -- the plan of a request
create index memberships_newest on memberships (bought_at desc nulls last, id);
create index memberships_unread on memberships (read) where access;
create index memberships_ended on memberships (ended_at) where ended_at is not null;

create table payments (
    id              text primary key check (id <> ''), -- pay_…
    membership_id   text not null default '',          -- empty: a first purchase that was declined
    whop_user       text not null default '',
    product         text not null default '',
    status          text not null,
    substatus       text not null default '',
    paid            boolean not null,
    failed          boolean not null,
    reason          text not null default '',
    total_minor     bigint not null,                   -- in the currency's smallest unit
    refunded_minor  bigint not null default 0,
    currency        text not null default '',
    decimals        smallint not null check (decimals between 0 and 12),
    decline         text not null default '',
    created_at      timestamptz not null,
    paid_at         timestamptz,
    next_attempt_at timestamptz,
    read            bigint not null
);
create index payments_membership on payments (membership_id, created_at desc);
create index payments_failed on payments (created_at desc, id) where failed;

-- Whose a membership is, by its license key; the first one has it.
create table redemptions (
    membership_id text primary key,
    user_id       uuid not null references users,
    redeemed_at   timestamptz not null default now()
);
create index redemptions_user on redemptions (user_id);

-- Where somebody buys a plan at its present price; made once, does not expire.
create table checkouts (
    user_id    uuid not null references users,
    plan       text not null check (plan in ('pro', 'trader')),
    id         text not null check (id <> ''), -- ch_…
    url        text not null check (url <> ''),
    price      text not null,                       -- plan_…: another price is another checkout
    created_at timestamptz not null default now(),
    primary key (user_id, plan)
);

-- When all memberships are compared with Whop's next; one row.
create table membership_checks (
    one    boolean primary key default true check (one),
    due_at timestamptz not null default now()
);
insert into membership_checks default values;

-- +goose Down
drop table membership_checks, checkouts, redemptions, payments, memberships;
drop sequence whop_reads;
