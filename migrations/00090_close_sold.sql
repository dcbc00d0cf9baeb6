-- +goose Up
-- Of a copied entry whose owner stopped and chose that what they hold is sold: how many of
-- its filled contracts were seen to since. What fills beyond it is sold too. Null: that
-- was not chosen.
alter table orders add column close_sold integer check (close_sold between 0 and cum);
create index orders_close_unsold on orders (updated_at) where close_sold < cum;

-- +goose Down
drop index orders_close_unsold;
alter table orders drop column close_sold;
