-- +goose Up
-- What became of a message and which mail it was in is written by the workers that send. A trader
-- sees of their own alerts' deliveries to others, so that the policies of these tables, which
-- ask for a delivery that is seen, let members change rows of others: they only read them.
revoke insert, update, delete on delivery_attempts, mail_parts, mails from alertsify_member;

-- When an account is looked at next is its owner's, and is not given away with the account kept.
alter policy own on account_looks using (user_id = app_user()) with check (user_id = app_user());

-- Whose a Whop user or a license key is decides who has a plan.
create trigger audit after insert or delete on whop_links for each row execute function audit('user_id', 'whop_user', 'whop_user');
create trigger audit after insert or delete on redemptions for each row execute function audit('user_id', 'membership_id', 'membership_id');

-- Muting a trader narrows what is copied, and unmuting widens it again.
drop trigger audit on subscriptions;
create trigger audit after insert or update on subscriptions for each row execute function audit('follower_id', 'id',
    'trader_id,account_id,status,auto_execute,paper,max_position_size,max_daily_trades,scaling_mode,scaling_value,max_slippage_percent,max_delay_seconds,max_spread_percent,same_contract,order_type,allowed_underlyings,denied_underlyings,option_types,min_days_to_expiration,max_days_to_expiration,max_premium_per_trade,max_open_positions,max_exposure,daily_loss_stop,stop_loss_percent,take_profit_percent,close_on_expiry_at,unmanaged,muted_on');

-- +goose Down
drop trigger audit on subscriptions;
create trigger audit after insert or update on subscriptions for each row execute function audit('follower_id', 'id',
    'trader_id,account_id,status,auto_execute,paper,max_position_size,max_daily_trades,scaling_mode,scaling_value,max_slippage_percent,max_delay_seconds,max_spread_percent,same_contract,order_type,allowed_underlyings,denied_underlyings,option_types,min_days_to_expiration,max_days_to_expiration,max_premium_per_trade,max_open_positions,max_exposure,daily_loss_stop,stop_loss_percent,take_profit_percent,close_on_expiry_at,unmanaged');
drop trigger audit on redemptions;
drop trigger audit on whop_links;
alter policy own on account_looks using (exists (select from accounts a where a.id = account_id))
    with check (exists (select from accounts a where a.id = account_id));
grant insert, update, delete on delivery_attempts, mail_parts, mails to alertsify_member;
