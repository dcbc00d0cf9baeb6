-- +goose Up
-- Which columns somebody wants to see, for each table whose they chose by hand.
create table table_columns (
    user_id    uuid not null references users,
    name       text not null check (name ~ '^[a-z]{1,20}$'),
    shown      text[] not null check (cardinality(shown) between 1 and 40),
    updated_at timestamptz not null default now(),
    primary key (user_id, name)
);
alter table table_columns enable row level security;
create policy own on table_columns to alertsify_member using (user_id = app_user()) with check (user_id = app_user());
grant select, insert, update, delete on table_columns to alertsify_member;

-- +goose Down
drop table table_columns;
