-- +goose Up
-- Who stopped themselves, and what a breaker turned for an account, is nobody else's
-- business; the other switches stop everybody's orders, or say of a trader what the pages
-- of those who copy them show.
alter policy known on trading_switches using (
    scope not in ('self', 'account') or scope = 'self' and key = app_user()::text
    or scope = 'account' and exists (select from accounts a where a.id::text = key)); -- one of theirs: accounts have a policy too

-- +goose Down
alter policy known on trading_switches using (true);
