-- +goose Up
-- The second wall: what runs for one person gives up the program's rights and sees, of
-- every table that has owners, their own rows (design rule 14). The first wall is the
-- owner in each query's WHERE; a query that forgets it finds nothing of others here.
--
-- The role belongs to the server, not to this database: it may be there already, made by
-- an operator, for another database, or by one that migrates at the same moment.
-- +goose StatementBegin
do $$ begin
    if not exists (select from pg_roles where rolname = 'alertsify_member') then
        create role alertsify_member nologin noinherit;
    end if;
exception when duplicate_object or unique_violation then null;
end $$;
-- +goose StatementEnd
-- The program takes the role on in a transaction (set local role), and only there: it is not
-- to inherit it. From Postgres 16 on, whoever makes a role may not take it on until told so.
-- Who may not grant it leaves that to an operator; the program says so when it starts.
-- +goose StatementBegin
do $$ begin
    if (select rolsuper from pg_roles where rolname = current_user) then
        return;
    end if;
    if current_setting('server_version_num')::int >= 160000 then
        execute format('grant alertsify_member to %I with set true, inherit false', current_user);
    else
        execute format('grant alertsify_member to %I', current_user);
    end if;
exception when insufficient_privilege then
    raise warning 'grant alertsify_member to the user that the program connects as';
end $$;
-- +goose StatementEnd

-- Whose transaction it is; null in one that nobody owns.
-- +goose StatementBegin
create function app_user() returns uuid stable parallel safe language sql as
    $$ select nullif(current_setting('app.user_id', true), '')::uuid $$;
-- +goose StatementEnd

-- Tables whose rows have one owner.
-- +goose StatementBegin
do $$
declare name text;
begin
    foreach name in array array[
        'access_tokens', 'accounts', 'broker_prices', 'checkouts', 'connections', 'consents', 'consents_past', 'copy_day_results', 'copy_decisions',
        'copy_drifts', 'copy_holdings', 'copy_results', 'copy_triggers', 'day_counters', 'fills', 'idempotency_keys', 'identities', 'late_fees',
        'mail_complaints', 'mail_optouts', 'memberships', 'muted_traders', 'notification_choices', 'notifications', 'order_broker_ids', 'order_changes', 'order_events',
        'order_pace', 'orders', 'paper_fills', 'paper_holdings', 'portal_visits', 'position_adjustments', 'position_differences', 'positions',
        'quiet_hours', 'redemptions', 'risk_limits', 'security_events', 'sign_ins', 'snaptrade_users', 'telegram_links', 'watchlist',
        'whop_link_attempts', 'whop_links']
    loop
        execute format('alter table %I enable row level security', name);
        execute format('create policy own on %I to alertsify_member using (user_id = app_user()) with check (user_id = app_user())', name);
        execute format('grant select, insert, update, delete on %I to alertsify_member', name);
    end loop;
end $$;
-- +goose StatementEnd

-- What somebody has paid for is Whop's word, not theirs.
revoke insert, update, delete on memberships from alertsify_member;

-- A follower's: a trader sees of those who copy them only what their own pages say.
alter table subscriptions enable row level security;
create policy own on subscriptions to alertsify_member using (follower_id = app_user()) with check (follower_id = app_user());
alter table follows enable row level security;
create policy own on follows to alertsify_member using (follower_id = app_user()) with check (follower_id = app_user());
grant select, insert, update, delete on subscriptions, follows to alertsify_member;

-- Rows that belong to what has an owner. What the inner query finds is under its own policy.
alter table subscription_periods enable row level security;
create policy own on subscription_periods to alertsify_member
    using (exists (select from subscriptions s where s.id = subscription_id));
alter table account_looks enable row level security;
create policy own on account_looks to alertsify_member using (exists (select from accounts a where a.id = account_id));
alter table copy_signals enable row level security;
create policy own on copy_signals to alertsify_member using (trader_id = app_user());
grant select, insert, update, delete on subscription_periods, account_looks, copy_signals to alertsify_member;
alter table payments enable row level security;
create policy own on payments for select to alertsify_member using (exists (select from memberships m where m.id = membership_id));
grant select on payments to alertsify_member;

-- What was announced is for everybody, the rest for who traded.
alter table alerts enable row level security;
create policy announced on alerts for select to alertsify_member using (public or user_id = app_user());
grant select on alerts to alertsify_member;

