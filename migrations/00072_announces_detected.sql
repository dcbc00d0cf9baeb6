-- +goose Up
-- Whether a trader's trades in the broker's own app are announced like those made here.
alter table users add column announces_detected boolean not null default false;

-- +goose Down
alter table users drop column announces_detected;
