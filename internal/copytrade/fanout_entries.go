package copytrade

// activeAtTrigger are the subscriptions to a trader that were active at the instant of
// the trigger: gone says that they were paused or ended since (index
// subscription_periods_ended), and nothing is begun for them. Each is there once: what
// was active before ended before what is active now began.
const activeAtTrigger = `(
		select n.*, false as gone from subscriptions n where n.trader_id = @trader and n.status = 'active' and n.active_since <= @trigger::timestamptz
		union all
		select n.*, true from subscription_periods w join subscriptions n on n.id = w.subscription_id
		where w.trader_id = @trader and w.ended_at > @trigger::timestamptz and w.began_at <= @trigger::timestamptz)`

// followed joins the next slice of the subscriptions that an order o is decided
// about, in the published fair order: by a hash of the signal's seed and their id.
const followed = `join lateral (
		select f.*, copy_place_key(@seed, f.id) collate "C" as key from ` + activeAtTrigger + ` f
		where (@lastKey::text = '' or copy_place_key(@seed, f.id) collate "C" > @lastKey::text)
		order by copy_place_key(@seed, f.id) collate "C" limit @slice) s on true`

// fairOrder is the place of a subscription s in the line of its signal. Who copies
// on paper stands in a line of their own: they take nobody's place.
const fairOrder = `(case when s.paper then @paperPlaced::int else @placed::int end + row_number() over (partition by s.paper order by s.key))::int as place,
		case when s.paper then @paperOf::int else @placeOf::int end as place_of`

// sliceDone says how many of each line a statement decided about, and the last key.
const sliceDone = `
select (count(*) filter (where not paper))::int, (count(*) filter (where paper))::int, max(key) from `

// automatic says whether a subscription s trades without asking: its follower
// wants that and, where it is not on paper, agreed to the text in force.
const automatic = `(s.auto_execute and (s.paper or exists (
		select 1 from consents k where k.user_id = s.follower_id and k.version = @consent and k.withdrawn_at is null)))`

// readMade reads the decisions that a CTE named made has written.
const readMade = ` select ` + decisionColumns + ` from made c join users t on t.id = c.trader_id join orders l on l.id = c.leader_order_id`

// copiesOpen is what subscription s has of other contracts than order o's, and the
// dollars in all of its copies: those held at their cost, and what its entries may
// still buy (indexes copy_holdings_open, orders_copies_live). One on paper holds
// nothing but paper, and no other does.
const copiesOpen = `
	select count(distinct x.symbol) filter (where x.symbol <> o.symbol) as others, coalesce(sum(x.cost), 0) as cost from (
		select p.symbol, h.remaining_cost as cost from copy_holdings h join positions p on p.id = h.position_id
		where h.subscription_id = s.id and h.bought > h.sold
		union all
		select e.symbol, e.estimated_cost * (e.quantity - e.cum) / e.quantity from orders e
		where e.subscription_id = s.id and e.side = 'BTO' and ` + exitsLive + `
		union all
		select h.symbol, h.remaining_cost from paper_holdings h where h.subscription_id = s.id and h.bought > h.sold) x`

// allCopies is what the follower of s has in copies of all traders, in dollars, as
// copiesOpen reckons them (indexes copy_holdings_held, orders_copies_live); who copies on
// paper holds what is on paper.
const allCopies = `
	select coalesce(sum(x.cost), 0) as cost from subscriptions y cross join lateral (
		select h.remaining_cost as cost from copy_holdings h where h.subscription_id = y.id and h.bought > h.sold
		union all
		select e.estimated_cost * (e.quantity - e.cum) / e.quantity from orders e
		where e.subscription_id = y.id and e.side = 'BTO' and ` + exitsLive + `
		union all
		select h.remaining_cost from paper_holdings h where h.subscription_id = y.id and h.bought > h.sold) x
	where y.follower_id = s.follower_id and y.paper = s.paper`

