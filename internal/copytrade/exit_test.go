package copytrade

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/orders"
)

func TestTheNextMoveOfAnExit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	// A follower holding 10 copied contracts whose leader has sold 4 of 10.
	base := exit{
		Decision: Decision{Held: 10, LeaderHeld: 10, ExpiresAt: now.Add(time.Minute)}, Copying: true, Sold: 4, Working: true, LastFill: now,
		Copied: 10, Free: 10,
	}
	for name, c := range map[string]struct {
		change func(x *exit)
		want   move
		end    string
	}{
		"sells the target":       {func(*exit) {}, move{quantity: 4, target: 4}, ""},
		"sells the difference":   {func(x *exit) { x.Sold, x.Taken, x.Highest, x.Filled, x.LastAt = 7, 4, 4, 4, ago(time.Minute) }, move{quantity: 3, target: 7}, ""},
		"not twice for one rise": {func(x *exit) { x.Taken, x.Highest, x.Live, x.LastAt = 4, 4, 1, ago(time.Minute) }, move{}, ""},
		"ten seconds apart":      {func(x *exit) { x.Sold, x.Taken, x.Highest, x.Live, x.LastAt = 7, 4, 4, 1, ago(4*time.Second) }, move{wait: 6 * time.Second}, ""},
		"what was cancelled is not resold": {func(x *exit) {
			x.Taken, x.Highest, x.Filled, x.LastAt, x.Last = 1, 4, 1, ago(time.Minute), orders.Cancelled
		}, move{}, ""},
		"but comes with the next rise": {func(x *exit) { x.Sold, x.Taken, x.Highest, x.Filled, x.LastAt = 7, 1, 4, 1, ago(time.Minute) }, move{quantity: 6, target: 7}, ""},
		"only what is free":            {func(x *exit) { x.Free = 3 }, move{quantity: 3, target: 3}, ""},
		"only what the copy holds":     {func(x *exit) { x.Copied = 2 }, move{quantity: 2, target: 2}, ""},
		"never the same target twice":  {func(x *exit) { x.Sold, x.Highest, x.LastAt, x.Free = 7, 4, ago(time.Minute), 2 }, move{quantity: 2, target: 5}, ""},
		"waits for what is reserved":   {func(x *exit) { x.Free = 0 }, move{wait: exitSpacing}, ""},
		"all when flat":                {func(x *exit) { x.Flat = true }, move{quantity: 10, target: 10}, ""},
		"nothing yet":                  {func(x *exit) { x.Sold, x.Held = 1, 1 }, move{}, ""},
		"nothing ever":                 {func(x *exit) { x.Sold, x.Held, x.Working = 1, 1, false }, move{}, "skipped scaled_to_zero"},
		"too late":                     {func(x *exit) { x.ExpiresAt, x.LastFill = now, now.Add(-exitsWithin) }, move{}, "skipped too_late"},
		"too late for its own reason": {func(x *exit) {
			r := "trading_halted"
			x.Reason, x.ExpiresAt, x.LastFill = &r, now, now.Add(-exitsWithin)
		}, move{}, "skipped trading_halted"},
		"a new fill gives new time":       {func(x *exit) { x.ExpiresAt, x.LastFill = now, now.Add(1-exitsWithin) }, move{quantity: 4, target: 4}, ""},
		"sold by the follower":            {func(x *exit) { x.Copied = 0 }, move{}, "skipped no_copy_held"},
		"copying stopped":                 {func(x *exit) { x.Copying = false }, move{}, "skipped copying_stopped"},
		"executed stays so":               {func(x *exit) { x.Copying, x.Sold, x.Taken, x.Filled, x.Highest = false, 7, 4, 4, 4 }, move{}, ""},
		"refused by the broker":           {func(x *exit) { x.Working, x.Highest, x.Last = false, 4, orders.Rejected }, move{}, "failed order_rejected"},
		"refused, and the leader goes on": {func(x *exit) { x.Highest, x.Last = 4, orders.Rejected }, move{}, ""},
		"never sent":                      {func(x *exit) { x.Working, x.Highest, x.Last = false, 4, orders.Aborted }, move{}, "skipped order_not_sent"},
	} {
		x := base
		c.change(&x)
		got := x.next(now)
		end := ""
		if got.end != nil {
			end = string(got.end.result) + " " + got.end.reason
			got.end = nil
		}
		if got != c.want || end != c.end {
			t.Errorf("%s: %+v %q, want %+v %q", name, got, end, c.want, c.end)
		}
	}
}

