-- +goose Up
-- One Telegram chat is one destination in the whole system, as one browser is.
create unique index destinations_chat on destinations (address) where channel = 'telegram' and removed_at is null;

-- Somebody who wants to connect Telegram: from the code in their link to their own word
-- that the chat which sent it is theirs. One for each user; a new one takes its place.
create table telegram_links (
    user_id     uuid primary key references users,
    id          uuid not null unique,        -- what the page showed, so that nothing else is confirmed
    code_hash   text not null unique,        -- SHA-256; the code itself is only in the link
    valid_until timestamptz not null,
    chat        text,                        -- sealed: the one that sent the code; it works once
    chat_hash   text,                        -- by which the same chat is known again
    name        text,                        -- of whoever sent it, as Telegram has it
    created_at  timestamptz not null
);
create index telegram_links_chat on telegram_links (chat_hash) where chat_hash is not null;
create index telegram_links_old on telegram_links (valid_until);

-- +goose Down
drop table telegram_links;
drop index destinations_chat;
