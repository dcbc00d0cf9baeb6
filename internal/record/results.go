package record

import (
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
)

// What published trades came to (published_results) is written with the record and counted
// by whoever shows how good a trader is: boards, the directory, profiles. What they have to
// agree on stands here.

// Trader is the condition that everybody may see the user u as a trader. Who has stopped
// publishing keeps their page, and is not listed.
const Trader = `u.role in ('trader', 'admin') and u.status = 'active'`

// StoppedAt is since when the trader u has stopped publishing; null: they have not. Foreign
// table: trading_switches.
const StoppedAt = `(select w.set_at from trading_switches w where w.scope = 'publishing' and w.key = u.id::text)`

// Counted are the results r that say how good a trader is: known ones of real accounts. Where
// there are only paper accounts, in development, those count too (@paperCounts).
const Counted = `r.result is not null and (@paperCounts or not r.paper)`

// CountedDays are the days d of published_days that say the same, added up: on them only
// known results stand.
const CountedDays = `(@paperCounts or not d.paper)`

// Period is how far back results are counted.
type Period string

// Today, the last 7 and the last 30 days, and everything. Days are New York's.
const (
	Daily   Period = "daily"
	Weekly  Period = "weekly"
	Monthly Period = "monthly"
	Always  Period = "all"
)

// Periods lists them, the shortest first.
func Periods() []Period { return []Period{Daily, Weekly, Monthly, Always} }

// Since is when a period began whose last day is today; the zero time where it has no
// beginning.
func (p Period) Since(today exchange.Date) time.Time {
	days := map[Period]int{Daily: 0, Weekly: 6, Monthly: 29}
	back, known := days[p]
	if !known {
		return time.Time{}
	}
	return today.AddDays(-back).At(0, 0)
}
