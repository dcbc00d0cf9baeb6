package copytrade

import (
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

// Each level does what the one before it does, and one thing more; of other
// subscriptions, and of the follower's own contracts, nothing is touched.
func TestStoppingACopyHasThreeLevels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		how                    Stop
		status, decided, sells string
		done                   orders.Stopped
	}{
		{Stop{Level: orders.StopEntries}, "cancelled", "queued", "", orders.Stopped{}},
		{Stop{Level: orders.StopCancel, Pause: true}, "paused", "skipped: copying_stopped", "", orders.Stopped{}},
		{Stop{Level: orders.StopClose}, "cancelled", "skipped: copying_stopped", "3@3.1 queued", orders.Stopped{Selling: 1}},
		{Stop{Level: orders.StopClose, Pause: true}, "paused", "skipped: copying_stopped", "3@3.1 queued", orders.Stopped{Selling: 1}},
	} {
		t.Run(c.how.Level+" "+c.status, func(t *testing.T) {
			t.Parallel()
			f := trading(t)
			w, other := f.follower("ben", true), f.follower("other", true)
			for _, one := range []follower{w, other} {
				f.holdCopied(one, 3)
				f.hold(one.id, one.account, 5) // their own
			}
			f.exec(`update subscriptions set same_contract = 'add'`)
			f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
			sub, err := f.copier.Subscription(f.ctx, w.id, w.subscription)
			f.must(err)
			if n, err := f.copier.StopCounts(f.ctx, sub); err != nil || n != (StopCounts{Working: 1, Held: 3}) {
				t.Errorf("%+v would be touched, %v", n, err)
			}
			if _, _, err := f.copier.Stop(f.ctx, other.id, w.subscription, c.how); fault.CodeOf(err) != "not_found" {
				t.Error("somebody else stops it:", err)
			}
			stopped, done, err := f.copier.Stop(f.ctx, w.id, w.subscription, c.how)
			f.must(err)
			if stopped.Status != c.status || done.Taken != c.done.Taken || done.Selling != c.done.Selling || len(done.Left) > 0 {
				t.Errorf("%s, %+v", stopped.Status, done)
			}
			if got := f.reason(w) + ", sells " + f.sells(w); got != c.decided+", sells "+c.sells {
				t.Errorf("%s; want %s, sells %s", got, c.decided, c.sells)
			}
			if got := f.reason(other) + f.sells(other); got != "queued" {
				t.Error("the other's:", got)
			}
			if _, done, err = f.copier.Stop(f.ctx, w.id, w.subscription, c.how); err != nil || done.Selling != 0 {
				t.Errorf("once more: %+v, %v", done, err)
			}
		})
	}
	f := open(t)
	w := f.follower("ben", true)
	if _, _, err := f.copier.Stop(f.ctx, w.id, w.subscription, Stop{Level: "all"}); fault.CodeOf(err) != "validation_failed" {
		t.Error("a level that is none:", err)
	}
	if s, err := f.copier.Subscription(f.ctx, w.id, w.subscription); err != nil || s.Status != "active" {
		t.Error("a refusal stopped it:", s.Status, err)
	}
}

// A buy that works at the broker is asked to end.
func TestStoppingTakesBackWhatHasNotFilled(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	order := f.entered(w, orders.Accepted)
	_, done, err := f.copier.Stop(f.ctx, w.id, w.subscription, Stop{Level: orders.StopCancel})
	f.must(err)
	if done.Taken != 1 || !read[bool](f, `select cancel_requested_at is not null from orders where id = $1`, order) {
		t.Errorf("%+v", done)
	}
}

