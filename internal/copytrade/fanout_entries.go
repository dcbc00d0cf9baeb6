package copytrade

// The published fair order of a signal's followers: by a hash of the order's
// and the subscription's ids, which nobody can choose.
const fairOrder = `row_number() over (order by md5(o.id::text || s.id::text)) as place, count(*) over () as place_of`

// followed joins the subscriptions that an order o is decided about.
const followed = `join subscriptions s on s.trader_id = o.user_id and s.status = 'active' and s.active_since <= @trigger::timestamptz`

// automatic says whether a subscription s trades without asking: its follower
// wants that and agreed to the text in force.
const automatic = `(s.auto_execute and exists (
		select 1 from consents k where k.user_id = s.follower_id and k.version = @consent and k.withdrawn_at is null))`

// readMade reads the decisions that a CTE named made has written.
const readMade = ` select ` + decisionColumns + ` from made c join users t on t.id = c.trader_id join orders l on l.id = c.leader_order_id`

// fanOutEntries decides about a leader's buy. What the follower holds of the
// contract from elsewhere, by themselves or from another trader, counts as
// already held; what was copied from this trader does not. Foreign tables:
// orders, accounts, positions, copy_holdings.
const fanOutEntries = `
with o as (
	select o.*, round(o.cum_notional / o.cum, 4) as price, p.bought = p.sold as flat
	from orders o join positions p on p.id = o.position_id where o.id = @order and o.source <> 'copy' and o.cum > 0
), candidate as (
	select s.*, o.id as leader_order, o.symbol, o.cum, o.price, o.flat, a.id as account, a.status as account_status, a.can_trade, ` + fairOrder + `,
		coalesce(floor(case s.scaling_mode
			when 'factor' then o.cum * s.scaling_value
			when 'contracts' then s.scaling_value
			when 'dollars' then s.scaling_value / nullif(o.price * o.multiplier, 0)
			else a.buying_power * s.scaling_value / 100 / nullif(o.price * o.multiplier, 0) end), 0) as wanted,
		exists (select 1 from positions p
			left join copy_holdings h on h.position_id = p.id and h.subscription_id = s.id
			where p.account_id = a.id and p.symbol = o.symbol and p.status = 'open'
			  and p.bought - p.sold > coalesce(h.bought - h.sold, 0)) as held,
		` + automatic + ` as automatic
	from o ` + followed + `
	left join accounts a on a.user_id = s.follower_id and a.removed_at is null
		and case when s.account_id is null then a.selected else a.id = s.account_id end
), judged as (
	select *, case
			when account is null or account_status <> 'ok' or not can_trade then 'no_account'
			when flat then 'leader_flat'
			when not @open::boolean then 'market_closed'
			when price <= 0 then 'risk_price'
			when @now::timestamptz - @executed::timestamptz > make_interval(secs => max_delay_seconds) then 'too_late'
			when wanted < 1 then 'scaled_to_zero'
			when held and same_contract = 'skip' then 'already_held'
		end as reason,
		jsonb_build_object('scaling', scaling_mode, 'value', trim_scale(scaling_value)::text, 'wanted', wanted::text, 'maxPositionSize', max_position_size,
			'delaySeconds', round(extract(epoch from @now::timestamptz - @executed::timestamptz), 1), 'maxDelaySeconds', max_delay_seconds) as numbers
	from candidate
), made as (
	insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price,
		quantity, result, reason, numbers, place, place_of, expires_at)
	select id, follower_id, trader_id, leader_order, 'BTO', symbol, cum, price,
		case when reason is null then least(wanted, max_position_size, @most::int) else 0 end,
		case when reason is not null then 'skipped' when automatic then 'queued' else 'awaiting_approval' end,
		reason, numbers, place, place_of, least(@now::timestamptz + make_interval(secs => max_delay_seconds), @close::timestamptz)
	from judged
	on conflict (leader_order_id, subscription_id) do nothing
	returning *
)` + readMade
