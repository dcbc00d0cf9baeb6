package copytrade

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

// quoted is a quote of the contract as of now by the market's clock.
func (f *floor) quoted(bid, ask string) market.Quote {
	b, a := money.MustPrice(bid), money.MustPrice(ask)
	return market.Quote{Symbol: symbol, Bid: &b, Ask: &a, At: f.clock.Now()}
}

// judged holds one quote against everybody's bounds, and sells what was reached.
func (f *floor) judged(q market.Quote) (reached int) {
	f.Helper()
	reached, err := f.copier.Judge(f.ctx, []market.Quote{q})
	f.must(err)
	f.must(f.copier.PlaceTriggered(f.ctx))
	return reached
}

// sells are a follower's copied exits as "quantity@limit state", oldest first.
func (f *floor) sells(w follower) string {
	f.Helper()
	return read[string](f, `select coalesce(string_agg(quantity || '@' || trim_scale(limit_price) || ' ' || state, ', ' order by created_at), '')
		from orders where subscription_id = $1 and side = 'STC'`, w.subscription)
}

// triggers are what became of a follower's bounds, as "kind state reason".
func (f *floor) triggers(w follower) string {
	f.Helper()
	return read[string](f, `select coalesce(string_agg(concat_ws(' ', kind, state, reason), ', ' order by triggered_at), '') from copy_triggers where subscription_id = $1`,
		w.subscription)
}

// guarded is a follower who holds n copies for 3.50 each, with both bounds set.
func (f *floor) guarded(name string, n int) follower {
	f.Helper()
	w := f.follower(name, true)
	f.set(w, "stop_loss_percent", "30")
	f.set(w, "take_profit_percent", "50")
	if n > 0 {
		f.holdCopied(w, n)
	}
	return w
}

// By the mark they are judged; from the bid they are sold, at most 10 % or $0.05 below.
func TestABoundIsReachedAtItsPrice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bid, ask string
		age      time.Duration
		want     string
	}{
		"a loss of less":              {"2.40", "2.51", 0, ""},              // 2.455
		"a loss of exactly as much":   {"2.40", "2.50", 0, "3@2.16 queued"}, // 2.45 = 3.50 × 0.7
		"a deeper loss":               {"0.20", "0.30", 0, "3@0.15 queued"},
		"a gain of less":              {"5.20", "5.29", 0, ""},
		"a gain of exactly as much":   {"5.20", "5.30", 0, "3@4.7 queued"},
		"a quote of sixteen seconds":  {"2.40", "2.50", 16 * time.Second, ""},
		"a quote of fourteen seconds": {"2.40", "2.50", 14 * time.Second, "3@2.16 queued"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w := f.guarded("ben", 3)
			f.hold(w.id, w.account, 4) // his own stay
			q := f.quoted(c.bid, c.ask)
			q.At = q.At.Add(-c.age)
			f.judged(q)
			if got := f.sells(w); got != c.want {
				t.Errorf("sells %q, want %q", got, c.want)
			}
		})
	}
}

// One-sided quotes and those of a closed market sell nothing.
func TestOnlyTheSessionsQuotesReachABound(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.guarded("ben", 3)
	low := f.quoted("0.50", "0.60")
	noBid, noAsk := low, low
	noBid.Bid, noAsk.Ask = nil, nil
	for _, q := range []market.Quote{noBid, noAsk} {
		if n := f.judged(q); n != 0 {
			t.Errorf("reached by %+v", q)
		}
	}
	f.clock.Set(exchange.ClockState{Offset: time.Until(time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC))}) // a Saturday
	if n := f.judged(f.quoted("0.50", "0.60")); n != 0 || f.triggers(w) != "" {
		t.Errorf("reached on a Saturday")
	}
}