// madeToday is what copies of subscription s made today, in dollars: those sold,
// and those held at the marks given; what nobody quotes counts as nothing (as R14
// reckons for all traders together).
const madeToday = `
	select coalesce((select r.realized from copy_day_results r where r.subscription_id = s.id and r.trading_day = @today::date), 0)
		+ coalesce((select sum(f.realized) from paper_fills f
			where f.user_id = s.follower_id and f.trading_day = @today::date and f.kind <> 'buy' and f.subscription_id = s.id), 0)
		+ coalesce((select sum(x.shares * q.mark - x.cost) from (
				select p.symbol, (h.bought - h.sold) * p.multiplier as shares, h.remaining_cost as cost
				from copy_holdings h join positions p on p.id = h.position_id
				where h.subscription_id = s.id and h.bought > h.sold and p.status = 'open'
				union all
				select h.symbol, (h.bought - h.sold) * h.multiplier, h.remaining_cost from paper_holdings h
				where h.subscription_id = s.id and h.bought > h.sold) x
			join unnest(@marked::text[], @marks::numeric[]) q (symbol, mark) on q.symbol = x.symbol), 0) as made`

// heldElsewhere is whether the follower of s holds the contract of order o from
// elsewhere: by themselves or from another trader. On paper only paper counts.
const heldElsewhere = `
	case when s.paper then exists (
		select 1 from paper_holdings h where h.user_id = s.follower_id and h.symbol = o.symbol and h.bought > h.sold and h.subscription_id <> s.id)
	else exists (
		select 1 from positions p left join copy_holdings h on h.position_id = p.id and h.subscription_id = s.id
		where p.account_id = a.id and p.symbol = o.symbol and p.status = 'open' and p.bought - p.sold > coalesce(h.bought - h.sold, 0)) end`

// judgeEntries decides about leader's buys, one row of a CTE named candidate for each
// follower and signal: the fan-out's, and those of a dry run. It looks at nothing but
// the row: the settings under their column names in subscriptions, the signal (cum,
// price, multiplier, underlying, option_type, days_left) and the facts of its moment
// (account_ready, buying_power, flat, closing, session_open, delay, held, open_others,
// exposed, made, most, copies_today, unpublished, gone, muted, total_most, total_exposed). What it comes to is judged: reason, size, and the numbers compared.
const judgeEntries = `
priced as (
	select *, coalesce(floor(case scaling_mode
			when 'factor' then cum * scaling_value
			when 'contracts' then scaling_value
			when 'dollars' then scaling_value / nullif(price * multiplier, 0)
			else buying_power * scaling_value / 100 / nullif(price * multiplier, 0) end), 0) as wanted,
		multiplier * case when max_slippage_percent = 0 then price
			else greatest(price * (1 + max_slippage_percent / 100), price + 0.05) end as cost_each
	from candidate
), reasoned as (
	select *, case
			when gone then 'copying_stopped'
			when unpublished then 'trader_stopped'
			when muted then 'muted_today'
			when not account_ready then 'no_account'
			when flat then 'leader_flat'
			when not session_open then 'market_closed'
			when price <= 0 then 'risk_price'
			when delay > make_interval(secs => max_delay_seconds) then 'too_late'
			when cardinality(allowed_underlyings) > 0 and underlying <> all (allowed_underlyings) then 'underlying_not_allowed'
			when underlying = any (denied_underlyings) then 'underlying_denied'
			when option_type <> all (option_types) then 'option_type'
			when days_left < min_days_to_expiration then 'expires_too_soon'
			when days_left > max_days_to_expiration then 'expires_too_late'
			when closing then 'expires_too_soon'
			when made <= -daily_loss_stop then 'daily_loss_stop'
			when wanted < 1 then 'scaled_to_zero'
			when max_premium_per_trade < cost_each then 'max_premium'
			when open_others >= max_open_positions then 'max_open_positions'
			when max_exposure - exposed < cost_each then 'max_exposure'
			when total_most - total_exposed < cost_each then 'max_exposure_total'
			when held and same_contract = 'skip' then 'already_held'
			when copies_today >= max_daily_trades then 'risk_daily_copies'
		end as reason
	from priced
), judged as (
	select *, case when reason is null then least(wanted, max_position_size, most, floor(max_premium_per_trade / cost_each),
			floor((max_exposure - exposed) / cost_each), floor((total_most - total_exposed) / cost_each)) else 0 end::int as size,
		case when ` + someDecided + ` then ` + numbersOfMost + ` || ` + numbersOfSome + ` else ` + numbersOfMost + ` end as numbers
	from reasoned
)`

