package copytrade

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

// exit is a decision about a leader's sell with all that says what to sell next.
type exit struct {
	Decision
	Copying  bool        // the subscription is still active, and the follower still agrees to what nobody asks them about
	Sold     int         // by the leader's order, so far
	Average  money.Price // of the leader's order, so far
	Working  bool        // the leader's order may sell more
	Flat     bool        // the leader holds nothing, and no other order of theirs filled later
	LastFill time.Time   // of the leader's order

	Taken   int          // by this decision's exits: live ones in full, ended ones by what they filled
	Filled  int          // of it
	Highest int          // the highest target of the exits, but for those that could not be sent
	Live    int          // exits that may still sell
	Last    orders.State // of the newest exit
	LastAt  *time.Time   // when it was placed

	Copied int // what the copy holds beyond its live exits
	Free   int // what its position has free
}

// readExits reads exits by a condition on c. What was sold on paper stands where
// orders stand otherwise. Foreign tables: orders, positions, fills, copy_holdings.
func readExits(ctx context.Context, q querier, condition string, args ...any) ([]exit, error) {
	rows, err := q.Query(ctx, `
		select `+decisionColumns+`, s.status = 'active' and (c.paper or c.responded_at is not null or exists (
				select 1 from consents k where k.user_id = s.follower_id and k.withdrawn_at is null)), l.cum, round(l.cum_notional / l.cum, 4), l.state in ('accepted', 'partial'),
			lp.bought = lp.sold and not exists (
				select 1 from orders nl join copy_decisions n on n.leader_order_id = nl.id and n.subscription_id = c.subscription_id
				where nl.position_id = l.position_id and n.side = 'STC' and n.id <> c.id and (`+lastFill("nl")+`, n.decided_at, n.id) > (`+lastFill("l")+`, c.decided_at, c.id)),
			(select max(least(coalesce(f.executed_at, f.learnt_at), f.learnt_at)) from fills f where f.order_id = l.id),
			x.taken, x.filled, x.highest, x.live, coalesce(x.last, ''), x.last_at,
			coalesce(h.bought - h.sold, ph.bought - ph.sold, 0) - coalesce((select sum(e.quantity - e.cum) from orders e
				where e.position_id = c.position_id and e.subscription_id = c.subscription_id and e.side = 'STC' and `+exitsLive+`), 0)::int,
			coalesce(case when c.paper then ph.bought - ph.sold else greatest(fp.bought - fp.sold - fp.sell_reserved - fp.missing, 0) end, 0)
		`+decisionFrom+`
		join subscriptions s on s.id = c.subscription_id
		join positions lp on lp.id = l.position_id
		left join positions fp on fp.id = c.position_id
		left join copy_holdings h on h.subscription_id = c.subscription_id and h.position_id = c.position_id
		left join paper_holdings ph on c.paper and ph.subscription_id = c.subscription_id and ph.symbol = c.symbol
		join lateral (
			select coalesce(sum(case when `+exitsLive+` then e.quantity else e.cum end), 0)::int as taken, coalesce(sum(e.cum), 0)::int as filled,
				coalesce(max(e.copy_target) filter (where e.state <> 'aborted' or e.reason_code = '`+orders.UserCancelled+`'), 0) as highest, count(*) filter (where `+exitsLive+`)::int as live,
				(array_agg(e.state order by e.created_at desc))[1] as last, max(e.created_at) as last_at
			from (select state, quantity, cum, copy_target, reason_code, created_at from orders where decision_id = c.id and side = 'STC'
				union all select 'filled', quantity, quantity, copy_target, null, filled_at from paper_fills where decision_id = c.id and kind = 'sell') e) x on true
		where `+condition, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanExit)
}

// lastFill is when the last fill of a leader's order was learnt. What a copy still holds
// once its leader is flat is sold by the decision about the sell that filled last: that
// of an order which was decided about last may be over by then.
func lastFill(order string) string {
	return `(select max(learnt_at) from fills where order_id = ` + order + `.id)`
}

func scanExit(row pgx.CollectableRow) (x exit, err error) {
	var average decimal.Decimal
	x.Decision, err = scanDecisionAnd(row, &x.Copying, &x.Sold, &average, &x.Working, &x.Flat, &x.LastFill,
		&x.Taken, &x.Filled, &x.Highest, &x.Live, &x.Last, &x.LastAt, &x.Copied, &x.Free)
	x.Average = money.Price{Decimal: average}
	return x, err
}

// until is how long the decision may sell: the leader's last fill decides, and a
// late approval keeps its thirty seconds.
func (x exit) until() time.Time {
	if last := x.LastFill.Add(exitsWithin); last.After(x.ExpiresAt) {
		return last
	}
	return x.ExpiresAt
}

// move is what an exit comes to now: an order, an end, or a wait; none of them
// when there is nothing to do until the leader sells more.
type move struct {
	quantity, target int // an order over quantity brings the copy to target
	end              *ending
	wait             time.Duration
}