// A bound is reached once, whatever comes after: its follower is told once, and one
// order sells, however many processes judge and place.
func TestABoundSellsOnce(t *testing.T) {
	t.Parallel()
	f := open(t)
	followers := []follower{f.guarded("ben", 3), f.guarded("cara", 5), f.guarded("dan", 7)}
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			if _, err := f.copier.Judge(f.ctx, []market.Quote{f.quoted("1.00", "1.10")}); err != nil {
				f.Error(err)
			}
			if err := f.copier.PlaceTriggered(f.ctx); err != nil {
				f.Error(err)
			}
		})
	}
	workers.Wait()
	f.judged(f.quoted("0.90", "1.00"))
	for i, want := range []string{"3@0.9 queued", "5@0.9 queued", "7@0.9 queued"} {
		if got := f.sells(followers[i]); got != want {
			t.Errorf("sells %q, want %q", got, want)
		}
	}
	if n := read[int](f, `select count(*)::int from notifications where type = 'copy_trade_close'`); n != 3 {
		t.Errorf("told %d times", n)
	}
	if got := read[string](f, `select title || '. ' || body from notifications where user_id = $1`, followers[0].id); got !=
		"Stop-loss: AAPL "+sampleDay.Display()+" 200 C. 3 copied from @ava are being sold: at $1.05 they are 70% below the $3.50 they cost." {
		t.Errorf("told %q", got)
	}
}

// What the follower or the trader's exit sells already is left to that; what is
// gone needs no sale any more.
func TestABoundSellsOnlyWhatIsLeftOfTheCopy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before  func(f *floor, w follower, position uuid.UUID)
		sells   string
		trigger string
	}{
		"the trader's exit sells a part": {func(f *floor, w follower, _ uuid.UUID) {
			f.carryOn(f.leads(orders.STC, 4, 4, orders.Filled)) // 4 of 10: 2 of 5
		}, "2@3.15 queued, 3@0.9 queued", "stop_loss placed"},
		"the trader's exit sells all": {func(f *floor, w follower, _ uuid.UUID) {
			f.carryOn(f.leads(orders.STC, 10, 10, orders.Filled))
		}, "5@3.15 queued", ""},
		"the follower sells a part by hand": {func(f *floor, w follower, position uuid.UUID) {
			f.exec(`update positions set sell_reserved = 2 where id = $1`, position)
		}, "3@0.9 queued", "stop_loss placed"},
		"the follower sells all by hand": {func(f *floor, w follower, position uuid.UUID) {
			f.exec(`update positions set sell_reserved = 5 where id = $1`, position)
		}, "", "stop_loss waiting insufficient_quantity"},
		"copying was stopped": {func(f *floor, w follower, _ uuid.UUID) { f.set(w, "status", "cancelled") }, "", ""},
		"copying rests":       {func(f *floor, w follower, _ uuid.UUID) { f.set(w, "status", "paused") }, "5@0.9 queued", "stop_loss placed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			f.leads(orders.BTO, 10, 10, orders.Filled)
			w := f.guarded("ben", 0)
			position := f.holdCopied(w, 5)
			c.before(f, w, position)
			f.judged(f.quoted("1.00", "1.10"))
			if got := f.sells(w); got != c.sells {
				t.Errorf("sells %q, want %q", got, c.sells)
			}
			if got := f.triggers(w); got != c.trigger {
				t.Errorf("trigger %q, want %q", got, c.trigger)
			}
		})
	}
}

// Between being reached and being sold the copy may go another way, or its follower
// leave: the row ends without an order, tells nobody who knows already, and what is
// bought in the contract later is not sold for it.
func TestWhatIsGoneMeanwhileIsNotSold(t *testing.T) {
	t.Parallel()
	const gone = `; update copy_holdings set sold = bought, remaining_cost = 0`
	for name, c := range map[string]struct{ meanwhile, want string }{
		"sold by the follower":         {`update positions set sold = 5, status = 'closed', closed_at = now() where user_id = $1` + gone, "no_copy_held"},
		"sold, and own ones are left":  {`update positions set bought = 9, sold = 5 where user_id = $1` + gone, "no_copy_held"},
		"expired":                      {`update positions set sold = 5, status = 'expired', closed_at = now() where user_id = $1` + gone, "no_copy_held"},
		"gone from the account":        {`update positions set sold = 5, unpriced = 5, status = 'closed', closed_at = now() where user_id = $1` + gone, "no_copy_held"},
		"the follower stopped copying": {`update subscriptions set status = 'cancelled' where follower_id = $1`, "copying_stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w := f.guarded("ben", 5)
			_, err := f.copier.Judge(f.ctx, []market.Quote{f.quoted("1.00", "1.10")})
			f.must(err)
			for _, statement := range strings.Split(c.meanwhile, ";") {
				if strings.Contains(statement, "$1") {
					f.exec(statement, w.id)
				} else {
					f.exec(statement)
				}
			}
			f.must(f.copier.PlaceTriggered(f.ctx))
			if got := f.triggers(w); got != "stop_loss failed "+c.want {
				t.Error(got)
			}
			if n := read[int](f, `select count(*)::int from notifications where type = 'copy_trade_failed'`); n != 0 {
				t.Error("the follower is told that nothing was sold")
			}
			if c.want == "no_copy_held" {
				f.holdCopied(w, 4)
			}
			f.must(f.copier.PlaceTriggered(f.ctx))
			f.must(f.copier.Sweep(f.ctx))
			if got := f.sells(w); got != "" {
				t.Errorf("sold %s", got)
			}
		})
	}
}

