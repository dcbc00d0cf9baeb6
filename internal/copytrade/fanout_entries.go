package copytrade

import (
	"strconv"
	"strings"

	"github.com/alertsify/alertsify/internal/billing"
)

// activeAtTrigger are the subscriptions to a trader that were active at the instant of
// the trigger: gone says that they were paused or ended since (index
// subscription_periods_ended), and nothing is begun for them. Each is there once: what
// was active before ended before what is active now began.
const activeAtTrigger = `(
		select n.*, false as gone from subscriptions n where n.trader_id = @trader and n.status = 'active' and n.active_since <= @trigger::timestamptz
		union all
		select n.*, true from subscription_periods w join subscriptions n on n.id = w.subscription_id
		where w.trader_id = @trader and w.ended_at > @trigger::timestamptz and w.began_at <= @trigger::timestamptz)`

// theLine is who of them is left, by the published fair order: a hash of the signal's
// seed and their id, made once for each ("offset 0"). next are the first of them, with
// their places. Who copies on paper stands in a line of their own: they take nobody's.
// Whom there is a decision for is passed over here: the signal's row is held, so that
// nobody makes one meanwhile, and "on conflict" takes a tenth of the statement's time.
// Where the slice begins and how long it is stands in the statement (inSlice): of a
// limit that it does not know the planner expects a tenth, of a bound a third, and it
// looks up one by one what it should join.
const theLine = `
line as materialized (
	select * from (select f.id, f.paper, f.gone, copy_place_key(@seed, f.id) collate "C" as key from o cross join ` + activeAtTrigger + ` f
		where f.id not in (select d.subscription_id from copy_decisions d where d.leader_order_id = @order) offset 0) f
	` + beginMark + `
), next as materialized (
	select id, paper, gone, key, (case when paper then @paperPlaced::int + count(*) filter (where paper) over passed
			else @placed::int + count(*) filter (where not paper) over passed end)::int as place,
		case when paper then @paperOf::int else @placeOf::int end as place_of
	from (select * from line order by key limit ` + sliceMark + `) n window passed as (order by key rows unbounded preceding)
)`

// The marks stand where a slice begins and where it ends.
const (
	beginMark = "/* behind the last key */"
	sliceMark = "/* slice */"
)

// inSlice is a statement for a slice of so many followers, the first ones or those
// behind @lastKey. There are few sizes, those that halving makes of the first, so that
// statements stay prepared.
func inSlice(statement string, slice int, first bool) string {
	begin := "where key > @lastKey::text"
	if first {
		begin = ""
	}
	return strings.NewReplacer(beginMark, begin, sliceMark, strconv.Itoa(slice)).Replace(statement)
}

// nextInLine is all that is known of the subscriptions that are next.
const nextInLine = `(select f.*, n.gone, n.place, n.place_of from next n join subscriptions f on f.id = n.id)`

// decisionID makes the id of the decision about who stands at a place: those of a slice
// begin alike, by chance (@ids, 24 characters of a random id), and are counted. Drawing
// each by itself takes longer than any other column.
const decisionID = `(@ids || lpad(to_hex(2 * place + paper::int), 12, '0'))::uuid`

// sliceDone says how many of each line a statement decided about, the last key, how
// many were left before, and what the leader traded in words.
const sliceDone = `
select (count(*) filter (where not paper))::int, (count(*) filter (where paper))::int, max(key), (select count(*) from line)::int,
	(select coalesce(max(` + termsOf + `), '') from (select cum as source_quantity, price as source_price from o) c) from next`

// automatic says whether a subscription s trades without asking: its follower
// wants that and, where it is not on paper, agreed to the text in force.
const automatic = `(s.auto_execute and (s.paper or exists (
		select 1 from consents k where k.user_id = s.follower_id and k.version = @consent and k.withdrawn_at is null)))`

// planned is whether the plan of subscription s's follower includes buying without asking:
// who let it lapse is asked from then on, as on the lower plan. Exits go on without it
// (index memberships_user).
const planned = `(exists (
		select from memberships m where m.user_id = s.follower_id and m.access and (m.access_until is null or m.access_until > @now::timestamptz)
			and m.product = any (@planProducts::text[]))
		or @planNew::boolean and not exists (select from memberships m where m.user_id = s.follower_id))`

// planMark stands where planned does; where no plans are sold it is all there is to ask.
const planMark = "true /* whose plan includes it */"

