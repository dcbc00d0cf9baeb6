-- +goose Up
-- When an access token ends by itself; null: never, as those that were made before.
alter table access_tokens add column expires_at timestamptz;

-- +goose Down
alter table access_tokens drop column expires_at;