// Copies that are bought after a bound was reached have it too, and what it was
// reached for before is not put up again.
func TestABoundStandsForWhatIsBoughtLater(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before string // what became of the first order, of 3
		sells  string
	}{
		"the first sold":           {`update orders set state = 'filled', cum = 3, cum_notional = 2.85, finished_at = now()`, "3@0.9 filled, 4@0.81 queued"},
		"the first is being sold":  {`update orders set state = state`, "3@0.9 queued, 4@0.81 queued"},
		"the first was taken back": {`update orders set state = 'aborted', reason_code = 'user_cancelled', finished_at = now()`, "3@0.9 aborted, 4@0.81 queued"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w := f.guarded("ben", 3)
			position := f.hold(w.id, w.account, 5) // his own keep the position open
			f.judged(f.quoted("1.00", "1.10"))
			f.exec(`update orders set state = 'submitting' where $1 like '%filled%'`, c.before)
			f.exec(c.before)
			if strings.Contains(c.before, "filled") {
				f.exec(`update positions set sold = 3, sell_reserved = 0 where id = $1`, position)
				f.exec(`update copy_holdings set sold = 3, remaining_cost = 0`)
			}
			if strings.Contains(c.before, "aborted") {
				f.exec(`update positions set sell_reserved = 0 where id = $1`, position)
			}
			f.carryOn(read[uuid.UUID](f, `select id from orders`))
			reader := &watch{copier: f.copier, page: watchPage, bounds: map[string]bounds{}}
			if _, err := reader.reload(f.ctx); err != nil || reader.bounds[symbol].low.Valid {
				t.Errorf("still watched: %+v %v", reader.bounds, err)
			}
			f.holdCopied(w, 4)
			f.exec(`update copy_holdings set remaining_cost = 350 * (bought - sold)`)
			if _, err := reader.reload(f.ctx); err != nil || !reader.bounds[symbol].low.Valid {
				t.Errorf("not watched: %+v %v", reader.bounds, err)
			}
			for range 2 {
				f.judged(f.quoted("0.90", "1.00"))
			}
			if got := f.sells(w); got != c.sells {
				t.Errorf("sells %q, want %q", got, c.sells)
			}
		})
	}
}