// entries is fanOutEntries, with the question about plans where they are sold: elsewhere
// even planning it would be felt.
func (c *Copier) entries() string {
	if c.gate.Holders(billing.AutoCopy).Everybody {
		return fanOutEntries
	}
	return strings.Replace(fanOutEntries, planMark, planned, 1)
}

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
// elsewhere: by themselves or from another trader. On paper only paper counts; else
// mine is the open position in it, and copied what of that s took.
const heldElsewhere = `
	case when s.paper then exists (
		select 1 from paper_holdings h where h.user_id = s.follower_id and h.symbol = o.symbol and h.bought > h.sold and h.subscription_id <> s.id)
	else coalesce(mine.bought - mine.sold > coalesce(copied.bought - copied.sold, 0), false) end`

// judgeEntries decides about leader's buys, one row of a CTE named candidate for each
// follower and signal: the fan-out's, and those of a dry run. It looks at nothing but
// the row: the settings under their column names in subscriptions, the signal (cum,
// price, multiplier, underlying, option_type, days_left) and the facts of its moment
// (account_ready, buying_power, flat, closing, session_open, delay, delay_seconds, held, open_others,
// exposed, made, most, copies_today, unpublished, gone, muted, total_most, total_exposed). What it comes to is judged: reason, size, and the numbers compared.
// "offset 0" has what is reckoned in one step reckoned once, not wherever the next name it.
const judgeEntries = `
priced as (
	select *, coalesce(floor(case scaling_mode
			when 'factor' then cum * scaling_value
			when 'contracts' then scaling_value
			when 'dollars' then scaling_value / nullif(price * multiplier, 0)
			else buying_power * scaling_value / 100 / nullif(price * multiplier, 0) end), 0) as wanted,
		multiplier * case when max_slippage_percent = 0 then price
			else greatest(price * (1 + max_slippage_percent / 100), price + 0.05) end as cost_each
	from candidate offset 0
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
	from priced offset 0
), judged as (
	select *, case when reason is null then least(wanted, max_position_size, most, floor(max_premium_per_trade / cost_each),
			floor((max_exposure - exposed) / cost_each), floor((total_most - total_exposed) / cost_each)) else 0 end::int as size,
		case when ` + boundSet + ` or ` + someDecided + ` then ` + numbersOfAll + ` || ` + numbersOfBounds + ` || ` + numbersThatDecided + `
			else ` + numbersOfAll + ` end as numbers
	from reasoned
)`

// numbersOfAll are the numbers that are compared for everybody.
const numbersOfAll = `jsonb_build_object('scaling', scaling_mode, 'value', trim_scale(scaling_value)::text, 'wanted', wanted::text,
			'maxPositionSize', max_position_size, 'delaySeconds', delay_seconds, 'maxDelaySeconds', max_delay_seconds)`

// boundSet is whether one of the bounds is set that are off for most; numbersOfBounds
// are left out where none is, because making them takes long.
const boundSet = `least(min_days_to_expiration, max_days_to_expiration, max_open_positions) is not null or least(max_premium_per_trade, max_exposure, daily_loss_stop) is not null`

const numbersOfBounds = `case when ` + boundSet + ` then jsonb_build_object(
			'daysToExpiration', days_left, 'costEach', round(cost_each, 2)::text, 'minDaysToExpiration', min_days_to_expiration, 'maxDaysToExpiration', max_days_to_expiration,
			'maxPremiumPerTrade', max_premium_per_trade::text, 'openPositions', open_others,
			'maxOpenPositions', max_open_positions, 'exposure', round(exposed, 2)::text, 'maxExposure', max_exposure::text,
			'madeToday', round(made, 2)::text, 'dailyLossStop', daily_loss_stop::text) else '{}' end`

// someDecided is whether one of those decided that are compared for everybody and
// named where they did: numbersThatDecided.
const someDecided = `reason = 'risk_daily_copies' or total_most is not null or scaling_mode = 'buyingPowerPercent' or most < least(wanted, max_position_size)`

const numbersThatDecided = `case
		when reason = 'risk_daily_copies' then jsonb_build_object('copiesToday', copies_today, 'maxDailyTrades', max_daily_trades)
		when total_most is not null then jsonb_build_object('totalExposure', round(total_exposed, 2)::text, 'maxTotalExposure', round(total_most, 2)::text)
		when scaling_mode = 'buyingPowerPercent' then jsonb_build_object('buyingPower', round(buying_power, 2)::text, 'most', most)
		when most < least(wanted, max_position_size) then jsonb_build_object('most', most) else '{}' end`

