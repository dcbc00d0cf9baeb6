-- +goose Up
-- Until when a token lasts belongs to what it is. And an operator who calls a job once more
-- that was given up on does something: it is written down, as everything of theirs.
drop trigger audit on access_tokens;
create trigger audit after insert or update of revoked_at on access_tokens
    for each row execute function audit('user_id', 'id', 'name,scope,expires_at,revoked_at');
create trigger audit after update of state on river_job for each row
    when (old.state = 'discarded' and new.state <> 'discarded')
    execute function audit('', 'id', 'state');

-- +goose Down
drop trigger audit on river_job;
drop trigger audit on access_tokens;
create trigger audit after insert or update of revoked_at on access_tokens
    for each row execute function audit('user_id', 'id', 'name,scope,revoked_at');