func TestExitsFollowTheLeadersSellInSteps(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	position := f.holdCopied(w, 5)
	f.hold(w.id, w.account, 7) // his own
	f.leads(orders.BTO, 10, 10, orders.Filled)
	sell := f.leads(orders.STC, 10, 4, orders.Partial)
	f.exec(`update fills set learnt_at = learnt_at - interval '10 seconds' where order_id = $1`, sell)

	f.carryOn(sell)
	f.carryOn(sell)
	if got := f.exits(w); got != "2" {
		t.Fatalf("4 of 10 sold: exits %q, want 2", got)
	}
	f.more(sell, 6)
	f.justSold()
	if err := f.copier.OnOrder(f.ctx, sell); !isAgain(err) {
		t.Errorf("a step within ten seconds: %v", err)
	}
	if got := f.exits(w); got != "2" {
		t.Errorf("two exits within ten seconds: %q", got)
	}
	f.passed()
	f.carryOn(sell)
	f.carryOn(sell)
	if got := f.exits(w); got != "2 3" {
		t.Errorf("all sold: exits %q, want 2 3", got)
	}
	if held := read[int](f, `select bought - sold - sell_reserved from positions where id = $1`, position); held != 7 {
		t.Errorf("%d of his own 7 are free", held)
	}
}

// However many workers and decisions meet, no exit takes more than its target,
// and all of them no more than the copy: the follower's own contracts stay.
func TestManyWorkersSellTheCopyOnce(t *testing.T) {
	t.Parallel()
	f := open(t)
	for i := range 12 {
		w := f.follower(name(i), true)
		f.holdCopied(w, 6)
		f.hold(w.id, w.account, 20)
	}
	f.leads(orders.BTO, 9, 9, orders.Filled)
	first, second := f.leads(orders.STC, 3, 3, orders.Filled), f.leads(orders.STC, 6, 6, orders.Filled) // now flat
	f.decide(first)
	f.decide(second)
	var workers sync.WaitGroup
	for i := range 6 {
		workers.Go(func() {
			sells := []uuid.UUID{first, second}
			for j := range sells {
				if err := f.copier.Execute(f.ctx, sells[(i+j)%2]); err != nil && !isAgain(err) {
					f.Error(err)
				}
			}
		})
	}
	workers.Wait()
	for range 3 { // what waited its turn
		f.passed()
		f.carryOn(first)
		f.carryOn(second)
	}
	rows, err := f.db.Pool().Query(f.ctx, `select sum(quantity)::int from orders where source = 'copy' group by subscription_id`)
	f.must(err)
	sums, err := pgx.CollectRows(rows, pgx.RowTo[int])
	f.must(err)
	if len(sums) != 12 || slices.Min(sums) != 6 || slices.Max(sums) != 6 {
		t.Errorf("sold of 6 copied by each: %v", sums)
	}
}

// A refusal is no end: the exit is tried until its quarter of an hour is over,
// and then the follower is told why.
func TestARefusedExitIsTriedAgainUntilItsTimeIsOver(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.holdCopied(w, 5)
	f.leads(orders.BTO, 5, 5, orders.Filled)
	f.exec(`insert into trading_switches (scope, key, stops) values ('account', $1, 'all')`, w.account.String())
	sell := f.leads(orders.STC, 5, 5, orders.Filled)
	f.carryOn(sell)
	if got := f.reason(w); got != "queued: trading_halted" {
		t.Fatalf("refused: %s", got)
	}
	f.exec(`delete from trading_switches`)
	f.carryOn(sell)
	if got := f.exits(w); got != "5" {
		t.Fatalf("resumed: exits %q", got)
	}

	g := f.follower("cara", true)
	f.holdCopied(g, 5)
	f.leads(orders.BTO, 5, 5, orders.Filled)
	f.exec(`insert into trading_switches (scope, key, stops) values ('account', $1, 'all')`, g.account.String())
	sell = f.leads(orders.STC, 5, 5, orders.Filled)
	f.carryOn(sell)
	f.exec(`update fills set learnt_at = now() - interval '16 minutes', executed_at = null where order_id = $1`, sell)
	f.exec(`update copy_decisions set expires_at = now() - interval '1 minute', updated_at = now() - interval '1 minute' where leader_order_id = $1`, sell)
	f.must(f.copier.Sweep(f.ctx))
	if got := f.reason(g); got != "skipped: trading_halted" {
		t.Errorf("its time over: %s", got)
	}
	if got := read[string](f, `select title from notifications where user_id = $1`, g.id); got != "@ava sold, your copy was not: AAPL "+sampleDay.Display()+" 200 C" {
		t.Errorf("told %q", got)
	}
	f.carryOn(sell)
	if got := f.exits(g); got != "" {
		t.Errorf("sold after its time: %q", got)
	}
}

// An exit that ended without selling everything is not replaced by itself, and
// above all not for ever.
func TestAnEndedExitIsNotRepeated(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	position := f.holdCopied(w, 5)
	f.leads(orders.BTO, 5, 5, orders.Filled)
	sell := f.leads(orders.STC, 5, 5, orders.Filled)
	f.carryOn(sell)
	exit := read[uuid.UUID](f, `select id from orders where subscription_id = $1 and side = 'STC'`, w.subscription)
	f.must(f.copier.desk.Abort(f.ctx, exit, "user", "cancelled before it was sent"))
	f.passed()
	f.carryOn(exit)
	f.carryOn(sell)
	if got := f.exits(w); got != "5" {
		t.Errorf("exits %q", got)
	}
	if got := f.reason(w); got != "skipped: order_not_sent" {
		t.Errorf("%s", got)
	}
	if free := read[int](f, `select bought - sold - sell_reserved from positions where id = $1`, position); free != 5 {
		t.Errorf("%d of 5 are free again", free)
	}
}

