-- +goose Up
-- What is trimmed by age is found by age. Rows come in the order of their time, so that an
-- index of ranges is enough, which costs a write nothing.
create index deliveries_age on deliveries using brin (created_at);
create index notifications_age on notifications using brin (created_at);
create index portal_visits_age on portal_visits using brin (created_at);
create index security_events_age on security_events using brin (at);

-- +goose Down
drop index security_events_age, portal_visits_age, notifications_age, deliveries_age;
