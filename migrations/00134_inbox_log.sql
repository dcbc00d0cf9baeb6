-- +goose NO TRANSACTION
-- +goose Up
-- The operators' log of webhooks: what came last of each kind, and what was parked. Built
-- beside the traffic: the table may hold a month of it.
create index concurrently if not exists inbound_webhooks_type on inbound_webhooks (provider, event_type, received_at desc);
create index concurrently if not exists inbound_webhooks_parked on inbound_webhooks (received_at desc) where state = 'parked';
-- Who had a webhook worked once more.
create or replace trigger audit after update of state on inbound_webhooks for each row
    when (old.state in ('done', 'parked') and new.state = 'new')
    execute function audit('', 'webhook_id', 'state,reason,attempts');

-- +goose Down
drop trigger if exists audit on inbound_webhooks;
drop index concurrently if exists inbound_webhooks_parked;
drop index concurrently if exists inbound_webhooks_type;
