-- +goose Up
-- Changes of the address that mail goes to: asked for by who is signed in, confirmed by a
-- code that is read in the new mailbox, and undone for three days by a link in the old one.
create table email_changes (
    id           uuid primary key,
    user_id      uuid not null references users,
    address      text not null check (length(address) between 3 and 254),
    code_hash    bytea,                        -- null: used, or there is none, because the address is somebody else's
    tries        smallint not null default 0 check (tries >= 0),
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    confirmed_at timestamptz,
    before       text,                         -- the address of before; null: there was none, and nothing to go back to
    undo_until   timestamptz,
    undone_at    timestamptz,
    check ((before is null) = (undo_until is null)),
    check (before is null or confirmed_at is not null),
    check (undone_at is null or confirmed_at is not null),
    check (confirmed_at is null or code_hash is null)
);
create index email_changes_user on email_changes (user_id, created_at desc);
create index email_changes_address on email_changes (lower(address), created_at);
create index email_changes_age on email_changes (created_at);

-- Their owners see what waits; a mailbox is no column of theirs to write.
alter table email_changes enable row level security;
create policy own on email_changes for select to alertsify_member using (user_id = app_user());
grant select (id, user_id, address, created_at, expires_at, confirmed_at) on email_changes to alertsify_member;

-- +goose Down
drop table email_changes;
