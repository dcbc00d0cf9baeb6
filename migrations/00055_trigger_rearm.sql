-- +goose Up
-- A bound stands for every copied contract: it is reached once for those bought so
-- far, and again for those that are bought later.
alter table copy_triggers add column bought integer not null default 0; -- copied contracts bought of the holding when it was reached
update copy_triggers g set bought = h.bought from copy_holdings h where h.subscription_id = g.subscription_id and h.position_id = g.position_id;
alter table copy_triggers drop constraint copy_triggers_once;
alter table copy_triggers add constraint copy_triggers_once unique (subscription_id, position_id, kind, bought); -- INV-52

-- +goose Down
alter table copy_triggers drop constraint copy_triggers_once;
delete from copy_triggers g where order_id is null and exists (select 1 from copy_triggers n where n.subscription_id = g.subscription_id
    and n.position_id = g.position_id and n.kind = g.kind and n.bought > g.bought);
alter table copy_triggers drop column bought;
alter table copy_triggers add constraint copy_triggers_once unique (subscription_id, position_id, kind);
