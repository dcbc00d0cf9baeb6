package copytrade

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/orders"
)

// guardedOnPaper is a follower who holds n copies on paper for 3.50 each, with both
// bounds set.
func (f *floor) guardedOnPaper(name string, n int) follower {
	f.Helper()
	w := f.onPaper(name, true)
	f.set(w, "stop_loss_percent", "30")
	f.set(w, "take_profit_percent", "50")
	f.holdOnPaper(w, symbol, n)
	return w
}

// holdOnPaper gives a follower n contracts on paper for 3.50 each.
func (f *floor) holdOnPaper(w follower, symbol string, n int) {
	f.Helper()
	c, err := exchange.ParseSymbol(symbol)
	f.must(err)
	f.exec(`insert into paper_holdings (subscription_id, symbol, user_id, underlying, multiplier, expiration, bought, cost_bought, remaining_cost)
		values ($1, $2, $3, 'AAPL', 100, $4, $5::int, 350 * $5::int, 350 * $5::int)
		on conflict (subscription_id, symbol) do update set bought = paper_holdings.bought + excluded.bought,
			cost_bought = paper_holdings.cost_bought + excluded.cost_bought, remaining_cost = paper_holdings.remaining_cost + excluded.cost_bought`,
		w.subscription, symbol, w.id, c.Expiration, n)
}

// closed are a follower's sales on paper by bounds, as "quantity@price made", oldest first.
func (f *floor) closed(w follower) string {
	f.Helper()
	return read[string](f, `select coalesce(string_agg(format('%s@%s %s', quantity, trim_scale(price), trim_scale(realized)), ', ' order by id), '')
		from paper_fills where subscription_id = $1 and kind = 'close' and trigger_id is not null`, w.subscription)
}

// Judged by the mark like a real copy, and sold at the bid.
func TestABoundOnPaperIsReachedAtItsPrice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bid, ask string
		age      time.Duration
		want     string
		made     string
	}{
		"a loss of less":             {"2.40", "2.51", 0, "", "3 of 3 for 1050, made 0"},
		"a loss of exactly as much":  {"2.40", "2.50", 0, "3@2.4 -330", "0 of 3 for 0, made -330"}, // 2.45 = 3.50 × 0.7
		"a gain of less":             {"5.20", "5.29", 0, "", "3 of 3 for 1050, made 0"},
		"a gain of exactly as much":  {"5.20", "5.30", 0, "3@5.2 510", "0 of 3 for 0, made 510"},
		"a quote of sixteen seconds": {"2.40", "2.50", 16 * time.Second, "", "3 of 3 for 1050, made 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := trading(t)
			w := f.guardedOnPaper("ben", 3)
			f.pin(c.bid, c.ask)
			q := f.quoted(c.bid, c.ask)
			q.At = q.At.Add(-c.age)
			f.judged(q)
			if got := f.closed(w); got != c.want {
				t.Errorf("sold %q, want %q: %s", got, c.want, f.triggers(w))
			}
			if got := f.paper(w); got != c.made {
				t.Errorf("holds %s, want %s", got, c.made)
			}
		})
	}
}

// However many processes judge and sell, and however often: one sale, told once when
// it is reached and once when it is sold, in the day's result, and nothing real.
func TestABoundOnPaperSellsOnce(t *testing.T) {
	t.Parallel()
	f := trading(t)
	f.pin("0.90", "1.00")
	followers := []follower{f.guardedOnPaper("ben", 3), f.guardedOnPaper("cara", 5)}
	real := f.guarded("dan", 7)
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
	f.judged(f.quoted("0.80", "0.90"))
	for i, want := range []string{"3@0.9 -780", "5@0.9 -1300"} {
		if got := f.closed(followers[i]); got != want {
			t.Errorf("sold %q, want %q", got, want)
		}
		if got := f.triggers(followers[i]); got != "stop_loss sold" {
			t.Error(got)
		}
	}
	if got := f.sells(real); got != "7@0.9 queued" {
		t.Errorf("the real copy sells %q", got)
	}
	told := read[string](f.floor, `select string_agg(title || '. ' || body, '|' order by title) from notifications where user_id = $1`, followers[0].id)
	contract := "AAPL " + sampleDay.Display() + " 200 C"
	if told != "Paper: Sold 3 "+contract+". Stop-loss: at $0.90, copied from @ava. Nothing was traded for you.|"+
		"Paper: Stop-loss: "+contract+". 3 copied from @ava are being sold: at $1.05 they are 70% below the $3.50 they cost." {
		t.Errorf("told %q", told)
	}
	if made := read[string](f.floor, `select trim_scale(sum(realized))::text from paper_fills where user_id = $1 and trading_day = $2`, followers[0].id, f.clock.Today()); made != "-780" {
		t.Error("the day made", made)
	}
	if n := read[int](f.floor, `select count(*)::int from orders where user_id = any($1)`, []any{followers[0].id, followers[1].id}); n != 0 {
		t.Errorf("%d orders for paper", n)
	}
	page, _, err := f.copier.Triggers(f.ctx, followers[0].id, 10, nil)
	f.must(err)
	if len(page) != 1 || !page[0].Paper() || page[0].State != TriggerSold || !strings.Contains(string(page[0].Numbers), `"soldAt": "0.9`) {
		t.Errorf("listed %+v", page)
	}
}

