-- +goose Up
-- A trader's own switch: nothing new of theirs is announced or copied. It is a scope of
-- its own, so that its owner cannot take an operator's halt away with it.
alter table trading_switches drop constraint trading_switches_scope_check;
alter table trading_switches add constraint trading_switches_scope_check
    check (scope in ('platform', 'broker', 'underlying', 'leader', 'user', 'account', 'self', 'publishing'));
alter table subscriptions drop constraint subscriptions_unmanaged_check;
alter table subscriptions add constraint subscriptions_unmanaged_check
    check (unmanaged in ('trader_gone', 'not_a_trader', 'trader_halted', 'trader_unlinked', 'not_publishing', 'cancelled'));

-- +goose Down
update subscriptions set unmanaged = null, unmanaged_since = null where unmanaged = 'not_publishing';
delete from trading_switches where scope = 'publishing';
alter table subscriptions drop constraint subscriptions_unmanaged_check;
alter table subscriptions add constraint subscriptions_unmanaged_check
    check (unmanaged in ('trader_gone', 'not_a_trader', 'trader_halted', 'trader_unlinked', 'cancelled'));
alter table trading_switches drop constraint trading_switches_scope_check;
alter table trading_switches add constraint trading_switches_scope_check
    check (scope in ('platform', 'broker', 'underlying', 'leader', 'user', 'account', 'self'));
