-- +goose Up
-- Finished positions that their owner tagged: the journal's filter reads those alone. What
-- has no tag is in no index for it, so that closing a position pays nothing.
create index positions_tagged on positions (user_id, (coalesce(closed_at, created_at)), id)
    where tags <> '{}' and status in ('closed', 'expired', 'exercised');

-- +goose Down
drop index positions_tagged;
