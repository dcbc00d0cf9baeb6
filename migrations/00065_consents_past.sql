-- +goose Up
-- A consent that is given again starts anew: what it covered before is kept here, so
-- that each copy that was sent can be held against the consent of its time.
create table consents_past (
    user_id      uuid not null references users,
    version      text not null,
    given_at     timestamptz not null,
    withdrawn_at timestamptz not null check (withdrawn_at >= given_at),
    primary key (user_id, version, given_at)
);

-- The text that T2 found agreed to; null: the follower said yes to this one, or its
-- claim is older than this column.
alter table orders add column consent_version text;

-- +goose Down
alter table orders drop column consent_version;
drop table consents_past;
