-- +goose Up
-- What operators say to everybody. Told in slices of users, each remembered with what it
-- told, so that whoever dies in the middle is followed by somebody who goes on.
create table announcements (
    id         uuid primary key default gen_random_uuid(),
    author_id  uuid not null references users,
    title      text not null check (length(title) between 1 and 80),
    body       text not null check (length(body) <= 1000),
    created_at timestamptz not null, -- who joins later is not told
    told       integer not null default 0,
    last_user  uuid,                 -- the users up to this one have been told
    done_at    timestamptz
);
create index announcements_newest on announcements (created_at desc, id desc);
create index announcements_open on announcements (created_at) where done_at is null;

-- +goose Down
drop table announcements;
