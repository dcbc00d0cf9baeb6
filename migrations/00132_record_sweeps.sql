-- +goose Up
-- Up to when the track records were held against what happened: what was published before
-- there were records, or booked by a process that knows of none, is added behind it.
create table record_sweeps (
    one         boolean primary key default true check (one),
    swept_until timestamptz not null
);
create index fills_learnt on fills (learnt_at);
create index position_adjustments_learnt on position_adjustments (learnt_at);
create index late_fees_booked on late_fees (booked_at);
create index record_trades_open on record_trades (position_id) where result is null;

-- +goose Down
drop index record_trades_open, late_fees_booked, position_adjustments_learnt, fills_learnt;
drop table record_sweeps;
