-- +goose Up
-- Over a destination's limit messages merge: several deliveries travel as one message.

-- When the latest new messages left for it, oldest first, within the limit of its channel.
alter table destinations add column recent_sends timestamptz[] not null default '{}';

alter table deliveries
    add column together integer not null default 1000 check (together > 0), -- how many may share its message; halved when a shared one is refused
    add column claim_instance uuid;                                         -- the process that took it up last

-- A whole channel waits, for all processes: its other side said so.
create table channel_pauses (
    channel      text primary key,
    paused_until timestamptz not null
);

-- +goose Down
drop table channel_pauses;
alter table deliveries drop column claim_instance, drop column together;
alter table destinations drop column recent_sends;