// next decides on the next move. One order for each rise of the target: what an
// order that ended has left over is sold with the next rise, and not by itself.
func (x exit) next(now time.Time) move {
	target := exitTarget(x.Held, x.Sold, x.LeaderHeld, x.Flat)
	switch {
	case target <= x.Highest:
		return x.settled()
	case !x.Copying:
		return x.over("copying_stopped")
	case x.Copied <= 0: // sold by the follower, or by another exit
		return x.over("no_copy_held")
	case !now.Before(x.until()):
		if x.Reason != nil { // why it could not be sold all the time
			return x.over(*x.Reason)
		}
		return x.over("too_late")
	}
	if x.LastAt != nil && now.Sub(*x.LastAt) < exitSpacing {
		return move{wait: exitSpacing - now.Sub(*x.LastAt)}
	}
	quantity := min(target-x.Taken, x.Copied, x.Free)
	if quantity <= 0 {
		return move{wait: exitSpacing}
	}
	// What is not free yet stays above the order's target, to be tried again.
	return move{quantity: quantity, target: max(x.Taken+quantity, x.Highest+1)}
}

// nextOf is next with what one order may sell (R4): what is above it stays above the
// order's target, and the next order sells it.
func (c *Copier) nextOf(x exit) move {
	x.Free = min(x.Free, c.rules.Limits().HardContracts)
	return x.next(c.now())
}

// settled is the end of a decision whose leader sells no more and whose exits
// came to nothing.
func (x exit) settled() move {
	if x.Working || x.Live > 0 || x.Filled > 0 {
		return move{}
	}
	if x.Highest == 0 {
		return move{end: &ending{Skipped, "scaled_to_zero", ""}}
	}
	e := endingOf(x.Last, nil)
	return move{end: &e}
}

// over ends a decision that sold nothing; one that did stays executed.
func (x exit) over(reason string) move {
	if x.Live > 0 || x.Filled > 0 {
		return move{}
	}
	return move{end: &ending{Skipped, reason, ""}}
}

// placeExit makes the next move of one exit.
func (c *Copier) placeExit(ctx context.Context, x exit) error {
	m := c.nextOf(x)
	switch {
	case m.end != nil:
		return c.finish(ctx, x.Decision, *m.end)
	case m.wait > 0:
		return orders.Again{After: m.wait}
	case m.quantity == 0:
		return nil
	}
	limit := orders.ExitLimit(x.Contract, x.Average)
	order := orders.CopyOrder{
		UserID: x.FollowerID, LeaderID: x.TraderID, SubscriptionID: x.SubscriptionID, DecisionID: x.ID, Side: orders.STC,
		Contract: x.Contract, PositionID: x.PositionID, Target: &m.target, Quantity: m.quantity, Type: orders.Limit, Limit: &limit,
		SendBefore: x.until(),
	}
	still := func(ctx context.Context, tx pgx.Tx) error { return c.stillNext(ctx, tx, x, m) }
	var err error
	if x.Paper {
		err = c.sellOnPaper(ctx, x, order, still)
	} else {
		err = c.enter(ctx, order, still)
	}
	if code, _, compared, refused := refusal(err); refused {
		return c.tryAgain(ctx, x.Decision, code, compared, exitSpacing)
	}
	return err
}

// tryAgain keeps a copy that cannot be had now until its time is over. A refusal must
// not leave a follower holding what the leader has left, so exits are kept.
func (c *Copier) tryAgain(ctx context.Context, d Decision, code, compared string, wait time.Duration) error {
	if err := c.noteWhy(ctx, d, code, compared); err != nil {
		return err
	}
	return orders.Again{After: wait}
}

// noteWhy keeps why a decision waits, and the numbers that were compared.
func (c *Copier) noteWhy(ctx context.Context, d Decision, code, compared string) error {
	_, err := c.db.Pool().Exec(ctx, `
		update copy_decisions set reason = $2, numbers = numbers || $3::jsonb, updated_at = now()
		where id = $1 and result in ('queued', 'approved') and reason is distinct from $2`, d.ID, code, compared)
	if err != nil {
		return fmt.Errorf("note why decision %s waits: %w", d.ID, err)
	}
	return nil
}

// stillNext looks, in the transaction that writes the order, whether the move is
// still the next one. The subscription's row is held first: of two decisions
// about one copy, one sees what the other took.
func (c *Copier) stillNext(ctx context.Context, tx pgx.Tx, x exit, m move) error {
	if _, err := tx.Exec(ctx, `select from subscriptions where id = $1 for no key update`, x.SubscriptionID); err != nil {
		return fmt.Errorf("lock the copy of exit %s: %w", x.ID, err)
	}
	if _, err := tx.Exec(ctx, `select from copy_decisions where id = $1 for no key update`, x.ID); err != nil {
		return fmt.Errorf("lock exit %s: %w", x.ID, err)
	}
	now, err := readExits(ctx, tx, `c.id = $1 and c.result in ('queued', 'approved', 'executed')`, x.ID)
	if err != nil {
		return fmt.Errorf("read exit %s again: %w", x.ID, err)
	}
	if len(now) == 0 {
		return errTaken
	}
	if again := c.nextOf(now[0]); again.quantity != m.quantity || again.target != m.target {
		return orders.Again{After: retryWait}
	}
	return nil
}

// exitTarget is how many of the copied contracts should be sold by now: in
// proportion to what the leader's order has sold of what the leader held,
// rounded half down; everything when the leader is flat.
func exitTarget(copied, leaderSold, leaderHeld int, flat bool) int {
	if flat {
		return copied
	}
	if leaderHeld <= 0 {
		return 0
	}
	twice := 2 * copied * leaderSold
	whole, rest := twice/(2*leaderHeld), twice%(2*leaderHeld)
	if rest > leaderHeld { // more than half of a contract
		whole++
	}
	return min(whole, copied)
}
