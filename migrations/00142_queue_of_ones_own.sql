-- +goose Up
-- The queue is everybody's: its jobs name orders and say what went wrong. What runs for a
-- person rings for what they did, and sees of it what they added themselves: the library
-- reads back what it writes. Only what is nobody's else is theirs; a job is never theirs to
-- change, but that adding one that is there already may say its kind again.
alter table river_job add column by_user uuid default app_user();
alter table river_job enable row level security;
create policy own on river_job for select to alertsify_member using (by_user = app_user());
create policy ring on river_job for insert to alertsify_member
    with check (by_user = app_user() and state in ('available', 'scheduled') and attempt = 0 and finalized_at is null);
create policy again on river_job for update to alertsify_member using (by_user = app_user()) with check (by_user = app_user());
revoke all on river_job from alertsify_member;
grant select, insert, update (kind) on river_job to alertsify_member;

-- +goose Down
revoke all on river_job from alertsify_member;
grant select, insert, update on river_job to alertsify_member;
drop policy again on river_job;
drop policy ring on river_job;
drop policy own on river_job;
alter table river_job disable row level security;
alter table river_job drop column by_user;
