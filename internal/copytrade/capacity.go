package copytrade

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/record"
)

// Capacity is how many followers of one signal the request budget serves within a
// time, if the trader's fill came now. Between Least and Most lies how many of them
// need a second call, because their buying power is not fresh.
type Capacity struct {
	Seconds int `json:"seconds"`
	Least   int `json:"least"`
	Most    int `json:"most"`
}

// CapacityDelays are the waits that capacity is told for, in seconds: 60 is what a
// follower allows unless they say otherwise.
var CapacityDelays = []int{15, 30, 60, 120, 300, 900}

// UsualDelay is how long a trade may be old for who says nothing else, in seconds.
var UsualDelay = *Defaults().MaxDelaySeconds

// freshForGood is a balance that stays fresh longer than anybody may wait, in ms.
const freshForGood = 1_000_000

// Capacity tells for each of some waits how many the budget serves. It walks the line
// as fanning out does, by the same forecast and the same function, with followers who
// all need one call or all need two; who waits less long stands in the same line, as far as
// they wait. A program without a budget tells nothing.
func (c *Copier) Capacity(ctx context.Context, delays ...int) (list []Capacity, err error) {
	if c.forecast == nil || len(delays) == 0 {
		return nil, nil
	}
	var longest time.Duration
	for _, seconds := range delays {
		longest = max(longest, time.Duration(seconds)*time.Second)
	}
	calls, promised, err := c.free(ctx, longest, 2*decideSlice)
	if err != nil {
		return nil, err
	}
	rows, err := c.db.Pool().Query(ctx, `
		with due as (
			select two, one from unnest(copy_line(array_fill(@longest::int, array[@line::int]), array_fill(-1, array[@line::int]), @calls::int[], @promised),
				copy_line(array_fill(@longest::int, array[@line::int]), array_fill(@fresh::int, array[@line::int]), @calls::int[], @promised)) as due(two, one))
		select w.seconds, count(*) filter (where two between 0 and w.seconds * 1000)::int, count(*) filter (where one between 0 and w.seconds * 1000)::int
		from unnest(@delays::int[]) with ordinality as w(seconds, nth) left join due on true
		group by w.seconds, w.nth order by w.nth`, pgx.NamedArgs{
		"delays": delays, "longest": longest.Milliseconds(), "line": max(len(calls)-promised, 0), "fresh": freshForGood, "calls": calls, "promised": promised,
	})
	if err != nil {
		return nil, fmt.Errorf("reckon how many the budget serves: %w", err)
	}
	list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Capacity])
	if err != nil {
		return nil, fmt.Errorf("reckon how many the budget serves: %w", err)
	}
	return list, nil
}

// FollowersOf counts who copies a trader for real, paused or not, as the directory
// does (index subscriptions_followers). Foreign table: users.
func (c *Copier) FollowersOf(ctx context.Context, username string) (n int, err error) {
	err = c.db.Pool().QueryRow(ctx, `
		select count(*) from users u join subscriptions s on s.trader_id = u.id and `+realFollowers+`
		where u.username = lower($1) and `+record.Trader, username).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count followers: %w", err)
	}
	return n, nil
}