// numbersOfAll are the numbers that are compared for everybody; the bounds that are
// off for most are left out where none is set, because making them takes long.
const numbersOfAll = `jsonb_build_object('scaling', scaling_mode, 'value', trim_scale(scaling_value)::text, 'wanted', wanted::text,
			'maxPositionSize', max_position_size, 'delaySeconds', round(extract(epoch from delay), 1), 'maxDelaySeconds', max_delay_seconds,
			'daysToExpiration', days_left, 'costEach', round(cost_each, 2)::text)`

// numbersOfMost are those and the bounds that are set.
const numbersOfMost = `case when least(min_days_to_expiration, max_days_to_expiration, max_open_positions) is null and least(max_premium_per_trade, max_exposure, daily_loss_stop) is null
			then ` + numbersOfAll + ` else ` + numbersOfAll + ` || jsonb_build_object(
			'minDaysToExpiration', min_days_to_expiration, 'maxDaysToExpiration', max_days_to_expiration,
			'maxPremiumPerTrade', max_premium_per_trade::text, 'openPositions', open_others,
			'maxOpenPositions', max_open_positions, 'exposure', round(exposed, 2)::text, 'maxExposure', max_exposure::text,
			'madeToday', round(made, 2)::text, 'dailyLossStop', daily_loss_stop::text) end`

// someDecided is whether one of numbersOfSome decided.
const someDecided = `(reason = 'risk_daily_copies' or total_most is not null or scaling_mode = 'buyingPowerPercent' or most < least(wanted, max_position_size))`

// numbersOfSome are those that are compared for everybody and named where they decided.
const numbersOfSome = `case
		when reason = 'risk_daily_copies' then jsonb_build_object('copiesToday', copies_today, 'maxDailyTrades', max_daily_trades)
		when total_most is not null then jsonb_build_object('totalExposure', round(total_exposed, 2)::text, 'maxTotalExposure', round(total_most, 2)::text)
		when scaling_mode = 'buyingPowerPercent' then jsonb_build_object('buyingPower', round(buying_power, 2)::text, 'most', most)
		else jsonb_build_object('most', most) end`

