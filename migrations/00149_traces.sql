-- +goose Up
-- Which trace an order or an alert is part of, while traces are kept (OTEL_EXPORTER_OTLP_ENDPOINT):
-- what happens to it minutes later, in another process and by no job, goes on with it. A day.
create table traces (
    subject uuid primary key,
    parent  text not null check (length(parent) <= 64), -- W3C traceparent: numbers, nothing else
    at      timestamptz not null default now()
);
create index traces_age on traces using brin (at);

-- Who places an order notes its trace; what others' are is nobody's.
alter table traces enable row level security;
create policy note on traces for insert to alertsify_member with check (true);
grant insert on traces to alertsify_member;

-- +goose Down
drop table traces;
