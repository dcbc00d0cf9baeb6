-- +goose Up
-- After a fail-over or a restore the last orders may be missing here and be at the
-- broker all the same: nothing is sent until the accounts were listed again (C14).

-- The database that this one was when somebody looked last. held_since: nothing may
-- be sent until every account with orders after orders_since was listed after it.
create table database_identity (
    only_row     boolean primary key default true check (only_row),
    system_id    text not null,
    timeline     bigint not null,
    seen_at      timestamptz not null default now(),
    held_since   timestamptz,
    orders_since timestamptz,
    check ((held_since is null) = (orders_since is null))
);

-- Who this database is now: another cluster has another id, another line of
-- history another timeline. The first eight digits of a log file's name are the
-- timeline, right from the moment of a fail-over.
-- +goose StatementBegin
create function database_now(out system_id text, out timeline bigint) stable language sql as $$
    select (select system_identifier::text from pg_control_system()),
           case when pg_is_in_recovery() then -1
                else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint end
$$;
-- +goose StatementEnd

-- When the list was begun that was read last, in full.
alter table account_looks add column read_at timestamptz;

-- +goose Down
alter table account_looks drop column read_at;
drop table database_identity;
drop function database_now;