// What cannot be sold yet waits with its reason, and is sold once it can be; no quote
// that is old sells, and nothing outside the session.
func TestABoundOnPaperWaitsForAFreshBid(t *testing.T) {
	t.Parallel()
	f := trading(t)
	w := f.guardedOnPaper("ben", 3)
	f.pin("1.00", "1.10")
	if _, err := f.copier.Judge(f.ctx, []market.Quote{f.quoted("1.00", "1.10")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		clock exchange.ClockState
		want  string
	}{
		{exchange.ClockState{AlwaysOpen: true, Offset: time.Hour}, "stop_loss waiting risk_no_quote"},
		{exchange.ClockState{Offset: time.Until(time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC))}, "stop_loss waiting risk_market_closed"}, // a Saturday
		{exchange.ClockState{AlwaysOpen: true}, "stop_loss sold"},
	} {
		f.clock.Set(c.clock)
		f.must(f.copier.PlaceTriggered(f.ctx))
		if got := f.triggers(w); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := f.closed(w); got != "3@1 -750" {
		t.Error(got)
	}
}

// Between being reached and being sold the copy may go another way: the row ends with
// its reason, and sells nothing.
func TestWhatIsGoneFromPaperMeanwhileIsNotSold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ meanwhile, want string }{
		"sold":             {`update paper_holdings set sold = bought, remaining_cost = 0`, "stop_loss failed no_copy_held"},
		"stopped":          {`update subscriptions set status = 'cancelled'`, "stop_loss failed copying_stopped"},
		"its time is over": {`update copy_triggers set send_before = now()`, "stop_loss failed too_late"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := trading(t)
			w := f.guardedOnPaper("ben", 3)
			f.pin("1.00", "1.10")
			if _, err := f.copier.Judge(f.ctx, []market.Quote{f.quoted("1.00", "1.10")}); err != nil {
				t.Fatal(err)
			}
			f.exec(c.meanwhile)
			f.must(f.copier.PlaceTriggered(f.ctx))
			if got := f.triggers(w) + f.closed(w); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// The trader's own exit afterwards finds nothing of the copy, and says so; what is
// bought later has its bound anew, and is watched again.
func TestTheTradersExitAfterABoundOnPaperSellsNothing(t *testing.T) {
	t.Parallel()
	f := trading(t)
	w := f.onPaper("ben", true)
	f.set(w, "stop_loss_percent", "30")
	f.carryOn(f.leads(orders.BTO, 4, 4, orders.Filled))
	f.pin("1.00", "1.10")
	reader := &watch{copier: f.copier, page: watchPage, bounds: map[string]bounds{}}
	watched := func() string {
		_, err := reader.reload(f.ctx)
		f.must(err)
		if b := reader.bounds[symbol].low; b.Valid {
			return b.Decimal.StringFixed(2)
		}
		return ""
	}
	if got := watched(); got != "2.45" {
		t.Error("watched for", got)
	}
	f.must(reader.hear(f.ctx, []market.Quote{f.quoted("1.00", "1.10")}))
	f.must(f.copier.PlaceTriggered(f.ctx))
	if got := watched(); got != "" {
		t.Error("still watched for", got)
	}
	f.carryOn(f.leads(orders.STC, 4, 4, orders.Filled))
	if got := f.reason(w) + ", " + f.paper(w); got != "skipped: no_copy_held, 0 of 4 for 0, made -1000" {
		t.Error(got)
	}
	f.holdOnPaper(w, symbol, 2)
	if got := watched(); got != "2.45" {
		t.Error("what was bought later is watched for", got)
	}
	f.judged(f.quoted("1.00", "1.10"))
	if got := f.closed(w); got != "4@1 -1000, 2@1 -500" {
		t.Error(got)
	}
}

// At the chosen time of the last day, once; before an early close in any case.
func TestPaperIsSoldAtTheChosenTimeOfTheLastDay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		expires, chosen string
		times           []string
		want            string // whether it is sold after each
	}{
		"an ordinary day": {"2026-11-20", "15:30", []string{"2026-11-19 15:45", "2026-11-20 15:29", "2026-11-20 15:30"}, "no no yes"},
		"after the close": {"2026-11-20", "15:30", []string{"2026-11-20 16:00"}, "no"},
		"an early close":  {"2026-11-27", "15:30", []string{"2026-11-27 12:44", "2026-11-27 12:45"}, "no yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openQuoted(t)
			w, without := f.onPaper("ben", true), f.onPaper("cara", true)
			f.set(w, "close_on_expiry_at", c.chosen)
			expiring := "AAPL  " + strings.ReplaceAll(c.expires[2:], "-", "") + "C00200000"
			f.holdOnPaper(w, expiring, 3)
			f.holdOnPaper(without, expiring, 3)
			var sold []string
			for _, at := range c.times {
				f.at(at)
				f.quote(expiring, "1.00", "1.10")
				for range 2 {
					f.must(f.copier.GuardExpiry(f.ctx))
					f.must(f.copier.PlaceTriggered(f.ctx))
				}
				sold = append(sold, map[bool]string{true: "yes", false: "no"}[f.closed(w) == "3@1 -750"])
			}
			if got := strings.Join(sold, " "); got != c.want {
				t.Errorf("sold %s, want %s: %s, %s", got, c.want, f.triggers(w), f.closed(w))
			}
			if f.closed(without) != "" {
				t.Error("sold for who chose no time")
			}
		})
	}
}
