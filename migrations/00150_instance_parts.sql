-- +goose Up
-- What a process does of the program's work, so that it shows when nobody works the jobs.
-- Processes of the version before do everything.
alter table instances add column part text not null default 'all' check (part in ('all', 'no-jobs', 'only-jobs'));

-- +goose Down
alter table instances drop column part;
