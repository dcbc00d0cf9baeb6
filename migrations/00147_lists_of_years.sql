-- +goose Up
-- The few that matter now among all that somebody ever ordered, and was ever asked.
create index orders_working on orders (user_id, created_at desc, id desc) where state in ('queued', 'submitting', 'unknown', 'accepted', 'partial');
create index copy_decisions_awaiting on copy_decisions (user_id, decided_at desc, id desc) where result = 'awaiting_approval';

-- +goose Down
drop index copy_decisions_awaiting, orders_working;
