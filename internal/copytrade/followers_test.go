package copytrade

import (
	"testing"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

// A trader sees who copies them, page by page, and nothing of those who left.
func TestATraderSeesTheirFollowers(t *testing.T) {
	t.Parallel()
	f := open(t)
	var all []string
	for n := range 5 {
		w := f.follower(name(n), true)
		f.exec(`update subscriptions set created_at = now() - $2::int * interval '1 day' where id = $1`, w.subscription, n)
		all = append(all, name(n))
	}
	left := f.follower("gone", true)
	f.set(left, "status", "cancelled")
	resting := f.follower("resting", false)
	f.exec(`update subscriptions set status = 'paused', created_at = now() - interval '9 days' where id = $1`, resting.subscription)
	all = append(all, "resting")

	var seen []string
	for after := (*Cursor)(nil); ; {
		page, next, err := f.copier.Followers(f.ctx, f.trader, 2, after)
		f.must(err)
		for _, one := range page {
			seen = append(seen, one.Username)
		}
		if after = next; after == nil {
			break
		}
	}
	if len(seen) != len(all) {
		t.Fatalf("saw %v, not %v", seen, all)
	}
	for i := range all {
		if seen[i] != all[i] {
			t.Errorf("saw %v, not %v", seen, all)
		}
	}
	if active, paused, err := f.copier.FollowerCount(f.ctx, f.trader); err != nil || active != 5 || paused != 1 {
		t.Errorf("%d active, %d paused, %v", active, paused, err)
	}
	if page, _, err := f.copier.Followers(f.ctx, resting.id, 10, nil); err != nil || len(page) != 0 {
		t.Errorf("somebody nobody follows has %v, %v", page, err)
	}
}

// What became of an order adds up, and the slippage is the one in the middle.
func TestATraderSeesWhatBecameOfAnOrder(t *testing.T) {
	t.Parallel()
	f := open(t)
	paid := []string{"3.50", "3.57", "3.64", "3.85"} // 0, 2, 4 and 10 % above
	for n := range 6 {
		f.follower(name(n), n < 5) // the last is asked
	}
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	if n, err := f.copier.CopiesOf(f.ctx, f.trader, order); err != nil || n != (Copies{}) {
		t.Errorf("before anything was decided: %+v %v", n, err)
	}
	f.decide(order)
	ids := read[[]uuid.UUID](f, `select array_agg(id order by place) from copy_decisions where result = 'queued'`)
	for i, price := range paid {
		f.exec(`
			with d as (select * from copy_decisions where id = $1),
			p as (insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source)
				select d.user_id, a.id, d.symbol, 'AAPL', 'call', 200, '`+expiryDate+`', 100, 'copy' from d join accounts a on a.user_id = d.user_id returning *),
			o as (insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
					source, state, cum, cum_notional, send_before, trading_day, subscription_id, decision_id)
				select d.user_id, p.account_id, p.id, 'BTO', d.symbol, 'AAPL', 100, 2, 'Limit', 4, 'Day', 'copy', 'filled', 2, 2 * $2::numeric, now(), current_date,
					d.subscription_id, d.id from d, p returning *)
			update copy_decisions c set result = 'executed', order_id = o.id from o where c.id = $1`, ids[i], price)
	}
	f.exec(`update copy_decisions set result = 'skipped', reason = 'too_late' where id = $1`, ids[4])
	n, err := f.copier.CopiesOf(f.ctx, f.trader, order)
	f.must(err)
	if n.Decisions != 6 || n.Executed != 4 || n.Skipped != 1 || n.AwaitingApproval != 1 || n.MedianSlippage == nil || n.MedianSlippage.String() != "3.00" {
		t.Errorf("%+v, slippage %v", n, n.MedianSlippage)
	}
	for i, worse := range []string{"0", "2", "4", "10"} { // each follower reads their own
		page, _, err := f.copier.Decisions(f.ctx, read[uuid.UUID](f, `select user_id from copy_decisions where id = $1`, ids[i]), Query{Limit: 1})
		f.must(err)
		if d := page[0]; d.Average == nil || !d.Average.Equal(decimal.RequireFromString(paid[i])) || !d.Slippage().Decimal.Equal(decimal.RequireFromString(worse)) {
			t.Errorf("paid %s: average %v, slippage %v", paid[i], d.Average, d.Slippage())
		}
	}
	if _, err := f.copier.CopiesOf(f.ctx, read[uuid.UUID](f, `select user_id from copy_decisions limit 1`), order); fault.CodeOf(err) != "not_found" {
		t.Errorf("a follower asks for it: %v", err)
	}
}
