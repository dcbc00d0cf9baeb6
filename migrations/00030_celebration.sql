-- +goose Up
-- A winning close is celebrated once, on the first page that sees it, unless its
-- owner wants no such thing.
alter table users add column celebrates boolean not null default true;
alter table positions add column celebrated_at timestamptz;

-- +goose Down
alter table positions drop column celebrated_at;
alter table users drop column celebrates;