// What an exit gave up is sold again, and then the broker fills it after all: the
// second exit would sell the follower's own contracts.
func TestAnExitIsWithdrawnWhenAnEndedOneHasSoldTheCopy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		left int // of five copied ones
		want bool
	}{"all of it sold": {0, true}, "some of it sold": {2, true}, "what it sells is there": {5, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w := f.follower("ben", true)
			position := f.holdCopied(w, 5)
			f.hold(w.id, w.account, 5) // their own
			f.leads(orders.BTO, 5, 5, orders.Filled)
			sell := f.leads(orders.STC, 5, 5, orders.Filled)
			f.carryOn(sell)
			exit := read[uuid.UUID](f, `select id from orders where subscription_id = $1 and side = 'STC'`, w.subscription)
			late := read[uuid.UUID](f, `
				insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
					source, state, cum, cum_notional, send_before, trading_day, finished_at, subscription_id, decision_id, copy_target)
				select user_id, account_id, position_id, side, symbol, underlying, multiplier, 5, order_type, limit_price, time_in_force,
					source, 'cancelled', 5 - $2::int, 3.5 * (5 - $2::int), send_before, trading_day, now(), subscription_id, decision_id, 4
				from orders where id = $1
				returning id`, exit, c.left)
			f.exec(`update copy_holdings set sold = 5 - $2::int where position_id = $1`, position, c.left)
			f.carryOn(late)
			if got := read[bool](f, `select state = 'aborted' and reason = $2 from orders where id = $1`, exit, soldElsewhere); got != c.want {
				t.Errorf("withdrawn: %v", got)
			}
		})
	}
}

// An exit that could not be sent in time leaves its follower holding what the
// leader sold: it is tried again.
func TestAnExitThatCouldNotBeSentIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.holdCopied(w, 5)
	f.leads(orders.BTO, 5, 5, orders.Filled)
	sell := f.leads(orders.STC, 5, 5, orders.Filled)
	f.carryOn(sell)
	exit := read[uuid.UUID](f, `select id from orders where subscription_id = $1 and side = 'STC'`, w.subscription)
	f.must(f.copier.desk.Abort(f.ctx, exit, "sweeper", "stale"))
	f.passed()
	f.carryOn(sell)
	if got := f.exits(w); got != "5 5" {
		t.Errorf("exits %q", got)
	}
}

// Two hundred followers and more are all served, and executed ones do not stand
// in the way.
func TestMoreFollowersThanOneSlice(t *testing.T) {
	t.Parallel()
	f := open(t)
	for i := range dueSlice + 10 {
		f.holdCopied(f.follower(name(i), true), 2)
	}
	f.leads(orders.BTO, 4, 4, orders.Filled)
	f.carryOn(f.leads(orders.STC, 2, 2, orders.Filled))
	if n := read[int](f, `select count(*)::int from orders where source = 'copy'`); n != dueSlice+10 {
		t.Errorf("%d exits for %d followers", n, dueSlice+10)
	}
}

// A sell of the copies by their owner's hand that comes in between leaves the exit
// nothing to take: what else the position holds is the follower's own.
func TestAnExitTakesNothingOfWhatTheFollowerIsSellingMeanwhile(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.leads(orders.BTO, 4, 4, orders.Filled)
	w := f.follower("ben", true)
	position := f.holdCopied(w, 3)
	f.hold(w.id, w.account, 5) // his own
	sold := f.leads(orders.STC, 4, 4, orders.Filled)
	f.decide(sold)
	placed := make(chan error, 1)
	f.must(f.db.InTx(f.ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update positions set sell_reserved = 3 where id = $1`, position)
		if err != nil {
			return err
		}
		go func() { placed <- f.copier.Execute(f.ctx, sold) }() // has counted, and waits for the position
		f.waitedFor()
		_, err = tx.Exec(ctx, `
			insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
				source, state, send_before, trading_day, subscription_id)
			values ($1, $2, $3, 'STC', $4, 'AAPL', 100, 3, 'Limit', 3, 'Day', 'manual', 'queued', now() + interval '2 minutes', current_date, $5)`,
			w.id, w.account, position, symbol, w.subscription)
		return err
	}))
	if err := <-placed; err != nil && !isAgain(err) {
		t.Error(err)
	}
	if got := f.sells(w); got != "3@3 queued" {
		t.Errorf("sells %q of 3 copied and 5 own", got)
	}
	if got := f.reason(w); got != "queued: insufficient_quantity" {
		t.Error(got)
	}
}

// One order sells no more than R4 allows; the next one sells the rest.
func TestAnExitAboveTheHardLimitIsSoldInParts(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.holdCopied(w, 1100)
	f.leads(orders.BTO, 4, 4, orders.Filled)
	sell := f.leads(orders.STC, 4, 4, orders.Filled)
	for _, want := range []string{"500", "500 500", "500 500 100", "500 500 100"} {
		f.carryOn(sell)
		f.justSold()
		f.carryOn(sell)
		if got := f.exits(w); got != want {
			t.Errorf("sold %q, want %q", got, want)
		}
		f.passed()
	}
}