// On paper too: what waits is taken back, and what is held is sold at the bid, of this
// trader only, or stays with a reason.
func TestStoppingACopyOnPaperSellsAtTheBid(t *testing.T) {
	t.Parallel()
	f := trading(t)
	w, other := f.onPaper("ben", true), f.onPaper("other", true)
	f.carryOn(f.leads(orders.BTO, 4, 4, orders.Filled))
	f.pin("3.80", "3.90")
	_, done, err := f.copier.Stop(f.ctx, w.id, w.subscription, Stop{Level: orders.StopCancel})
	f.must(err)
	if got := f.paper(w); done.Selling != 0 || got != "4 of 4 for 1400, made 0" {
		t.Errorf("%+v; %s", done, got)
	}
	f.floor.at("2026-11-21 12:00") // a Saturday
	_, done, err = f.copier.Stop(f.ctx, w.id, w.subscription, Stop{Level: orders.StopClose})
	f.must(err)
	if len(done.Left) != 1 || f.paper(w) != "4 of 4 for 1400, made 0" {
		t.Errorf("while the market is closed: %+v; %s", done, f.paper(w))
	}
	f.clock.Set(exchange.ClockState{AlwaysOpen: true})
	f.pin("3.80", "3.90")
	for _, want := range []int{1, 0} { // a second time there is nothing left
		s, done, err := f.copier.Stop(f.ctx, w.id, w.subscription, Stop{Level: orders.StopClose})
		f.must(err)
		if s.Status != "cancelled" || done.Selling != want || len(done.Left) > 0 {
			t.Errorf("%s %+v", s.Status, done)
		}
	}
	if got := f.paper(w) + "; " + f.paper(other); got != "0 of 4 for 0, made 120; 4 of 4 for 1400, made 0" {
		t.Error(got)
	}
	if kind := read[string](f.floor, `select kind from paper_fills where decision_id is null`); kind != "close" {
		t.Error(kind)
	}
	if n := read[int](f.floor, `select count(*)::int from orders where user_id = $1`, w.id); n != 0 {
		t.Errorf("%d orders for paper", n)
	}
}

// What fills after the owner has stopped and chosen that what they hold is sold is sold
// too, each contract once, and nothing of their own or copied since.
func TestWhatFillsAfterACloseIsSoldOnce(t *testing.T) {
	t.Parallel()
	stopping := func(how Stop) func(*exchangeFloor, follower) {
		return func(f *exchangeFloor, w follower) {
			_, _, err := f.copier.Stop(f.ctx, w.id, w.subscription, how)
			f.must(err)
		}
	}
	for name, c := range map[string]struct {
		stop  func(*exchangeFloor, follower)
		wants [3]string // sold after the stop, after two contracts more, after a third
	}{
		"ended and closed":  {stopping(Stop{Level: orders.StopClose}), [3]string{"1", "1 2", "1 2 1"}},
		"paused and closed": {stopping(Stop{Level: orders.StopClose, Pause: true}), [3]string{"1", "1 2", "1 2 1"}},
		"the kill switch": {func(f *exchangeFloor, w follower) {
			_, err := f.copier.desk.Stop(f.ctx, w.id, orders.StopClose)
			f.must(err)
		}, [3]string{"1", "1 2", "1 2 1"}},
		"taken back, and not closed": {stopping(Stop{Level: orders.StopCancel}), [3]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := trading(t)
			w := f.follower("ben", true)
			f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
			order := f.entered(w, orders.Accepted)
			f.hold(w.id, w.account, 5) // their own
			f.bought(w, order, 1, orders.Partial)
			c.stop(f, w)
			for i, more := range []int{0, 2, 1} {
				if more > 0 {
					f.bought(w, order, more, orders.Partial)
				}
				f.carryOn(order)
				f.carryOn(order)
				if got := f.exits(w); got != c.wants[i] {
					t.Errorf("%d more filled, sold %q, want %q", more, got, c.wants[i])
				}
			}
			f.holdCopied(w, 3) // since, after going on
			f.carryOn(order)
			if got := f.exits(w); got != c.wants[2] {
				t.Errorf("what was copied since: sold %q", got)
			}
		})
	}
}

// A process that dies before it has sold leaves it to the sweep; where it cannot be sold
// now, the follower is told once, and it is tried again.
func TestWhatFillsAfterACloseIsSoldAfterACrash(t *testing.T) {
	t.Parallel()
	f := trading(t)
	w := f.follower("ben", true)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	order := f.entered(w, orders.Accepted)
	_, _, err := f.copier.Stop(f.ctx, w.id, w.subscription, Stop{Level: orders.StopClose})
	f.must(err)
	f.bought(w, order, 2, orders.Filled)
	f.floor.at("2026-11-21 12:00") // a Saturday
	for range 2 {
		f.carryOn(order)
	}
	if told := read[int](f.floor, `select count(*)::int from notifications where user_id = $1 and subject_key like 'closing:%'`, w.id); told != 1 || f.exits(w) != "" {
		t.Errorf("while the market is closed: told %d times, sold %q", told, f.exits(w))
	}
	f.clock.Set(exchange.ClockState{AlwaysOpen: true})
	f.pin("3.40", "3.50")
	f.exec(`update orders set updated_at = now() - interval '6 seconds' where id = $1`, order)
	for range 2 {
		f.must(f.copier.recover(f.ctx))
	}
	if got := f.exits(w); got != "2" {
		t.Errorf("swept: sold %q", got)
	}
}

