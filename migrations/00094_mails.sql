-- +goose Up
-- What was handed to Resend, word for word: a repeat under the same idempotency key must
-- be the same bytes, and what Resend reports later finds its mail here.
create table mails (
    id             uuid primary key,               -- the delivery's, where it is one
    destination_id uuid not null references destinations,
    kind           text not null,                  -- of the notification; test, confirm
    subject        text not null,
    body           bytea,                          -- the request; gone after some days
    message_id     text,                           -- Resend's
    state          text not null default 'made' check (state in ('made', 'accepted', 'sent', 'delivered', 'failed', 'suppressed', 'bounced', 'complained')),
    detail         text not null default '',       -- the other side's words
    created_at     timestamptz not null,
    updated_at     timestamptz not null
);
create unique index mails_message on mails (message_id) where message_id is not null;
create index mails_destination on mails (destination_id, created_at desc);
create index mails_body on mails (created_at) where body is not null;

-- Mail a user does not want. Nobody but the user takes a row away.
create table mail_optouts (
    user_id  uuid not null references users,
    category text not null check (category <> ''), -- '*': all but security mail
    reason   text not null check (reason in ('unsubscribed', 'complained', 'settings')),
    at       timestamptz not null,
    primary key (user_id, category)
);

-- Mailboxes follow the users' verified addresses.
create index users_updated on users (updated_at);

-- +goose Down
drop index users_updated;
drop table mail_optouts, mails;
