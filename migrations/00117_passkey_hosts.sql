-- +goose Up
-- Whose passkey it is, as browsers have it: the host of our address when it was made. Empty
-- until the program has started once with this column; it then knows its address.
alter table passkeys add column rp_id text not null default '' check (length(rp_id) <= 253);

-- +goose Down
alter table passkeys drop column rp_id;
