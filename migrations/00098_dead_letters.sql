-- +goose Up
-- Dead letters as operators work them: listed by channel, tried again or put away, and who did so.
alter table deliveries add column discarded_at timestamptz; -- an operator put it away; it stays dead
create index deliveries_dead_letters on deliveries (updated_at desc, id desc) where state = 'dead' and discarded_at is null;
create index deliveries_dead_channel on deliveries (channel, updated_at desc, id desc) where state = 'dead' and discarded_at is null;
-- What has been sent of a lane: nothing older of it may follow.
create index deliveries_sent on deliveries (position_id, destination_id, seq) where position_id is not null and state in ('sending', 'delivered');
-- What was tried in the last hour. Attempts come in the order of their time.
create index delivery_attempts_at on delivery_attempts using brin (at);

create table dead_letter_log (
    id          bigint generated always as identity primary key,
    delivery_id uuid not null references deliveries,
    act         text not null check (act in ('replayed', 'discarded')),
    by_user     uuid not null references users,
    reason      text not null, -- what it had died of
    at          timestamptz not null
);
create index dead_letter_log_delivery on dead_letter_log (delivery_id);

-- +goose Down
drop table dead_letter_log;
drop index delivery_attempts_at, deliveries_sent, deliveries_dead_channel, deliveries_dead_letters;
alter table deliveries drop column discarded_at;
