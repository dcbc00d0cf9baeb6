-- +goose Up
-- When somebody took their data along: it is not done all the time, and they see each time
-- under Activity.
create table data_exports (
    id      uuid primary key default gen_random_uuid(),
    user_id uuid not null references users,
    at      timestamptz not null default now()
);
create index data_exports_user on data_exports (user_id, at desc);
create trigger audit after insert on data_exports for each row execute function audit('user_id', 'id', 'at');

alter table data_exports enable row level security;
create policy own on data_exports to alertsify_member using (user_id = app_user()) with check (user_id = app_user());
grant select, insert on data_exports to alertsify_member;

-- What was taken away is found by its owner too: to be forgotten with them, and to stay dead
-- when they come back with the same address.
create index destinations_removed on destinations (user_id, channel) where removed_at is not null;

-- +goose Down
drop index destinations_removed;
drop table data_exports;
