-- +goose Up
-- What operators are told of once, and when an order was last read by its id.

alter table orders
    add column alarmed text,        -- the review reason that the operators were told
    add column read_at timestamptz; -- when it was last read one by one: the longest ago goes first
update orders set alarmed = review_reason;
create index orders_to_alarm on orders (created_at) where review_reason is not null and alarmed is distinct from review_reason;

-- +goose Down
drop index orders_to_alarm;
alter table orders drop column alarmed, drop column read_at;
