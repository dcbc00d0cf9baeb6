-- +goose Up
-- What the trader directory counts: own finished positions, by when they finished.
create index positions_finished on positions (user_id, closed_at) include (realized, outcome, account_id)
    where outcome is not null and source <> 'copy';

-- +goose Down
drop index positions_finished;
