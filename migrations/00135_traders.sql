-- +goose Up
-- Who asks to become a trader: once at a time, taken back or decided with a reason.
create table trader_applications (
    id         uuid primary key default gen_random_uuid(),
    user_id    uuid not null references users,
    body       text not null check (length(body) between 20 and 1000),
    state      text not null default 'pending' check (state in ('pending', 'withdrawn', 'approved', 'rejected')),
    reason     text not null default '' check (length(reason) <= 500),
    decided_by uuid references users,   -- the operator; null: nobody has decided
    created_at timestamptz not null default now(),
    ended_at   timestamptz,
    check ((state = 'pending') = (ended_at is null)),
    check (state <> 'rejected' or reason <> '')
);
create unique index trader_applications_one on trader_applications (user_id) where state = 'pending';
create index trader_applications_user on trader_applications (user_id, created_at desc);
create index trader_applications_pending on trader_applications (created_at, id) where state = 'pending';
create trigger audit after insert or update on trader_applications for each row execute function audit('user_id', 'id', 'state,reason');

-- Their owners ask and take back; a decision is not theirs to write.
alter table trader_applications enable row level security;
create policy own on trader_applications for select to alertsify_member using (user_id = app_user());
create policy ask on trader_applications for insert to alertsify_member with check (user_id = app_user() and state = 'pending');
create policy withdraw on trader_applications for update to alertsify_member
    using (user_id = app_user() and state = 'pending') with check (user_id = app_user() and state = 'withdrawn');
grant select, insert (user_id, body), update (state, ended_at) on trader_applications to alertsify_member;

-- Operators find people: the newest, or by how their name begins.
create index users_newest on users (created_at desc, id desc);
create index users_username_begins on users (username collate "C");

-- A picture is one that a provider of sign-in serves; pages show no other.
update users set avatar_url = null
where avatar_url !~ '^https://(lh3\.googleusercontent\.com|cdn\.discordapp\.com|avatars\.githubusercontent\.com)/';

-- +goose Down
drop index users_username_begins;
drop index users_newest;
drop table trader_applications;
