package copytrade

import (
	"testing"

	"github.com/alertsify/alertsify/internal/money"
)

// Copies of today against the most that is allowed, and their loss against what stops
// them; a winning day shows no loss, and who copies on paper or nobody has no strip.
func TestCopyingAtAGlance(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	glance := func() *Glance {
		t.Helper()
		g, err := f.copier.Glance(f.ctx, w.id)
		f.must(err)
		return g
	}
	today := f.copier.clock.Today()
	is := func(when string, copies, most int, loss, stop string) {
		t.Helper()
		g := glance()
		if g == nil || g.Copies != copies || g.Most != most || !g.Loss.Equal(money.MustAmount(loss).Decimal) || !g.Stop.Equal(money.MustAmount(stop).Decimal) {
			t.Errorf("%s: %+v", when, g)
		}
	}
	is("before anything", 0, 5, "0", "1000")
	f.exec(`insert into day_counters (user_id, trading_day, kind, used) values ($1, $2, 'copies', 3)`, w.id, today)
	f.exec(`insert into copy_results (user_id, trading_day, realized) values ($1, $2, -40), ($1, $2::date - 1, -500)`, w.id, today)
	f.exec(`insert into risk_limits (user_id, kind, own, own_at) values ($1, 'dayCopyLoss', 200, now())`, w.id)
	is("a losing day", 3, 5, "-40", "200")
	f.exec(`update copy_results set realized = 25 where user_id = $1`, w.id)
	f.exec(`update subscriptions set max_daily_trades = 9 where id = $1`, w.subscription)
	is("a winning day", 3, 9, "0", "200")
	for _, change := range []string{`paper = true`, `paper = false, status = 'paused'`} {
		f.exec(`update subscriptions set `+change+` where id = $1`, w.subscription)
		if g := glance(); g != nil {
			t.Errorf("%s: %+v", change, g)
		}
	}
}