// fanOutEntries decides about a leader's buy. "offset 0" keeps what is reckoned for a
// bound from being reckoned for those who set none: without it the planner reckons
// first. What was copied from this trader does not count as held from elsewhere. A copy on paper needs no account; without one it
// reckons with paper's own buying power. Foreign tables: orders, accounts, positions,
// copy_holdings, copy_day_results, risk_limits, day_counters.
const fanOutEntries = `
with o as (
	select o.*, round(o.cum_notional / o.cum, 4) as price, p.bought = p.sold as flat, p.option_type,
		p.expiration - @today::date as days_left, p.expiration = any (coalesce(@expirations::date[], '{}')) as last_day
	from orders o join positions p on p.id = o.position_id where o.id = @order and o.source <> 'copy' and o.cum > 0
), candidate as (
	select s.*, o.id as leader_order, o.symbol, o.cum, o.price, o.multiplier, o.flat, o.underlying, o.option_type, o.days_left, ` + fairOrder + `,
		s.paper or coalesce(a.status = 'ok' and a.can_trade, false) as account_ready,
		case when s.paper then coalesce(a.buying_power, @paperPower::numeric) else a.buying_power end as buying_power,
		o.last_day and not s.paper and s.close_on_expiry_at is not null and least(s.close_on_expiry_at, @latest) <= @time as closing,
		@open::boolean as session_open, @now::timestamptz - @executed::timestamptz as delay, ` + heldElsewhere + ` as held,
		` + automatic + ` as automatic, copies.others as open_others, copies.cost as exposed, today.made, least(rt.own, rt.granted) as total_most, total.cost as total_exposed,
		least(r.own, coalesce(r.granted, @most::int))::int as most, used.used::int as copies_today, @unpublished::boolean as unpublished, s.muted_on = @today::date as muted,
		least(greatest(extract(epoch from a.balance_at - @now::timestamptz) * 1000 + @balanceAge::int, -1), 1000000)::int as fresh_ms
	from o ` + followed + `
	left join risk_limits r on r.user_id = s.follower_id and r.kind = 'copyContracts'
	left join risk_limits rt on rt.user_id = s.follower_id and rt.kind = 'copyExposure'
	left join lateral (select m.* from (select where rt.user_id is not null offset 0) bounded cross join lateral (` + allCopies + `) m) total on true
	left join day_counters used on used.user_id = s.follower_id and used.trading_day = @today::date and (used.kind = 'copies' and not s.paper or used.kind = 'paper_copies' and s.paper)
	left join lateral (select c.* from (select where s.max_open_positions is not null or s.max_exposure is not null offset 0) bounded
		cross join lateral (` + copiesOpen + `) c) copies on true
	left join lateral (select m.* from (select where s.daily_loss_stop is not null offset 0) stopped cross join lateral (` + madeToday + `) m) today on true
	left join accounts a on a.user_id = s.follower_id and a.removed_at is null
		and case when s.account_id is null then a.selected else a.id = s.account_id end
), ` + judgeEntries + lineUp + `, made as (
	insert into copy_decisions (subscription_id, paper, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price,
		quantity, result, reason, numbers, place, place_of, due_at, expires_at)
	select id, paper, follower_id, trader_id, leader_order, 'BTO', symbol, cum, price, case when ms < 0 then 0 else size end,
		case when reason is not null or ms < 0 then 'skipped' when automatic then 'queued' else 'awaiting_approval' end,
		coalesce(reason, case when ms < 0 then 'line_too_long' end),
		case when ms < -1 then numbers || jsonb_build_object('forecastMs', -1 - ms, 'waitsMs', (max_delay_seconds * 1000 - extract(epoch from delay) * 1000)::int)
			when ms = -1 then numbers || jsonb_build_object('waitsMs', (max_delay_seconds * 1000 - extract(epoch from delay) * 1000)::int) else numbers end, place, place_of,
		@now::timestamptz + ms * interval '1 millisecond', least(@now::timestamptz + make_interval(secs => max_delay_seconds), @close::timestamptz)
	from (select l.*, case when waits_in_line then d.ms[nth] end as ms from lean l cross join due d) x
	on conflict (leader_order_id, subscription_id) do nothing
)` + sliceDone + `lean`

// lineUp gives those of judged who buy without asking their time in line, or, where
// the request budget cannot send them within what they wait, -1 less the time in which
// it could (ms; -1 alone where that is not known).
const lineUp = `, lean as materialized (
	select id, paper, follower_id, trader_id, leader_order, symbol, cum, price, size, reason, automatic, numbers, key, place, place_of,
		max_delay_seconds, fresh_ms, delay, reason is null and automatic and not paper as waits_in_line,
		count(*) filter (where reason is null and automatic and not paper) over (order by paper, place rows unbounded preceding) as nth
	from judged
), due as (
	select copy_line(array_agg((max_delay_seconds * 1000 - extract(epoch from delay) * 1000)::int order by nth), array_agg(fresh_ms order by nth),
		@calls::int[], @skip::int) as ms
	from lean where waits_in_line
)`