// What the broker does not hold any more is not sold: of two lots in one position the
// older has what is there. More than one order may sell is sold by several (R4).
func TestACloseSellsWhatIsThere(t *testing.T) {
	t.Parallel()
	f := trading(t)
	w := f.follower("ben", true)
	position := f.holdCopied(w, 700)
	f.exec(`update copy_holdings set created_at = now() - interval '1 hour'`)
	younger := w
	younger.subscription = read[uuid.UUID](f.floor, `insert into subscriptions (follower_id, trader_id) values ($1, $2) returning id`, w.id, f.user("eve", "trader"))
	f.holdCopied(younger, 5)
	f.exec(`update positions set missing = 2 where id = $1`, position)
	done, err := f.copier.desk.Stop(f.ctx, w.id, orders.StopClose)
	f.must(err)
	if got := f.exits(w) + " and " + f.exits(younger); got != "500 200 and 3" || done.Selling != 3 || len(done.Left) > 0 {
		t.Errorf("%s; %+v", got, done)
	}
}

// queued gives a follower n copies that wait to be sent, each of a buy of ava's.
func (f *floor) queued(w follower, n int) {
	f.Helper()
	leader := f.leads(orders.BTO, 1, 1, orders.Filled)
	position := f.hold(w.id, w.account, 0)
	for ; n > 0; n -= 250 { // a busy machine makes no thousand within a statement's time
		f.queuedAfter(leader, position, w, min(n, 250))
	}
}

func (f *floor) queuedAfter(leader, position uuid.UUID, w follower, n int) {
	f.Helper()
	f.exec(`
		with led as (
			insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
				source, state, cum, cum_notional, send_before, trading_day)
			select user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
				source, state, cum, cum_notional, send_before, trading_day from orders, generate_series(1, $2::int) where id = $1 returning id),
		decided as (
			insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price, quantity, result,
				place, place_of, expires_at)
			select $3, $4, $5, id, 'BTO', $6, 1, 3.5, 1, 'queued', 1, 1, now() + interval '10 minutes' from led returning id)
		insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
			source, state, send_before, trading_day, subscription_id, decision_id, estimated_cost)
		select $4, $7, $8, 'BTO', $6, 'AAPL', 100, 1, 'Limit', 3.65, 'Day', 'copy', 'queued', now() + interval '10 minutes', current_date, $3, id, 1 from decided`,
		leader, n, w.subscription, w.id, f.trader, symbol, w.account, position)
	f.exec(`update copy_decisions c set order_id = o.id from orders o where o.decision_id = c.id and c.order_id is null`)
}

// One's own STOP over a thousand copies that wait counts all of them, before and after, and
// nothing is sent from then on; what works at the broker is asked to end.
func TestStopTakesAThousandQueuedCopiesBack(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.queued(w, 1000)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	working := f.entered(w, orders.Accepted)
	open := func() int {
		n, err := f.copier.desk.OpenBuys(f.ctx, w.id)
		f.must(err)
		return n
	}
	if n := open(); n != 1001 {
		t.Errorf("%d would be taken back, says the page", n)
	}
	done, err := f.copier.desk.Stop(f.ctx, w.id, orders.StopCancel)
	f.must(err)
	if done.Taken != 1001 || open() != 0 {
		t.Errorf("%d were taken back, %d are left", done.Taken, open())
	}
	if got := read[string](f, `
		select concat_ws(', ', count(*) filter (where state = 'aborted') || ' aborted', count(*) filter (where cancel_requested_at is not null) || ' asked to end',
			count(*) filter (where state = 'queued') || ' queued') from orders where user_id = $1`, w.id); got != "1000 aborted, 1 asked to end, 0 queued" {
		t.Error(got)
	}
	for _, id := range read[[]uuid.UUID](f, `select array_agg(id) from (select id from orders where user_id = $1 and id <> $2 limit 20) o`, w.id, working) {
		f.must(f.copier.desk.Send(f.ctx, id))
	}
	if n := read[int](f, `select count(*)::int from order_events where to_state = 'submitting'`); n != 0 {
		t.Errorf("%d were claimed after the stop", n)
	}
}
