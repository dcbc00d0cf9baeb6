-- +goose Up
alter table channel_pauses add column reason text not null default ''; -- the other side's words
-- Mails are forgotten by their age.
create index mails_created on mails (created_at);
-- Of a new message: the newest revision in a request whose answer was lost.
alter table deliveries add column unanswered integer;
-- Messages that may be there and can never be changed: their orders' ends are waited for.
create index deliveries_lost on deliveries (created_at) where op = 'create' and unanswered is not null and message_id is null;

-- +goose Down
drop index deliveries_lost;
alter table deliveries drop column unanswered;
drop index mails_created;
alter table channel_pauses drop column reason;
