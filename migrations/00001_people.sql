-- +goose Up
-- Who the people are and how they sign in.

create table users (
    id             uuid primary key default gen_random_uuid(),
    username       text not null check (username ~ '^[a-z0-9_]{2,30}$'),
    name           text not null check (length(name) between 1 and 100),
    email          text,
    email_verified boolean not null default false,
    role           text not null default 'subscriber' check (role in ('subscriber', 'trader', 'admin')),
    status         text not null default 'active' check (status in ('active', 'suspended', 'deleted')),
    bio            text not null default '',
    avatar_url     text,
    time_zone      text not null default 'America/New_York',
    theme          text not null default 'dark' check (theme in ('dark', 'light')),
    palette        text not null default 'green-up' check (palette in ('green-up', 'red-up', 'blue-orange')),
    session_epoch  integer not null default 1,
    verified_at    timestamptz,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now()
);
create unique index users_username on users (username);
create unique index users_verified_email on users (lower(email)) where email_verified;

create table identities (
    provider       text not null,
    subject        text not null,
    user_id        uuid not null references users,
    email          text,
    email_verified boolean not null default false,
    created_at     timestamptz not null default now(),
    last_used_at   timestamptz not null default now(),
    primary key (provider, subject)
);
create index identities_user on identities (user_id);

-- The cookie's side of a session: scs keeps its values here, under the hash of the token.
create table sessions (
    token_hash text primary key,
    data       bytea not null,
    expires_at timestamptz not null
);
create index sessions_expiry on sessions (expires_at);

-- The user's side of a session: a request is refused when its row here is gone,
-- so that signing out cannot be undone by a slow request that stores its session again.
create table sign_ins (
    id           uuid primary key,
    user_id      uuid not null references users,
    method       text not null,
    device       text not null default '',
    ip_prefix    text not null default '',
    created_at   timestamptz not null default now(),
    last_seen_at timestamptz not null default now()
);
create index sign_ins_user on sign_ins (user_id, created_at desc);

create table access_tokens (
    id           uuid primary key default gen_random_uuid(),
    user_id      uuid not null references users,
    name         text not null check (length(name) between 1 and 100),
    token_hash   bytea not null unique,
    scope        text not null check (scope in ('read', 'trade', 'admin')),
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);
create index access_tokens_user on access_tokens (user_id, created_at desc);

-- What was seen that nobody honest does: a webhook that names a stranger's account, a token used after revocation.
create table security_events (
    id      bigint generated always as identity primary key,
    user_id uuid,
    kind    text not null,
    detail  jsonb not null default '{}',
    at      timestamptz not null default now()
);
create index security_events_at on security_events (at desc);

-- +goose Down
drop table security_events, access_tokens, sign_ins, sessions, identities, users;
