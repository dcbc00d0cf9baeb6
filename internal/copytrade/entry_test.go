package copytrade

import (
	"testing"

	"github.com/alertsify/alertsify/internal/orders"
)

// What a follower holds or is buying of the contract by the time a copy is placed counts
// like what they held when it was decided about.
func TestACopyIsNotPlacedBesideAnother(t *testing.T) {
	t.Parallel()
	working := func(f *exchangeFloor, w follower) {
		f.exec(`
			insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
				source, state, send_before, trading_day, broker_order_id, estimated_cost)
			values ($1, $2, $3, 'BTO', $4, 'AAPL', 100, 1, 'Limit', 3.65, 'Day', 'manual', 'accepted', now(), current_date, 'b1', 1)`,
			w.id, w.account, f.hold(w.id, w.account, 0), symbol)
	}
	for name, c := range map[string]struct {
		meanwhile func(*exchangeFloor, follower)
		add       bool
		want      string
	}{
		"nothing else":        {func(*exchangeFloor, follower) {}, false, "queued"},
		"a buy of their own":  {func(f *exchangeFloor, w follower) { working(f, w) }, false, "skipped: already_held"},
		"who adds":            {func(f *exchangeFloor, w follower) { working(f, w) }, true, "queued"},
		"contracts of theirs": {func(f *exchangeFloor, w follower) { f.hold(w.id, w.account, 2) }, false, "skipped: already_held"},
		"copies of the same":  {func(f *exchangeFloor, w follower) { f.holdCopied(w, 2) }, false, "queued"},
		"copies on another account": {func(f *exchangeFloor, w follower) {
			f.holdCopied(w, 2)
			f.exec(`update accounts set selected = false where id = $1`, w.account)
			f.account(w.id)
		}, true, "skipped: already_held"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := trading(t)
			w := f.follower("ben", true)
			if c.add {
				f.set(w, "same_contract", "add")
			}
			signal := f.leads(orders.BTO, 4, 4, orders.Filled)
			f.decide(signal)
			if got := f.reason(w); got != "queued" {
				t.Fatalf("decided: %s", got)
			}
			c.meanwhile(f, w)
			f.carryOn(signal)
			if got := f.reason(w); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if n := read[int](f.floor, `select count(*)::int from orders where source = 'copy'`); (n == 1) != (c.want == "queued") {
				t.Errorf("%d copies placed", n)
			}
		})
	}
}
