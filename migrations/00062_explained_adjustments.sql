-- +goose Up
-- A sale made in the broker's own app may be listed only after the holdings took its
-- contracts away. The row of kind explained takes back from that adjustment what an
-- order turns out to have sold: the order's fill says what it brought.
alter table position_adjustments
    add column explains uuid references position_adjustments, -- the adjustment, of kind external
    add column order_id uuid references orders,               -- the order that sold the contracts
    drop constraint position_adjustments_kind_check,
    add constraint position_adjustments_kind_check
        check (kind in ('external', 'rename_out', 'rename_in', 'expired', 'exercised', 'explained')),
    add constraint position_adjustments_explained
        check ((kind = 'explained') = (explains is not null) and (kind = 'explained') = (order_id is not null) and (kind <> 'explained' or quantity > 0));
create index position_adjustments_explains on position_adjustments (explains) where explains is not null;

-- +goose Down
-- What was explained stays so: without these columns only the names are lost.
alter table position_adjustments
    drop constraint position_adjustments_explained,
    drop constraint position_adjustments_kind_check,
    add constraint position_adjustments_kind_check
        check (kind in ('external', 'rename_out', 'rename_in', 'expired', 'exercised')) not valid;
drop index position_adjustments_explains;
alter table position_adjustments drop column explains, drop column order_id;