// fanOutEntries decides about a leader's buy. "offset 0" keeps what is reckoned for a
// bound from being reckoned for those who set none: without it the planner reckons
// first. What was copied from this trader does not count as held from elsewhere. A copy on paper needs no account; without one it
// reckons with paper's own buying power. Foreign tables: orders, accounts, positions,
// copy_holdings, copy_day_results, risk_limits, day_counters, memberships.
const fanOutEntries = `
with o as materialized (
	select o.id, o.user_id, o.symbol, o.underlying, o.multiplier, o.cum, round(o.cum_notional / o.cum, 4) as price, p.bought = p.sold as flat, p.option_type,
		@now::timestamptz - @executed::timestamptz as delay, round(extract(epoch from @now::timestamptz - @executed::timestamptz), 1) as delay_seconds, least(extract(epoch from @now::timestamptz - @executed::timestamptz) * 1000, 2000000000)::int as delay_ms,
		p.expiration - @today::date as days_left, p.expiration = any (coalesce(@expirations::date[], '{}')) as last_day
	from orders o join positions p on p.id = o.position_id where o.id = @order and o.source <> 'copy' and o.cum > 0
),` + theLine + `, candidate as (
	select s.*, o.id as leader_order, o.symbol, o.cum, o.price, o.multiplier, o.flat, o.underlying, o.option_type, o.days_left,
		s.paper or coalesce(a.status = 'ok' and a.can_trade, false) as account_ready,
		case when s.paper then coalesce(a.buying_power, @paperPower::numeric) else a.buying_power end as buying_power,
		o.last_day and s.close_on_expiry_at is not null and least(s.close_on_expiry_at, @latest) <= @time as closing,
		@open::boolean as session_open, o.delay, o.delay_ms, o.delay_seconds, ` + heldElsewhere + ` as held,
		s.auto_execute and (s.paper or agreed.user_id is not null and ` + planMark + `) as automatic, copies.others as open_others, copies.cost as exposed, least(rt.own, rt.granted) as total_most,
		case when rt.user_id is not null then (` + allCopies + `) end as total_exposed,
		case when s.daily_loss_stop is not null then (` + madeToday + `) end as made,
		least(r.own, coalesce(r.granted, @most::int))::int as most, used.used::int as copies_today, @unpublished::boolean as unpublished, s.muted_on = @today::date as muted, a.balance_at
	from o cross join ` + nextInLine + ` s
	left join consents agreed on agreed.user_id = s.follower_id and agreed.version = @consent and agreed.withdrawn_at is null
	left join risk_limits r on r.user_id = s.follower_id and r.kind = 'copyContracts'
	left join risk_limits rt on rt.user_id = s.follower_id and rt.kind = 'copyExposure'
	left join day_counters used on used.user_id = s.follower_id and used.trading_day = @today::date and (used.kind = 'copies' and not s.paper or used.kind = 'paper_copies' and s.paper)
	left join lateral (select c.* from (select where s.max_open_positions is not null or s.max_exposure is not null offset 0) bounded
		cross join lateral (` + copiesOpen + `) c) copies on true
	left join accounts a on a.user_id = s.follower_id and a.removed_at is null
		and case when s.account_id is null then a.selected else a.id = s.account_id end
	left join positions mine on mine.account_id = a.id and mine.symbol = o.symbol and mine.status = 'open'
	left join copy_holdings copied on copied.position_id = mine.id and copied.subscription_id = s.id
), ` + judgeEntries + lineUp + `, made as (
	insert into copy_decisions (id, subscription_id, paper, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price,
		quantity, result, reason, numbers, place, place_of, due_at, expires_at)
	select ` + decisionID + `, x.id, paper, follower_id, o.user_id, o.id, 'BTO', o.symbol, o.cum, o.price, case when ms < 0 then 0 else size end,
		case when reason is not null or ms < 0 then 'skipped' when automatic then 'queued' else 'awaiting_approval' end,
		coalesce(reason, case when ms < 0 then 'line_too_long' end),
		case when ms < -1 then numbers || jsonb_build_object('forecastMs', -1 - ms, 'waitsMs', waits_ms) else numbers end, place, place_of,
		@now::timestamptz + ms * interval '1 millisecond', least(@now::timestamptz + make_interval(secs => max_delay_seconds), @close::timestamptz)
	from o cross join (select l.*, case when waits_in_line then d.ms[place - @placed::int] end as ms from lean l cross join due d) x
)` + sliceDone

// lineUp gives those of judged who buy without asking their time in line, or, where
// the request budget cannot send them within what they wait, -1 less the time in which
// it could (ms; -1 alone where that is not known). due is made once, also where the
// planner thinks of few followers: for each of them it would take for ever.
const lineUp = `, lean as materialized (
	select id, paper, follower_id, size, reason, automatic, numbers, place, place_of, max_delay_seconds, balance_at,
		max_delay_seconds * 1000 - delay_ms as waits_ms, reason is null and automatic and not paper as waits_in_line
	from judged
), due as materialized (
	select copy_line(array_agg(case when waits_in_line then waits_ms end),
		array_agg(case when waits_in_line then least(greatest(extract(epoch from balance_at - @now::timestamptz) * 1000 + @balanceAge::int, -1), 1000000)::int end),
		@calls::int[], @skip::int) as ms
	from (select * from lean where not paper order by place) l
)`
