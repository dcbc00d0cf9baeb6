-- +goose Up
-- What is held on paper can be sold by its follower's own hand ("close"), which is no
-- decision's, as a settlement is none.
alter table paper_fills drop constraint paper_fills_kind_check, drop constraint paper_fills_check1,
    add constraint paper_fills_kind check (kind in ('buy', 'sell', 'settle', 'close')),
    add constraint paper_fills_decided check ((kind in ('settle', 'close')) = (decision_id is null));

-- +goose Down
delete from paper_fills where kind = 'close';
alter table paper_fills drop constraint paper_fills_kind, drop constraint paper_fills_decided,
    add constraint paper_fills_kind_check check (kind in ('buy', 'sell', 'settle')),
    add constraint paper_fills_check1 check ((kind = 'settle') = (decision_id is null));
