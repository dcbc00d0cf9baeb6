package leaderboard

import (
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/record"
)

// How copying a trader went is told of this many days, and not of fewer than so many copies
// of so many followers: few say little, and those of one follower are nobody else's business.
const (
	copiedDays            = 90
	copiesLeast           = 10
	copyingFollowersLeast = 3
)

// Copying is how copying a trader went for those who did, for real, in the last 90 days.
type Copying struct {
	Decided  int           `json:"decided"`        // about the trader's buys, and over
	Skipped  int           `json:"skipped"`        // of those
	SkipRate *money.Amount `json:"skipRate"`       // percent; null of too few
	Slippage *money.Amount `json:"medianSlippage"` // percent of the trader's price, against the follower; null of too few
	Finished int           `json:"finishedCopies"` // that have ended, of those bought in that time
	Return   *money.Amount `json:"return"`         // percent of what those copies cost; null of too few
	OfTrader *money.Amount `json:"traderReturn"`   // percent that the trader's own trades made of the same money
	// Efficiency is return ÷ traderReturn, in percent; null where the trader made nothing.
	Efficiency *money.Amount `json:"copyEfficiency"`
}

// copyingColumns are what newCopying is told of a row r.
const copyingColumns = `r.decided, r.skipped, r.slippage, r.copies, r.copy_cost, r.copy_result, r.copy_base`

// copyingSums are those columns.
type copyingSums struct {
	decided, skipped, copies         int
	slippage, cost, result, baseline decimal.NullDecimal
}

func (s copyingSums) copying() Copying {
	c := Copying{Decided: s.decided, Skipped: s.skipped, Finished: s.copies}
	if s.decided >= copiesLeast {
		c.SkipRate = percent(count(s.skipped), count(s.decided))
	}
	if s.slippage.Valid {
		c.Slippage = percent(s.slippage.Decimal, count(1))
	}
	if s.cost.Valid {
		c.Return, c.OfTrader = percent(s.result.Decimal, s.cost.Decimal), percent(s.baseline.Decimal, s.cost.Decimal)
		if s.baseline.Decimal.IsPositive() {
			c.Efficiency = percent(s.result.Decimal, s.baseline.Decimal)
		}
	}
	return c
}

// copyingRows are the common table expressions of how copying went, by trader: copied has
// decisions that are over and the middle of what was paid on top, ended what came of copies
// that have. A holding counts when all of it was bought by those decisions, so that all of
// what it made is theirs, and when it is known what the trader's own trades made. Foreign
// tables: copy_decisions (index copy_decisions_lately), orders, accounts, copy_holdings,
// published_results.
const copyingRows = `
		choice as materialized (
			select d.trader_id, d.user_id, d.subscription_id, d.leader_order_id, d.side, d.result, e.position_id, e.cum, e.cum_notional * e.multiplier as cost,
				case d.side when 'BTO' then 1 else -1 end * (e.cum_notional / nullif(e.cum, 0) - d.source_price) / nullif(d.source_price, 0) as slip
			from copy_decisions d left join orders e on e.id = d.order_id left join accounts a on a.id = e.account_id
			where d.decided_at >= @copiedSince and not d.paper and d.result in ('executed', 'rejected', 'skipped', 'failed', 'expired')
			  and (e.id is null or @paperCounts or not a.paper)
		), copied as (
			select trader_id, count(*) filter (where side = 'BTO')::int as decided, count(*) filter (where side = 'BTO' and result = 'skipped')::int as skipped,
				case when count(slip) filter (where result = 'executed') >= @copiesLeast then round((
					percentile_disc(0.5) within group (order by slip) filter (where result = 'executed')
					+ percentile_disc(0.5) within group (order by slip desc) filter (where result = 'executed')) / 2, 8) end as slippage
			from choice group by trader_id
		), holding as (
			select c.trader_id, c.user_id, c.subscription_id, c.position_id, sum(c.cum) as bought, sum(c.cost) as cost,
				sum(c.cost * r.realized / nullif(r.cost, 0)) as base, bool_and(coalesce(r.cost > 0, false)) as known
			from choice c left join orders o on o.id = c.leader_order_id left join published_results r on r.position_id = o.position_id and ` + record.Counted + `
			where c.side = 'BTO' and c.result = 'executed' and c.cum > 0
			group by c.trader_id, c.user_id, c.subscription_id, c.position_id
		), ended as (
			select k.trader_id, count(*)::int as copies, sum(k.cost) as cost, sum(h.realized) as result, sum(k.base) as base,
				count(*) >= @copiesLeast and count(distinct k.user_id) >= @copyingFollowers as enough
			from holding k join copy_holdings h on h.subscription_id = k.subscription_id and h.position_id = k.position_id and h.bought = k.bought and h.sold = h.bought
			where k.known
			group by k.trader_id
		)`
