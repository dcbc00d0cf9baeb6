-- +goose Up
-- Who changed what, when, and from where, written by the database itself: no code that
-- changes one of these tables can forget it. Orders have their events besides; here is
-- the hand that asked for them.
create table audit_log (
    id      uuid primary key default gen_random_uuid(),
    at      timestamptz not null default clock_timestamp(),
    user_id uuid,                      -- whose row it is; null: nobody's. No foreign key: it outlives everything
    by_user uuid,                      -- who did it; null: the program by itself, or the command line
    actor   text not null,             -- user, or the program's part, such as job:refresh
    origin  text not null default '',  -- the network and browser it came from, or the access token
    act     text not null check (act in ('insert', 'update', 'delete')),
    kind    text not null,             -- the table
    row_id  text not null,
    change  jsonb not null             -- column: [before, after]; only what changed
);
create index audit_log_user on audit_log (user_id, at desc, id desc);
create index audit_log_by on audit_log (by_user, at desc, id desc) where by_user is not null;
create index audit_log_kind on audit_log (kind, at desc, id desc);
create index audit_log_at on audit_log (at desc, id desc);

-- What a row was when it came is in the row where nothing but a refresh or a sign-in makes it:
-- people, connections and accounts are watched from then on.
--
-- audit(owner column or '', id column, columns to keep): secrets are kept out by not
-- naming them. It writes with its owner's rights, so that no member needs any here.
-- +goose StatementBegin
create function audit() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
    was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    now_is jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    changed jsonb := (
        select jsonb_object_agg(c, jsonb_build_array(was -> c, now_is -> c)) from unnest(string_to_array(tg_argv[2], ',')) c
        where was -> c is distinct from now_is -> c and (was is not null or now_is -> c <> 'null'));
begin
    if changed is null then
        return null;
    end if;
    insert into audit_log (user_id, by_user, actor, origin, act, kind, row_id, change)
    values ((coalesce(now_is, was) ->> nullif(tg_argv[0], ''))::uuid, nullif(current_setting('app.user_id', true), '')::uuid,
            coalesce(nullif(current_setting('app.actor', true), ''), 'program'), coalesce(current_setting('app.origin', true), ''),
            lower(tg_op), tg_table_name, coalesce(now_is, was) ->> tg_argv[1], changed);
    return null;
end $$;
-- +goose StatementEnd

create trigger audit after update of username, email, email_verified, role, status, announces_detected on users
    for each row execute function audit('id', 'id', 'username,email,email_verified,role,status,announces_detected');
create trigger audit after insert or delete on identities for each row execute function audit('user_id', 'provider', 'provider,email');
create trigger audit after insert on sign_ins for each row execute function audit('user_id', 'id', 'method,device,ip_prefix');
create trigger audit after insert or update of revoked_at on access_tokens
    for each row execute function audit('user_id', 'id', 'name,scope,revoked_at');

-- What is asked of a broker by hand: copies and detected orders have their decisions and events.
create trigger audit after insert on orders for each row when (new.source = 'manual')
    execute function audit('user_id', 'id', 'side,symbol,quantity,order_type,limit_price,stop_price,time_in_force,account_id');
create trigger audit_cancel after update of cancel_requested_at on orders for each row
    when (old.cancel_requested_at is null and new.cancel_requested_at is not null)
    execute function audit('user_id', 'id', 'cancel_requested_at');
create trigger audit_abort after update of state on orders for each row
    when (old.state = 'queued' and new.state = 'aborted' and new.reason_code = 'user_cancelled')
    execute function audit('user_id', 'id', 'state');
create trigger audit after insert on order_changes for each row execute function audit('user_id', 'order_id', 'quantity,limit_price');
create trigger audit after update of review_reason on positions for each row
    when (old.review_reason is distinct from new.review_reason) execute function audit('user_id', 'id', 'review_reason');

-- Copying, and what widens a risk.
create trigger audit after insert or update on subscriptions for each row execute function audit('follower_id', 'id',
    'trader_id,account_id,status,auto_execute,paper,max_position_size,max_daily_trades,scaling_mode,scaling_value,max_slippage_percent,max_delay_seconds,max_spread_percent,same_contract,order_type,allowed_underlyings,denied_underlyings,option_types,min_days_to_expiration,max_days_to_expiration,max_premium_per_trade,max_open_positions,max_exposure,daily_loss_stop,stop_loss_percent,take_profit_percent,close_on_expiry_at,unmanaged');
create trigger audit after insert or update on consents for each row execute function audit('user_id', 'version', 'version,given_at,withdrawn_at');
create trigger audit after insert or update or delete on risk_limits for each row execute function audit('user_id', 'kind', 'kind,own,granted,granted_by');
create trigger audit after insert or update or delete on trading_switches for each row
    execute function audit('', 'key', 'scope,key,stops,reason,cause,set_by');

-- Brokers and destinations. Of the many columns that a refresh writes, these are a person's.
create trigger audit after update of removed_at, dismissed_at, selected on accounts
    for each row execute function audit('user_id', 'id', 'institution,number,removed_at,selected');
create trigger audit after update of status, deleted_at, remove_requested_at on connections
    for each row execute function audit('user_id', 'id', 'institution,status,remove_requested_at,deleted_at');
create trigger audit after insert or update of removed_at, disabled_at on destinations
    for each row execute function audit('user_id', 'id', 'channel,removed_at,disabled_at,disabled_reason');

-- Operators.
create trigger audit after insert on announcements for each row execute function audit('', 'id', 'title');
create trigger audit after insert on dead_letter_log for each row execute function audit('', 'delivery_id', 'act,reason');

alter table audit_log enable row level security;
create policy own on audit_log for select to alertsify_member using (user_id = app_user() or by_user = app_user());
grant select on audit_log to alertsify_member;

-- +goose Down
drop trigger audit on dead_letter_log;
drop trigger audit on announcements;
drop trigger audit on destinations;
drop trigger audit on connections;
drop trigger audit on accounts;
drop trigger audit on trading_switches;
drop trigger audit on risk_limits;
drop trigger audit on consents;
drop trigger audit on subscriptions;
drop trigger audit on positions;
drop trigger audit on order_changes;
drop trigger audit_abort on orders;
drop trigger audit_cancel on orders;
drop trigger audit on orders;
drop trigger audit on access_tokens;
drop trigger audit on sign_ins;
drop trigger audit on identities;
drop trigger audit on users;
drop function audit();
drop table audit_log;
