-- +goose Up
-- What each trader published, as a chain of hashes: an entry stands on the one before it, so
-- that nothing can be changed or left out later without showing. Entries are written in the
-- transaction that books what they tell.
create table record_heads (
    trader_id  uuid primary key references users,
    entries    integer not null check (entries >= 0),
    head       bytea not null check (length(head) = 32), -- of the last entry; of none: of the trader's id
    updated_at timestamptz not null default now()
);

create table record_entries (
    trader_id     uuid not null references users,
    seq           integer not null check (seq > 0),
    entry         text not null,                          -- JSON, to the byte as it was hashed
    hash          bytea not null check (length(hash) = 32),
    order_id      uuid,                                   -- of a fill
    cum           integer,
    adjustment_id uuid,                                   -- of contracts that came or left without an order
    created_at    timestamptz not null default now(),
    primary key (trader_id, seq),
    check ((order_id is null) = (cum is null))
);
create unique index record_entries_fill on record_entries (order_id, cum) where order_id is not null;
create unique index record_entries_adjustment on record_entries (adjustment_id) where adjustment_id is not null;

-- Positions that are on a record, and what was told last of their end.
create table record_trades (
    position_id uuid primary key references positions,
    trader_id   uuid not null references users,
    trade       uuid not null unique,   -- public id of the alert that opened it; it never changes
    result      text check (result in ('win', 'loss', 'breakeven', 'unknown')), -- null: it has not ended
    realized    numeric(24, 8) not null default 0,
    updated_at  timestamptz not null default now()
);

-- +goose StatementBegin
create function record_stands() returns trigger language plpgsql as $$
begin
    raise exception 'a track record is only ever added to' using errcode = 'restrict_violation';
end $$;
-- +goose StatementEnd
-- A head names the entry that it counts to, and never goes back.
-- +goose StatementBegin
create function record_goes_on() returns trigger language plpgsql as $$
begin
    if tg_op <> 'UPDATE' or new.entries < old.entries or new.trader_id <> old.trader_id then
        raise exception 'a track record is only ever added to' using errcode = 'restrict_violation';
    end if;
    if new.entries > 0 and not exists (select from record_entries e
        where e.trader_id = new.trader_id and e.seq = new.entries and e.hash = new.head) then
        raise exception 'a head names the last entry' using errcode = 'restrict_violation';
    end if;
    return null;
end $$;
-- +goose StatementEnd
create trigger record_goes_on after update of entries, head or delete on record_heads for each row execute function record_goes_on();
create trigger record_stands_whole before truncate on record_heads for each statement execute function record_stands();
create trigger record_stands before update or delete on record_entries for each row execute function record_stands();
create trigger record_stands_whole before truncate on record_entries for each statement execute function record_stands();

alter table alerts add column record text; -- the first digits of the head after its latest fill

-- A record is for everybody to read; a trader's own word adds to their own.
alter table record_heads enable row level security;
alter table record_entries enable row level security;
alter table record_trades enable row level security;
create policy known on record_heads for select to alertsify_member using (true);
create policy own on record_heads to alertsify_member using (trader_id = app_user()) with check (trader_id = app_user());
create policy known on record_entries for select to alertsify_member using (true);
create policy own on record_entries for insert to alertsify_member with check (trader_id = app_user());
create policy own on record_trades to alertsify_member using (trader_id = app_user()) with check (trader_id = app_user());
grant select, insert, update on record_heads, record_trades to alertsify_member;
grant select, insert on record_entries to alertsify_member;

-- +goose Down
alter table alerts drop column record;
drop table record_trades, record_entries, record_heads;
drop function record_stands(), record_goes_on();
