-- +goose Up
-- Which version of the terms, the privacy notice and the risk disclosure somebody accepted,
-- when and from where. Append-only: what was accepted is never unsaid, only followed by a
-- newer version.
create table legal_acceptances (
    user_id     uuid not null references users,
    document    text not null check (document in ('terms', 'privacy', 'risk')),
    version     text not null check (version <> ''),
    accepted_at timestamptz not null default now(),
    origin      text not null default '',  -- the network and browser it came from, or the access token, as in audit_log
    primary key (user_id, document, version)
);

-- +goose StatementBegin
create function append_only() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
-- +goose StatementEnd
create trigger append_only before update or delete on legal_acceptances for each row execute function append_only();
create trigger audit after insert on legal_acceptances for each row execute function audit('user_id', 'document', 'document,version');

alter table legal_acceptances enable row level security;
create policy own on legal_acceptances to alertsify_member using (user_id = app_user()) with check (user_id = app_user());
grant select, insert on legal_acceptances to alertsify_member;

-- +goose Down
drop table legal_acceptances;
drop function append_only();
