package copytrade

import (
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/orders"
)

// filledBefore lets everything of a leader's order have happened a while ago.
func (f *floor) filledBefore(order any, ago time.Duration) {
	f.Helper()
	at := time.Now().Add(-ago)
	f.exec(`update orders set executed_at = $2, finished_at = $2 where id = $1`, order, at)
	f.exec(`update fills set executed_at = $2, learnt_at = $2 where order_id = $1`, order, at)
}

func (f *floor) turn(w follower, status string) {
	f.Helper()
	if status == "cancelled" {
		_, err := f.copier.Unsubscribe(f.ctx, w.id, w.subscription)
		f.must(err)
		return
	}
	_, err := f.copier.Update(f.ctx, w.id, w.subscription, Change{Status: &status}, nil)
	f.must(err)
}

// Who was active at the instant of the fill has a decision, also when they leave before
// the deciding; who had left before has none. Nothing is begun for who has left, and
// what they hold stays theirs.
func TestWhoLeavesBetweenFillAndDecidingHasADecision(t *testing.T) {
	t.Parallel()
	for side, want := range map[orders.Side]map[string]string{
		orders.BTO: {"paused": "skipped: copying_stopped", "cancelled": "skipped: copying_stopped", "back": "skipped: copying_stopped", "stays": "queued"},
		orders.STC: {"paused": "skipped: copying_stopped", "cancelled": "skipped: copying_stopped", "back": "skipped: copying_stopped", "stays": "queued",
			"holds nothing": "skipped: no_copy_held"},
	} {
		t.Run(string(side), func(t *testing.T) {
			t.Parallel()
			f := open(t)
			who := map[string]follower{}
			for _, name := range []string{"paused", "cancelled", "back", "stays", "holds nothing", "left before", "came after"} {
				who[name] = f.follower("who_"+string(rune('a'+len(who))), true)
				if side == orders.STC && name != "holds nothing" {
					f.holdCopied(who[name], 4)
				}
			}
			f.turn(who["left before"], "cancelled")
			f.exec(`update subscription_periods set ended_at = now() - interval '10 seconds'`)
			if side == orders.STC {
				f.leads(orders.BTO, 4, 4, orders.Filled)
			}
			order := f.leads(side, 4, 4, orders.Filled)
			f.filledBefore(order, 3*time.Second)
			f.set(who["came after"], "active_since", time.Now()) // after the fill, however slow it was until here
			f.turn(who["paused"], "paused")
			f.turn(who["cancelled"], "cancelled")
			f.turn(who["back"], "paused")
			f.turn(who["back"], "active")
			f.turn(who["holds nothing"], "paused")
			f.decide(order)
			f.decide(order) // and once only
			for name, reason := range want {
				if got := f.reason(who[name]); got != reason {
					t.Errorf("%s: %s, want %s", name, got, reason)
				}
			}
			for _, name := range []string{"left before", "came after"} {
				if n := read[int](f, `select count(*)::int from copy_decisions where subscription_id = $1`, who[name].subscription); n != 0 {
					t.Errorf("%s: %d decisions", name, n)
				}
			}
			if n := read[int](f, `select place_of from copy_signals where leader_order_id = $1`, order); n != 5 {
				t.Errorf("%d in line", n)
			}
			if n := read[int](f, `select count(distinct place)::int from copy_decisions where leader_order_id = $1`, order); n != 5 {
				t.Errorf("%d places", n)
			}
			if got := f.exits(who["paused"]); got != "" {
				t.Errorf("who has left sold %s", got)
			}
		})
	}
}

// A process that dies between fill and deciding is made up for even when the only
// follower has left meanwhile.
func TestTheSweepDecidesAboutWhoHasLeft(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.filledBefore(order, 20*time.Second)
	f.turn(w, "cancelled")
	f.must(f.copier.Sweep(f.ctx))
	if got := f.reason(w); got != "skipped: copying_stopped" {
		t.Error(got)
	}
}
