-- +goose Up
-- How each integration was on each ended day, UTC, added up from its minutes: the public
-- page draws ninety days without reading a million minutes.
create table integration_days (
    name   text not null,
    day    date not null,
    ok     int not null check (ok >= 0),     -- minutes
    errors int not null check (errors >= 0), -- minutes with any error in them
    primary key (name, day)
);
create index integration_days_day on integration_days (day);

-- +goose Down
drop table integration_days;
