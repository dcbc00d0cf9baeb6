-- +goose Up
-- A backup that is restored beside the original, in another database of the same server, is
-- another database too: nothing is sent from it before the accounts are listed. Named by its
-- number, which no two databases of a server ever share. What runs stays what it is.
-- +goose StatementBegin
create or replace function database_now(out system_id text, out timeline bigint) stable language sql as $$
    select (select system_identifier::text from pg_control_system()) || '/' || (select oid::text from pg_database where datname = current_database()),
           case when pg_is_in_recovery() then -1
                else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint end
$$;
-- +goose StatementEnd
update database_identity set system_id = n.system_id from database_now() n
where database_identity.system_id = (select system_identifier::text from pg_control_system());

-- +goose Down
-- +goose StatementBegin
create or replace function database_now(out system_id text, out timeline bigint) stable language sql as $$
    select (select system_identifier::text from pg_control_system()),
           case when pg_is_in_recovery() then -1
                else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint end
$$;
-- +goose StatementEnd
update database_identity set system_id = split_part(system_id, '/', 1);
