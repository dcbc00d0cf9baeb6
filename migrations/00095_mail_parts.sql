-- +goose Up
-- Which deliveries a mail carries: a repeat of any of them is a repeat of that mail, word
-- for word, and never part of another.
create table mail_parts (
    delivery_id uuid primary key,
    mail_id     uuid not null references mails on delete cascade
);
create index mail_parts_mail on mail_parts (mail_id);
insert into mail_parts (delivery_id, mail_id) select id, id from mails;

-- +goose Down
drop table mail_parts;
