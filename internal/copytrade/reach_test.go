package copytrade

import (
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/risk"
)

// bought is a floor on which ava has bought ten, and ben half as many after her; the
// broker works her sells by hand, and his at once.
func bought(t *testing.T) (f *brokerFloor, ben follower) {
	t.Helper()
	f = openBrokered(t)
	f.pin("3.40", "3.50")
	ben = f.follower("ben")
	f.set(ben, "scaling_value", "0.5")
	f.trades(f.trader, orders.LineOf(orders.BTO, 10, f.contract(), nil))
	if got := f.traded(ben.id); got != "BUY 5 EXECUTED" {
		t.Fatalf("ben bought %q: %s", got, f.reason(ben))
	}
	return f, ben
}

// During a deploy two versions run. When their engines differ, nothing new is copied and
// the follower reads why; what is held of copies is sold; once the old one is gone, all
// goes on.
func TestMixedProtocolsStopCopiesAndNotTheirExits(t *testing.T) {
	t.Parallel()
	f, ben := bought(t)
	f.exec(`insert into instances (id, version, protocol) values (gen_random_uuid(), 'ours', $1::int), (gen_random_uuid(), 'other', $1::int + 1)`, risk.Protocol)
	f.trades(f.trader, orders.LineOf(orders.BTO, 4, f.contract(), nil))
	if got := f.reason(ben); got != "skipped: mixed_versions" {
		t.Errorf("an entry meanwhile: %s", got)
	}
	if got := read[int](f.floor, `select count(*)::int from copy_decisions where result = 'queued'`); got != 0 {
		t.Errorf("%d decisions left open", got)
	}
	f.trades(f.trader, orders.LineOf(orders.STC, 14, f.contract(), nil))
	if got := f.traded(ben.id); got != "BUY 5 EXECUTED, SELL 5 EXECUTED" {
		t.Errorf("an exit meanwhile: %q, %s", got, f.reasonsGiven())
	}
	f.exec(`update instances set seen_at = seen_at - interval '1 minute' where version = 'other'`)
	f.trades(f.trader, orders.LineOf(orders.BTO, 6, f.contract(), nil))
	if got := f.traded(ben.id); got != "BUY 5 EXECUTED, SELL 5 EXECUTED, BUY 3 EXECUTED" {
		t.Errorf("once it is gone: %q, %s", got, f.reasonsGiven())
	}
}

// No webhook is sent here at all: an order that fills after its answer is seen to
// have filled by the lists alone, and followers go with it all the same.
func TestACloseThatOnlyAListShowsReachesFollowers(t *testing.T) {
	t.Parallel()
	f, ben := bought(t)
	f.must(f.world.SetMode(f.homes[f.trader], "manual"))
	bid := money.MustPrice("3.40")
	f.trades(f.trader, orders.LineOf(orders.STC, 10, f.contract(), &bid))
	newest, _ := f.world.Newest(f.homes[f.trader])
	for _, step := range []struct {
		fills int64
		want  string
	}{{4, "BUY 5 EXECUTED, SELL 2 EXECUTED"}, {6, "BUY 5 EXECUTED, SELL 2 EXECUTED, SELL 3 EXECUTED"}} {
		f.must(f.world.Fill(newest.BrokerOrderID, step.fills, nil))
		f.exec(`update fills set learnt_at = learnt_at - interval '11 seconds'`)
		f.lists()
		f.exec(`update fills set learnt_at = learnt_at - interval '11 seconds'`) // a first partial fill waits ten
		f.carryOn(read[uuid.UUID](f.floor, `select id from orders where broker_order_id = $1`, newest.BrokerOrderID))
		f.works(nil)
		if got := f.traded(ben.id); got != step.want {
			t.Errorf("after %d more: %q, want %q", step.fills, got, step.want)
		}
	}
}

// What the trader does in the broker's own app, opening or closing, is seen by the
// list alone and reaches followers as if it had been placed here.
func TestATradeInTheBrokersAppReachesFollowers(t *testing.T) {
	t.Parallel()
	f, ben := bought(t)
	for _, step := range []struct {
		side     string
		quantity int64
		want     string
	}{
		{"STC", 4, "BUY 5 EXECUTED, SELL 2 EXECUTED"},
		{"STC", 6, "BUY 5 EXECUTED, SELL 2 EXECUTED, SELL 3 EXECUTED"},
		{"BTO", 4, "BUY 5 EXECUTED, SELL 2 EXECUTED, SELL 3 EXECUTED, BUY 2 EXECUTED"},
	} {
		f.inTheApp(f.trader, step.side, step.quantity)
		f.lists()
		if got := f.traded(ben.id); got != step.want {
			t.Errorf("after %s %d in the app: %q, want %q", step.side, step.quantity, got, step.want)
		}
	}
	if n := read[int](f.floor, `select count(*)::int from orders where source = 'detected'`); n != 3 {
		t.Errorf("%d orders were detected", n)
	}
}

// Ben copies ava and is followed by cara: what he copies, and what follows ava out, is
// not copied a second time, and what he trades himself is.
func TestNoFollowerCopiesACopy(t *testing.T) {
	t.Parallel()
	f, ben := bought(t)
	cara := follower{id: f.user("cara", "subscriber")}
	cara.account = f.joins(cara.id)
	f.exec(`insert into consents (user_id, version) values ($1, $2)`, cara.id, ConsentVersion)
	cara.subscription = f.follows(cara, ben.id)
	f.exec(`update users set role = 'trader' where id = $1`, ben.id)

	f.trades(f.trader, orders.LineOf(orders.BTO, 4, f.contract(), nil))
	f.trades(f.trader, orders.LineOf(orders.STC, 14, f.contract(), nil))
	if got := f.traded(ben.id); got != "BUY 5 EXECUTED, BUY 2 EXECUTED, SELL 7 EXECUTED" {
		t.Fatalf("ben traded %q", got)
	}
	if n := read[int](f.floor, `select count(*)::int from copy_decisions where subscription_id = $1`, cara.subscription); n != 0 || f.traded(cara.id) != "" {
		t.Errorf("%d decisions about copies of copies, cara traded %q", n, f.traded(cara.id))
	}

	f.trades(ben.id, orders.LineOf(orders.BTO, 3, f.contract(), nil))
	if got := f.traded(cara.id); got != "BUY 3 EXECUTED" {
		t.Errorf("of ben's own trade cara copied %q: %s", got, f.reason(cara))
	}
	for what, n := range map[string]int{"copy": 3, "manual": 1} {
		if got := read[int](f.floor, `select count(*)::int from orders where user_id = $1 and source = $2`, ben.id, what); got != n {
			t.Errorf("ben has %d orders of source %s, want %d", got, what, n)
		}
	}
}