// What becomes of the order becomes of the trigger: an order that was never sent is
// tried again until its time is over, one that its owner took back is not.
func TestATriggerFollowsItsOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ order, want, told string }{
		"filled": {`update orders set state = 'filled', cum = 3, cum_notional = 2.85, executed_at = now(), finished_at = now()`,
			"stop_loss sold", "Sold 3 AAPL " + sampleDay.Display() + " 200 C. Stop-loss: at $0.95, copied from @ava"},
		"rejected": {`update orders set state = 'rejected', finished_at = now()`, "stop_loss failed order_rejected",
			"Stop-loss sold nothing: AAPL " + sampleDay.Display() + " 200 C. The broker rejected the order. What you hold of it is yours to sell."},
		"taken back": {`update orders set state = 'aborted', reason_code = 'user_cancelled', finished_at = now()`, "stop_loss failed user_cancelled",
			"Stop-loss sold nothing: AAPL " + sampleDay.Display() + " 200 C. You cancelled the order before it was sent. What you hold of it is yours to sell."},
		"never sent": {`update orders set state = 'aborted', reason_code = 'trading_halted', finished_at = now()`, "stop_loss waiting trading_halted", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w := f.guarded("ben", 3)
			f.judged(f.quoted("1.00", "1.10"))
			order := read[uuid.UUID](f, `select id from orders where subscription_id = $1`, w.subscription)
			f.exec(`update orders set state = 'submitting' where id = $1 and $2 not like '%aborted%'`, order, c.order)
			f.exec(c.order+` where id = $1`, order)
			f.carryOn(order)
			f.carryOn(order)
			if got := f.triggers(w); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got := read[string](f, `select coalesce(string_agg(title || '. ' || body, '|'), '') from notifications where type <> 'copy_trade_close'`); got != c.told {
				t.Errorf("told %q, want %q", got, c.told)
			}
		})
	}
}

// What was reached is sold within a quarter of an hour, or not by itself any more.
func TestATriggerEndsWithItsTime(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.guarded("ben", 0)
	position := f.holdCopied(w, 5)
	f.exec(`update positions set sell_reserved = 5 where id = $1`, position)
	f.judged(f.quoted("1.00", "1.10"))
	f.exec(`update copy_triggers set send_before = now()`)
	f.exec(`update positions set sell_reserved = 0 where id = $1`, position)
	f.must(f.copier.PlaceTriggered(f.ctx))
	if got := f.triggers(w); got != "stop_loss failed insufficient_quantity" || f.sells(w) != "" {
		t.Errorf("%q, sells %q", got, f.sells(w))
	}
	if f.judged(f.quoted("0.50", "0.60")) != 0 {
		t.Error("reached a second time")
	}
}

// The trader's own exit after a bound sold finds nothing left to sell.
func TestTheTradersExitAfterABoundSellsNothing(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.leads(orders.BTO, 10, 10, orders.Filled)
	w := f.guarded("ben", 5)
	f.hold(w.id, w.account, 7)
	f.judged(f.quoted("1.00", "1.10"))
	f.carryOn(f.leads(orders.STC, 10, 10, orders.Filled))
	if got := f.exits(w); got != "5" {
		t.Errorf("exits %q", got)
	}
	if got := f.reason(w); got != "skipped: no_copy_held" {
		t.Error(got)
	}
}

// However many hold copies, what is watched is one row for each contract, and what
// is reached is written by one statement.
func TestManyHoldingsAreWatchedByContract(t *testing.T) {
	t.Parallel()
	f := open(t)
	const many = 3000
	for from := 1; from <= many; from += 250 { // a busy machine makes no thousand within a statement's time
		f.exec(`
		with people as (insert into users (username, name) select 'f' || i || 'x', 'F' from generate_series($2::int, $2::int + 249) i returning id, substr(username, 2, length(username) - 2)::int as i),
		links as (insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
			select id, gen_random_uuid()::text, 'ALPACA-PAPER', 'Alpaca', true, 'ok' from people returning id, user_id),
		accounts as (insert into accounts (user_id, connection_id, broker_account_id, institution, can_trade, selected)
			select user_id, id, gen_random_uuid()::text, 'Alpaca', true, true from links returning id, user_id),
		held as (insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, bought, source, cost_bought, remaining_cost)
			select user_id, id, $3, 'AAPL', 'call', 200, '`+expiryDate+`', 100, 2, 'copy', 700, 700 from accounts returning id, user_id),
		subs as (insert into subscriptions (follower_id, trader_id, stop_loss_percent, take_profit_percent)
			select id, $1, 10 + i % 50, 100 from people returning id, follower_id)
		insert into copy_holdings (subscription_id, position_id, user_id, bought, remaining_cost)
		select s.id, h.id, h.user_id, 2, 700 from subs s join held h on h.user_id = s.follower_id`, f.trader, from, symbol)
	}
	f.exec(`analyze`) // as the database does by itself, a minute later
	w := &watch{copier: f.copier, page: watchPage, bounds: map[string]bounds{}}
	changed, err := w.reload(f.ctx)
	f.must(err)
	b := w.bounds[symbol]
	if !changed || len(w.bounds) != 1 || b.low.Decimal.StringFixed(2) != "3.15" || b.high.Decimal.StringFixed(2) != "7.00" {
		t.Fatalf("watched %+v", w.bounds)
	}
	f.must(w.hear(f.ctx, []market.Quote{f.quoted("3.20", "3.30")}))
	if n := read[int](f, `select count(*)::int from copy_triggers`); n != 0 {
		t.Errorf("%d reached above every bound", n)
	}
	f.must(w.hear(f.ctx, []market.Quote{f.quoted("2.75", "2.85")})) // a loss of 20 %
	want := read[int](f, `select count(*)::int from subscriptions where stop_loss_percent <= 20`)
	if n := read[int](f, `select count(*)::int from copy_triggers`); n != want || want < many/10 {
		t.Errorf("%d reached, want %d", n, want)
	}
	if n := read[int](f, `select count(*)::int from river_job where kind = 'copy_triggers'`); n != 1 {
		t.Errorf("%d bells", n)
	}
	if err := w.hear(f.ctx, []market.Quote{f.quoted("1.00", "1.10")}); err != nil || read[int](f, `select count(*)::int from copy_triggers`) != want {
		t.Error("judged again before the bounds were read again", err)
	}
	changed, err = w.reload(f.ctx)
	f.must(err)
	if changed || w.bounds[symbol].low.Decimal.StringFixed(3) != "2.765" { // 21 %
		t.Errorf("the next bound is %+v", w.bounds[symbol])
	}
}

