-- +goose Up
-- Positions up for review are told to the operators once for each reason, as orders
-- are, and both are listed for them.
alter table positions add column alarmed text; -- the review reason that the operators were told
update positions set alarmed = review_reason where review_reason is not null;
create index positions_to_alarm on positions (created_at) where review_reason is not null and alarmed is distinct from review_reason;
create index positions_up_for_review on positions (created_at desc) where review_reason is not null;
create index orders_up_for_review on orders (created_at desc) where review_reason is not null;

-- +goose Down
drop index orders_up_for_review, positions_up_for_review, positions_to_alarm;
alter table positions drop column alarmed;
