package copytrade

import (
	"testing"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

// Muting a trader ends what waits of their buys and keeps the next ones away until the
// day is over, without asking; sells go on, and the next day does.
func TestMutingATraderLastsForTheDayAndForBuysOnly(t *testing.T) {
	t.Parallel()
	f := open(t)
	w, waiting, other := f.follower("cara", false), f.follower("ben", true), f.follower("dan", false)
	buys := func() { t.Helper(); f.decide(f.leads(orders.BTO, 2, 2, orders.Filled)) }
	buys()
	for range 2 { // twice is once
		for _, who := range []follower{w, waiting} {
			s, err := f.copier.Mute(f.ctx, who.id, who.subscription)
			if err != nil || !f.copier.MutedNow(s) {
				t.Fatalf("muted on %v, %v", s.MutedOn, err)
			}
		}
	}
	for _, who := range []follower{w, waiting} {
		if got := f.reason(who); got != "skipped: muted_today" {
			t.Errorf("what waited: %s", got)
		}
	}
	told := read[int](f, `select count(*)::int from notifications where user_id = $1`, w.id)
	buys()
	if got := f.reason(w) + ", " + f.reason(waiting) + ", " + f.reason(other); got != "skipped: muted_today, skipped: muted_today, awaiting_approval" {
		t.Errorf("the next buy: %s", got)
	}
	if n := read[int](f, `select count(*)::int from notifications where user_id = $1`, w.id); n != told {
		t.Error("asked all the same")
	}
	f.holdCopied(w, 2)
	f.decide(f.leads(orders.STC, 4, 4, orders.Filled))
	if got := f.reason(w); got != "awaiting_approval" {
		t.Errorf("a sell: %s", got)
	}
	f.exec(`update subscriptions set muted_on = muted_on - 1`)
	buys()
	if got := f.reason(waiting); got != "queued" {
		t.Errorf("the next day: %s", got)
	}
}

// What was decided before the muting is not written as an order after it, unmuting lets
// the next one through, and nobody mutes for somebody else.
func TestMutingCountsUntilTheOrderIsWritten(t *testing.T) {
	t.Parallel()
	f := open(t)
	w, stranger := f.follower("ben", true), f.follower("dan", true)
	order := f.leads(orders.BTO, 2, 2, orders.Filled)
	f.decide(order)
	f.exec(`update subscriptions set muted_on = $2 where id = $1`, w.subscription, f.clock.Today())
	if err := f.copier.Execute(f.ctx, order); err != nil && !isAgain(err) {
		t.Fatal(err)
	}
	if got := f.reason(w); got != "skipped: muted_today" {
		t.Errorf("written after the muting: %s", got)
	}
	if _, err := f.copier.Mute(f.ctx, stranger.id, w.subscription); fault.CodeOf(err) != "not_found" {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := f.copier.Unmute(f.ctx, w.id, w.subscription); err != nil {
		t.Fatal(err)
	}
	f.decide(f.leads(orders.BTO, 2, 2, orders.Filled))
	if got := f.reason(w); got != "queued" {
		t.Errorf("unmuted: %s", got)
	}
	if n := read[int](f, `select count(*)::int from audit_log where kind = 'subscriptions' and by_user = $1 and change ? 'muted_on'`, w.id); n != 1 {
		t.Errorf("the audit log has %d entries of who unmuted", n)
	}
	f.turn(w, "cancelled")
	if _, err := f.copier.Mute(f.ctx, w.id, w.subscription); fault.CodeOf(err) != "invalid_state" {
		t.Errorf("a cancelled one: %v", err)
	}
}