// The market itself is followed: what it says of a watched contract sells, by its
// stream, and by reading where it streams nothing.
func TestTheMarketIsWatched(t *testing.T) {
	t.Parallel()
	f := openQuoted(t)
	f.quote(symbol, "3.40", "3.60")
	w := f.guarded("ben", 3)
	reader := &watch{copier: f.copier, page: watchPage, bounds: map[string]bounds{}}
	_, err := reader.reload(f.ctx)
	f.must(err)
	f.must(reader.readQuiet(f.ctx))
	if f.triggers(w) != "" || reader.bounds[symbol].heard.IsZero() {
		t.Fatal("read wrongly", f.triggers(w))
	}
	stop := reader.follow(f.ctx)
	defer stop()
	f.quote(symbol, "1.00", "1.10")
	f.eventually(func() bool { return strings.HasPrefix(f.triggers(w), "stop_loss") })
}

// The list is the follower's own, newest first.
func TestTriggersAreListed(t *testing.T) {
	t.Parallel()
	f := open(t)
	w, other := f.guarded("ben", 3), f.guarded("cara", 3)
	f.judged(f.quoted("1.00", "1.10"))
	page, next, err := f.copier.Triggers(f.ctx, w.id, 10, nil)
	f.must(err)
	if len(page) != 1 || next != nil || page[0].FollowerID != w.id || page[0].Trader != "ava" || page[0].Held != 3 || page[0].OrderID == nil {
		t.Errorf("%+v", page)
	}
	text, err := page[0].MarshalJSON()
	f.must(err)
	for _, want := range []string{`"kind":"stop_loss"`, `"percent":"30.00"`, `"mark":"1.05"`, `"state":"placed"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if page, _, err := f.copier.Triggers(f.ctx, other.id, 10, &Cursor{page[0].TriggeredAt.Add(-time.Hour), page[0].ID}); err != nil || len(page) != 0 {
		t.Errorf("older than the oldest: %v %v", page, err)
	}
}

// A bound sells by one order, and no more than R4 allows; what is left is judged again.
func TestABoundAboveTheHardLimitIsSoldInParts(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.guarded("ben", 700)
	low := f.quoted("2.40", "2.50")
	for i, want := range []string{"500@2.16 queued", "500@2.16 queued, 200@2.16 queued", "500@2.16 queued, 200@2.16 queued"} {
		if n := f.judged(low); n != []int{1, 1, 0}[i] {
			t.Errorf("reached %d", n)
		}
		if got := f.sells(w); got != want {
			t.Errorf("sells %q, want %q", got, want)
		}
	}
}
