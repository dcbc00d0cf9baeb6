-- +goose NO TRANSACTION
-- +goose Up
-- The operators' log of webhooks: what came last of each kind, and what was parked. Built
-- beside the traffic: the table may hold a month of it.
drop index concurrently if exists inbound_webhooks_type; -- half built by a run that was interrupted
create index concurrently inbound_webhooks_type on inbound_webhooks (provider, event_type, received_at desc);
drop index concurrently if exists inbound_webhooks_parked;
create index concurrently inbound_webhooks_parked on inbound_webhooks (received_at desc) where state = 'parked';
-- Attempts only grow, because a claim is known by its number: a webhook that is worked once
-- more is given as many again.
alter table inbound_webhooks add column if not exists attempts_before int not null default 0;
-- Who had a webhook worked once more.
create or replace trigger audit after update of state on inbound_webhooks for each row
    when (old.state in ('done', 'parked') and new.state = 'new')
    execute function audit('', 'webhook_id', 'state,reason,attempts');

-- +goose Down
drop trigger if exists audit on inbound_webhooks;
alter table inbound_webhooks drop column if exists attempts_before;
drop index concurrently if exists inbound_webhooks_parked;
drop index concurrently if exists inbound_webhooks_type;
