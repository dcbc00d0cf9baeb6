-- +goose NO TRANSACTION
-- +goose Up
-- What is trimmed by age is found by age. Rows come in the order of their time, so that an
-- index of ranges is enough, which costs a write nothing. Built beside the traffic: the tables
-- may hold months of it.
drop index concurrently if exists deliveries_age; -- half built by a run that was interrupted
create index concurrently deliveries_age on deliveries using brin (created_at);
drop index concurrently if exists notifications_age;
create index concurrently notifications_age on notifications using brin (created_at);
drop index concurrently if exists portal_visits_age;
create index concurrently portal_visits_age on portal_visits using brin (created_at);
drop index concurrently if exists security_events_age;
create index concurrently security_events_age on security_events using brin (at);

-- +goose Down
drop index concurrently if exists security_events_age;
drop index concurrently if exists portal_visits_age;
drop index concurrently if exists notifications_age;
drop index concurrently if exists deliveries_age;
