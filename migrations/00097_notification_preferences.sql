-- +goose Up
-- What people want to hear of, and where. A row only where somebody differs from the
-- default of the type; it is asked when a message is about to be sent. The inbox has
-- everything in any case.
create table notification_choices (
    user_id    uuid not null references users,
    type       text not null,
    channel    text not null check (channel in ('push', 'email', 'telegram', 'webhook')),
    wanted     boolean not null,
    changed_at timestamptz not null,
    primary key (user_id, type, channel)
);
-- Who wants more than the default: asked by a fan-out once, after it.
create index notification_choices_wanted on notification_choices (type, channel) where wanted;

create table quiet_hours (
    user_id        uuid primary key references users,
    begins         integer not null check (begins between 0 and 1439), -- minute of the day, on a clock in the zone
    ends           integer not null check (ends between 0 and 1439 and ends <> begins),
    zone           text not null,
    urgent_through boolean not null,                                   -- what cannot wait is sent all the same
    changed_at     timestamptz not null
);

create table muted_traders (
    user_id   uuid not null references users,
    trader_id uuid not null references users,
    muted_at  timestamptz not null,
    primary key (user_id, trader_id),
    check (user_id <> trader_id)
);

alter table deliveries add column quiet_until timestamptz; -- held back by its reader's quiet hours

-- +goose Down
alter table deliveries drop column quiet_until;
drop table muted_traders, quiet_hours, notification_choices;
