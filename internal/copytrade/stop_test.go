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
