-- +goose NO TRANSACTION
-- +goose Up
-- The few that matter now among all that somebody ever ordered, and was ever asked. Built
-- beside the traffic: nobody's order waits for it.
drop index concurrently if exists orders_working; -- half built by a run that was interrupted
create index concurrently orders_working on orders (user_id, created_at desc, id desc) where state in ('queued', 'submitting', 'unknown', 'accepted', 'partial');
drop index concurrently if exists copy_decisions_awaiting;
create index concurrently copy_decisions_awaiting on copy_decisions (user_id, decided_at desc, id desc) where result = 'awaiting_approval';

-- +goose Down
drop index concurrently if exists copy_decisions_awaiting;
drop index concurrently if exists orders_working;
