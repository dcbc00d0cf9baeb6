-- +goose Up
-- A notification whose words changed changes its messages too, where a channel can: later
-- fills of an order in a chat, as in Discord.
alter table notifications add column revision integer not null default 0; -- of what it tells of

alter table deliveries
    add column changes uuid references deliveries, -- an update: the delivery of a notification whose message it changes
    drop constraint deliveries_check,
    add constraint deliveries_about check (num_nonnulls(alert_id, notification_id, changes) = 1 and (changes is null or op = 'update'));
create index deliveries_changes on deliveries (changes) where changes is not null;
-- One waiting update for each message: newer revisions collapse into it.
create unique index deliveries_change on deliveries (changes) where changes is not null and state = 'pending';

-- +goose Down
delete from delivery_attempts a using deliveries d where d.id = a.delivery_id and d.changes is not null;
delete from deliveries where changes is not null;
drop index deliveries_change, deliveries_changes;
alter table deliveries
    drop constraint deliveries_about,
    drop column changes,
    add constraint deliveries_check check ((alert_id is null) <> (notification_id is null));
alter table notifications drop column revision;
