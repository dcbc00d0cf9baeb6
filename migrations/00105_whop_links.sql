-- Whose a Whop user is, by signing in at Whop from here. Never by e-mail.

-- +goose Up
create table whop_links (
    whop_user text primary key check (whop_user <> ''), -- user_…
    user_id   uuid not null references users,
    linked_at timestamptz not null default now()
);
create index whop_links_user on whop_links (user_id);

-- Sign-ins at Whop that are under way: each for one person, once, for ten minutes.
create table whop_link_attempts (
    state_hash bytea primary key,
    user_id    uuid not null references users,
    verifier   text not null,
    expires_at timestamptz not null
);
create index whop_link_attempts_user on whop_link_attempts (user_id);
create index whop_link_attempts_expiry on whop_link_attempts (expires_at);

-- +goose Down
drop table whop_link_attempts, whop_links;
