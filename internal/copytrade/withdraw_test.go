package copytrade

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

const enteredOrder = `
	insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
		source, state, send_before, trading_day, subscription_id, decision_id, broker_order_id, estimated_cost)
	values ($1, $2, $3, 'BTO', $4, 'AAPL', 100, $5, 'Limit', 3.65, 'Day', 'copy', $6, now() + interval '1 minute', current_date, $7, $8, 'b1', 1)
	returning id`

// entered gives a follower's decision its order, in a state, as T1 and the order
// desk would.
func (f *floor) entered(w follower, state orders.State) (order uuid.UUID) {
	f.Helper()
	d := f.decision(w)
	position := f.hold(w.id, w.account, 0)
	order = read[uuid.UUID](f, enteredOrder, w.id, w.account, position, symbol, d.Quantity, state, w.subscription, d.ID)
	f.exec(`update copy_decisions set order_id = $2 where id = $1`, d.ID, order)
	return order
}

// bought lets n contracts of a follower's working entry fill as the desk would.
func (f *floor) bought(w follower, order uuid.UUID, n int, state orders.State) {
	f.Helper()
	f.exec(`update orders set cum = cum + $2::int, cum_notional = cum_notional + 3.5 * $2::int, state = $3 where id = $1`, order, n, state)
	f.holdCopied(w, n)
}

func (f *floor) entryReason(order uuid.UUID) string {
	f.Helper()
	return read[string](f, `
		select c.result || coalesce(': ' || c.reason, '') from copy_decisions c join orders o on o.decision_id = c.id where o.id = $1`, order)
}

func TestOnceTheLeaderIsFlatNobodyGoesOnBuying(t *testing.T) {
	t.Parallel()
	f := open(t)
	asked, waiting, queued, working, done := f.follower("asked", false), f.follower("waiting", true), f.follower("queued", true), f.follower("working", true), f.follower("done", true)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	first := f.entered(queued, orders.Queued)
	second := f.entered(working, orders.Accepted)
	third := f.entered(done, orders.Partial)
	f.bought(done, third, 4, orders.Filled)
	f.must(f.copier.OnOrder(f.ctx, third))
	half := f.leads(orders.STC, 2, 2, orders.Filled)
	f.decide(half)
	f.carryOn(half)
	if n := read[int](f, `select count(*)::int from orders where state = 'aborted' or cancel_requested_at is not null`); n != 0 {
		t.Fatalf("withdrawn while the leader still holds: %d", n)
	}
	f.carryOn(f.leads(orders.STC, 2, 2, orders.Filled))
	f.carryOn(first) // the bell of its end
	for who, want := range map[follower]string{asked: "skipped: leader_flat", waiting: "skipped: leader_flat"} {
		got := read[string](f, `select result || ': ' || reason from copy_decisions where subscription_id = $1 and side = 'BTO'`, who.subscription)
		if got != want {
			t.Errorf("%s", got)
		}
	}
	if got := f.entryReason(first); got != "skipped: leader_flat" {
		t.Errorf("a queued entry: %s", got)
	}
	if got := read[string](f, `select state || (cancel_requested_at is not null)::text from orders where id = $1`, second); got != "acceptedtrue" {
		t.Errorf("a working entry: %s", got)
	}
	f.exec(`update orders set state = 'cancelled', finished_at = now() where id = $1`, second)
	f.carryOn(second)
	if got := f.entryReason(second); got != "failed: leader_flat" {
		t.Errorf("a cancelled entry: %s", got)
	}
	if got := f.entryReason(third); got != "executed" {
		t.Errorf("a filled entry: %s", got)
	}
}

// What fills after the leader left is sold at once: by itself for who copies
// automatically, on their word for who does not, and only once.
func TestWhatFillsAfterTheLeaderLeftIsSold(t *testing.T) {
	t.Parallel()
	f := open(t)
	auto, asked, some := f.follower("auto", true), f.follower("asked", false), f.follower("some", true)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	entries := map[follower]uuid.UUID{}
	for _, w := range []follower{auto, asked, some} {
		entries[w] = f.entered(w, orders.Accepted)
	}
	f.bought(some, entries[some], 1, orders.Partial)
	f.carryOn(entries[some])
	sell := f.leads(orders.STC, 4, 4, orders.Filled)
	f.carryOn(sell)
	if got := f.exits(auto) + "|" + f.exits(asked) + "|" + f.exits(some); got != "||1" {
		t.Fatalf("exits %q", got)
	}
	for w, order := range entries {
		f.bought(w, order, 2, orders.Partial)
		f.passed()
		f.carryOn(order)
		f.carryOn(order)
	}
	if got := f.exits(auto) + "|" + f.exits(asked) + "|" + f.exits(some); got != "2||1 2" {
		t.Errorf("late fills: exits %q", got)
	}
	d := f.decision(asked)
	if got := f.reason(asked); got != "awaiting_approval" || d.Held != 2 || d.Quantity != 2 {
		t.Errorf("by approval: %s, %d of %d", got, d.Quantity, d.Held)
	}
	events := read[int](f, `select count(*)::int from live_events where kind = 'decision'`)
	f.carryOn(entries[asked])
	if n := read[int](f, `select count(*)::int from live_events where kind = 'decision'`); n != events {
		t.Error("what was raised is raised again")
	}
	_, _, err := f.copier.Approve(f.ctx, asked.id, d.ID, someKey())
	f.must(err)
	f.carryOn(sell)
	f.carryOn(sell)
	if got := f.exits(auto) + "|" + f.exits(asked) + "|" + f.exits(some); got != "2|2|1 2" {
		t.Errorf("approved: exits %q", got)
	}
}

