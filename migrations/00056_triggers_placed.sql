-- +goose Up
-- Triggers whose order is on its way: the sweep asks for those whose order has ended.
create index copy_triggers_placed on copy_triggers (order_id) where state = 'placed';

-- +goose Down
drop index copy_triggers_placed;
