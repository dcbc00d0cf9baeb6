-- +goose Up
-- Bounds sell copies on paper too. What they were reached for there is of no position
-- and no order: the contract and its subscription say which holding, and the fill on
-- paper names its trigger, once.
alter table copy_triggers alter column position_id drop not null;
alter table copy_triggers drop constraint copy_triggers_ends;
alter table copy_triggers add constraint copy_triggers_ends check ((state in ('placed', 'sold')) <= (order_id is not null or position_id is null)
    and (state = 'failed') <= (reason is not null) and (position_id is null) <= (order_id is null and state <> 'placed'));
create unique index copy_triggers_paper_once on copy_triggers (subscription_id, symbol, kind, bought) where position_id is null; -- INV-52

alter table paper_fills add column trigger_id uuid references copy_triggers; -- closed by a bound; null: by the follower's own hand
alter table paper_fills add constraint paper_fills_triggered check (trigger_id is null or kind = 'close');
create unique index paper_fills_trigger on paper_fills (trigger_id) where trigger_id is not null;

-- Who holds a contract on paper, for those who watch its price.
create index paper_holdings_open_symbol on paper_holdings (symbol) where bought > sold;

-- +goose Down
drop index paper_holdings_open_symbol, paper_fills_trigger;
alter table paper_fills drop constraint paper_fills_triggered, drop column trigger_id;
delete from copy_triggers where position_id is null;
drop index copy_triggers_paper_once;
alter table copy_triggers drop constraint copy_triggers_ends;
alter table copy_triggers add constraint copy_triggers_ends check ((state in ('placed', 'sold')) <= (order_id is not null) and (state = 'failed') <= (reason is not null));
alter table copy_triggers alter column position_id set not null;
