-- +goose Up
-- What the broker says of an account's worth and kind: small margin accounts are warned
-- of day trades.
alter table accounts
    add column equity   numeric(20, 4),            -- dollars, as of the last listing of accounts; null: not known
    add column raw_type text not null default ''; -- the broker's own word, such as "Margin"

-- +goose Down
alter table accounts drop column raw_type, drop column equity;