func TestWhatFillsAQuarterOfAnHourLaterIsKept(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	entry := f.entered(w, orders.Accepted)
	sell := f.leads(orders.STC, 4, 4, orders.Filled)
	f.carryOn(sell)
	f.exec(`update copy_decisions set expires_at = now() - interval '1 second' where leader_order_id = $1`, sell)
	f.bought(w, entry, 2, orders.Partial)
	f.carryOn(entry)
	if got := f.exits(w); got != "" {
		t.Errorf("sold %q", got)
	}
}

// An end that was believed too early is corrected by a fill (T10).
func TestAFillMakesADecisionExecutedWhateverItWas(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	entry := f.entered(w, orders.Unknown)
	f.exec(`update orders set state = 'not_placed', finished_at = now() where id = $1`, entry)
	f.carryOn(entry)
	if got := f.entryReason(entry); got != "failed: order_not_placed" {
		t.Fatalf("%s", got)
	}
	f.bought(w, entry, 4, orders.Filled)
	f.carryOn(entry)
	if got := f.entryReason(entry); got != "executed" {
		t.Errorf("%s", got)
	}
	if n := read[int](f, `select count(*)::int from notifications where data ? 'decisionId'`); n != 0 {
		t.Error("a message that asks nothing has Approve and Reject")
	}
}

// A worker that lost the race does not end the decision the other one placed.
func TestARefusalOfALoserLeavesTheDecisionAlone(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	before := f.decision(w)
	f.entered(w, orders.Accepted)
	f.must(f.copier.finish(f.ctx, before, ending{Skipped, "risk_daily_copies", ""}))
	if got := f.reason(w); got != "queued" {
		t.Errorf("%s", got)
	}
	f.must(f.copier.finish(f.ctx, f.decision(w), ending{Failed, "order_rejected", "not enough of it"}))
	d := f.decision(w)
	if got := d.ReasonText(); got != "The broker rejected the order. (not enough of it)" {
		t.Errorf("%q", got)
	}
}

// An entry that is being written while the leader leaves is found by the
// withdrawal, which waits for it; one after is not written (INV-23).
func TestAnEntryBeingWrittenWhileTheLeaderLeavesIsWithdrawn(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	bought := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(bought)
	leader, err := f.copier.desk.Any(f.ctx, bought)
	f.must(err)
	d, position := f.decision(w), f.hold(w.id, w.account, 0)
	withdrawn := make(chan error, 1)
	var entry uuid.UUID
	f.must(f.db.InTx(f.ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := stillWanted(ctx, tx, leader, d); err != nil {
			return err
		}
		f.leads(orders.STC, 4, 4, orders.Filled)
		go func() { withdrawn <- f.copier.leaderLeft(f.ctx, leader.PositionID) }()
		f.waitedFor()
		err := tx.QueryRow(ctx, enteredOrder, w.id, w.account, position, symbol, d.Quantity, orders.Queued, w.subscription, d.ID).Scan(&entry)
		if err != nil {
			return err
		}
		return tie(ctx, tx, orders.Order{ID: entry, DecisionID: &d.ID})
	}))
	f.must(<-withdrawn)
	if got := read[string](f, `select state from orders where id = $1`, entry); got != "aborted" {
		t.Errorf("the entry is %s", got)
	}
	err = f.db.InTx(f.ctx, func(ctx context.Context, tx pgx.Tx) error {
		f.exec(`update copy_decisions set order_id = null, result = 'queued' where id = $1`, d.ID)
		return stillWanted(ctx, tx, leader, d)
	})
	if fault.CodeOf(err) != "leader_flat" {
		t.Errorf("wanted after the leader left: %v", err)
	}
}

// waitedFor returns once somebody waits for a row's lock in this database.
func (f *floor) waitedFor() {
	f.Helper()
	for range 500 {
		if read[bool](f, `select exists (select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`) {
			return
		}
		select {
		case <-f.ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	f.Fatal("nobody waits")
}
