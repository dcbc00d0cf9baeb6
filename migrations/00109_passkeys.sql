-- +goose Up
-- Passkeys: what somebody proves with besides a provider's word (WebAuthn, level 3).
create table passkeys (
    id              uuid primary key default gen_random_uuid(),
    user_id         uuid not null references users,
    credential_id   bytea not null unique check (length(credential_id) between 1 and 1023),
    public_key      bytea not null check (length(public_key) between 1 and 4096), -- COSE
    name            text not null check (length(name) between 1 and 60),
    sign_count      bigint not null default 0 check (sign_count >= 0), -- of the authenticator; many always say 0
    backup_eligible boolean not null,                                  -- it may be copied to the owner's other devices; for life
    backed_up       boolean not null,                                  -- and was, when it was last used
    transports      text[] not null default '{}',                      -- how a browser reaches it
    created_at      timestamptz not null default now(),
    last_used_at    timestamptz
);
create index passkeys_user on passkeys (user_id, created_at);

-- Who is asked for a passkey at every sign-in.
create table second_factors (
    user_id uuid primary key references users,
    since   timestamptz not null default now()
);

-- What a browser was asked to sign: one for each session and purpose, gone when it is used.
-- Whoever has only signed in by half is nobody yet, so that members do not reach it.
create table passkey_challenges (
    session_hash bytea not null,
    purpose      text not null check (purpose in ('add', 'step_up', 'sign_in')),
    user_id      uuid not null references users,
    asked        jsonb not null,
    expires_at   timestamptz not null,
    primary key (session_hash, purpose)
);
create index passkey_challenges_expiry on passkey_challenges (expires_at);

alter table passkeys enable row level security;
create policy own on passkeys to alertsify_member using (user_id = app_user()) with check (user_id = app_user());
alter table second_factors enable row level security;
create policy own on second_factors to alertsify_member using (user_id = app_user()) with check (user_id = app_user());
grant select, insert, update, delete on passkeys, second_factors to alertsify_member;

create trigger audit after insert or update of name or delete on passkeys
    for each row execute function audit('user_id', 'id', 'name,backup_eligible');
create trigger audit after insert or delete on second_factors for each row execute function audit('user_id', 'user_id', 'since');

-- +goose Down
drop table passkey_challenges, second_factors, passkeys;
