-- +goose Up
-- Which mail somebody wants is one of their preferences; only that they reported our mail
-- as unwanted stands for itself: it stops all of it, and nobody but them ends that.
create table mail_complaints (
    user_id uuid primary key references users,
    at      timestamptz not null
);

-- What is in mail_optouts moves, and what a version of before still writes there while it
-- runs beside this one. The table itself goes a release later. Of the types of a category
-- some go by mail unless their reader chose otherwise: those get a row that says no, the
-- others lose the one that said yes.
-- +goose StatementBegin
create function move_mail_optout() returns trigger language plpgsql as $$
declare
    usual text[] := case new.category
        when 'account' then array['broker_disconnected', 'payment_failed', 'membership_ending']
        when 'news' then array['system']
        else '{}' end;
    others text[] := case new.category
        when 'trading' then array['order_filled', 'order_cancelled', 'order_rejected', 'copy_trade_alert', 'copy_trade_close', 'copy_trade_executed', 'copy_trade_failed']
        when 'social' then array['subscription_new', 'achievement', 'leaderboard']
        else '{}' end;
begin
    if new.category = '*' then
        insert into mail_complaints (user_id, at) values (new.user_id, new.at) on conflict do nothing;
    end if;
    delete from notification_choices where user_id = new.user_id and channel = 'email' and type = any(others);
    insert into notification_choices (user_id, type, channel, wanted, changed_at)
    select new.user_id, type, 'email', false, new.at from unnest(usual) as type
    on conflict (user_id, type, channel) do update set wanted = false;
    return null;
end $$;
-- +goose StatementEnd
create trigger mail_optouts_move after insert or update on mail_optouts for each row execute function move_mail_optout();
update mail_optouts set at = at; -- each row once through the trigger

-- +goose Down
drop trigger mail_optouts_move on mail_optouts;
drop function move_mail_optout();
delete from mail_optouts;
insert into mail_optouts (user_id, category, reason, at) select user_id, '*', 'complained', at from mail_complaints;

-- A category is off where all of it is that goes by mail by default.
with kinds (category, type) as (values
    ('account', 'broker_disconnected'), ('account', 'payment_failed'), ('account', 'membership_ending'), ('news', 'system')
), off as (
    select c.user_id, k.category, max(c.changed_at) as at
    from notification_choices c join kinds k on k.type = c.type
    where c.channel = 'email' and not c.wanted
    group by c.user_id, k.category
    having count(*) = (select count(*) from kinds other where other.category = k.category)
), moved as (
    delete from notification_choices c using off, kinds k
    where k.category = off.category and c.user_id = off.user_id and c.type = k.type and c.channel = 'email'
)
insert into mail_optouts (user_id, category, reason, at) select user_id, category, 'settings', at from off;

drop table mail_complaints;