-- The platform's own destinations have no owner; a trader's receipts name them.
alter table destinations enable row level security;
create policy own on destinations to alertsify_member using (user_id = app_user()) with check (user_id = app_user());
create policy platform on destinations for select to alertsify_member using (user_id is null);
grant select, insert, update, delete on destinations to alertsify_member;

-- A delivery belongs to whose destination it goes to, and is shown to whose alert it brings.
alter table deliveries enable row level security;
create policy own on deliveries to alertsify_member using (user_id = app_user()) with check (user_id = app_user() or user_id is null);
create policy announced on deliveries for select to alertsify_member
    using (exists (select from alerts a where a.id = alert_id and a.user_id = app_user())
        or exists (select from notifications n where n.id = notification_id));
grant select, insert, update, delete on deliveries to alertsify_member;
alter table delivery_attempts enable row level security;
create policy own on delivery_attempts to alertsify_member using (exists (select from deliveries d where d.id = delivery_id));
alter table mail_parts enable row level security;
create policy own on mail_parts to alertsify_member using (exists (select from deliveries d where d.id = delivery_id));
alter table mails enable row level security;
create policy own on mails to alertsify_member using (exists (select from destinations t where t.id = destination_id));
grant select, insert, update, delete on delivery_attempts, mail_parts, mails to alertsify_member;

-- Events go to who acted, or to everybody's open pages. They are read by the hub, for nobody.
alter table live_events enable row level security;
create policy own on live_events to alertsify_member using (user_id = app_user()) with check (user_id = app_user() or user_id is null);
grant select, insert on live_events to alertsify_member;

-- People are known to each other by name; a mailbox to nobody, and a role is not theirs to give.
alter table users enable row level security;
create policy known on users for select to alertsify_member using (true);
create policy own on users for update to alertsify_member using (id = app_user()) with check (id = app_user());
grant select (id, username, name, role, status, bio, avatar_url, time_zone, theme, palette, session_epoch, verified_at, created_at, updated_at,
              celebrates, announces_detected),
    update (username, name, bio, avatar_url, time_zone, theme, palette, session_epoch, updated_at, celebrates, announces_detected)
    on users to alertsify_member;

-- Switches stop everybody's orders, so everybody may know of them. Their own they turn
-- themselves: their kill switch, their publishing, and what a breaker turned for an account
-- of theirs (R18).
-- +goose StatementBegin
create function own_switch(scope text, key text, cause text) returns boolean stable language sql as $$
    select scope in ('self', 'publishing') and key = app_user()::text
        or scope = 'account' and cause = 'breaker' and exists (select from accounts a where a.id::text = key and a.user_id = app_user()) $$;
-- +goose StatementEnd
alter table trading_switches enable row level security;
create policy known on trading_switches for select to alertsify_member using (true);
create policy own on trading_switches to alertsify_member
    using (own_switch(scope, key, cause)) with check (own_switch(scope, key, cause));
grant select, insert, update, delete on trading_switches to alertsify_member;
alter table halt_log enable row level security;
create policy own on halt_log to alertsify_member
    using (own_switch(scope, key, cause)) with check (own_switch(scope, key, cause));
grant select, insert on halt_log to alertsify_member;

-- Registrations at SnapTrade that were given up: put away by whoever had them, read by nobody.
alter table snaptrade_leftovers enable row level security;
create policy put_away on snaptrade_leftovers for insert to alertsify_member with check (true);
grant insert on snaptrade_leftovers to alertsify_member;

-- Without an owner: the clock, the pace of all, the call for a job.
grant select on market_clock, instances to alertsify_member;
grant select, insert, update on entry_pace, entry_peaks to alertsify_member;
grant select, insert, update on river_job to alertsify_member;
grant select on river_queue to alertsify_member;
grant insert on river_notification to alertsify_member;
grant usage on all sequences in schema public to alertsify_member;

-- +goose Down
-- The role stays: other databases of this server may use it.
-- +goose StatementBegin
do $$
declare p record;
begin
    for p in select tablename, policyname from pg_policies where schemaname = 'public' and 'alertsify_member' = any(roles) loop
        execute format('drop policy %I on %I', p.policyname, p.tablename);
    end loop;
    for p in select relname from pg_class where relnamespace = 'public'::regnamespace and relrowsecurity loop
        execute format('alter table %I disable row level security', p.relname);
    end loop;
end $$;
-- +goose StatementEnd
drop owned by alertsify_member;
drop function own_switch(text, text, text);
drop function app_user();
