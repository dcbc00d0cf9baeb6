-- +goose Up
-- Replacing a user's secret at SnapTrade. secret_version rises with each secret, so that who
-- read one before may see that it is the current one still. rotating_at stands from before the
-- new one is asked for until it is stored or the old one is known to hold: nothing of the user
-- is sent meanwhile, and what a process that died leaves behind is found by it.
alter table snaptrade_users
    add column secret_version bigint not null default 1,
    add column rotating_at timestamptz check (rotating_at is null or user_secret is not null);
create index snaptrade_users_rotating on snaptrade_users (rotating_at) where rotating_at is not null;

-- +goose Down
drop index snaptrade_users_rotating;
alter table snaptrade_users drop column rotating_at, drop column secret_version;
