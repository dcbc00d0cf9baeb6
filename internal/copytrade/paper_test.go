package copytrade

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
)

// trading is a floor with a market in which ava's contract stands still.
func trading(t *testing.T) *exchangeFloor {
	t.Helper()
	f := openQuoted(t)
	f.pin("3.40", "3.50")
	return f
}

// pin sets what the contract is bid and asked for.
func (f *exchangeFloor) pin(bid, ask string) {
	f.Helper()
	f.quote(symbol, bid, ask)
}

// onPaper is somebody without account, consent or plan who copies ava on paper.
func (f *floor) onPaper(name string, automatic bool) follower {
	f.Helper()
	w := follower{id: f.user(name, "subscriber")}
	w.subscription = f.paperBeside(w, automatic)
	return w
}

func (f *floor) paperBeside(w follower, automatic bool) uuid.UUID {
	f.Helper()
	return read[uuid.UUID](f, `
		insert into subscriptions (follower_id, trader_id, auto_execute, paper, active_since) values ($1, $2, $3, true, now() - interval '1 hour') returning id`,
		w.id, f.trader, automatic)
}

// paper is what somebody holds on paper, and what it made: "4 of 4, made 0".
func (f *floor) paper(w follower) string {
	f.Helper()
	return read[string](f, `
		select coalesce((select format('%s of %s for %s, made %s', bought - sold, bought, trim_scale(remaining_cost), trim_scale(realized))
		from paper_holdings where subscription_id = $1), 'nothing')`, w.subscription)
}

func TestACopyOnPaperIsFilledAtTheMarketAndTouchesNothingReal(t *testing.T) {
	t.Parallel()
	f := trading(t)
	w := f.onPaper("ben", true)
	f.carryOn(f.leads(orders.BTO, 4, 4, orders.Filled))
	if got := f.reason(w); got != "executed" {
		t.Fatal(got)
	}
	if got := f.paper(w); got != "4 of 4 for 1400, made 0" { // at the ask of 3.50
		t.Error("bought:", got)
	}
	f.pin("3.80", "3.90")
	list, err := f.copier.Paper(f.ctx, w.id)
	f.must(err)
	if len(list) != 1 || len(list[0].Holdings) != 1 || list[0].OpenCost.String() != "1400.00" || list[0].Unrealized == nil || list[0].Unrealized.Signed() != "+$140.00" { // at 3.85
		t.Errorf("told: %+v", list)
	}
	f.carryOn(f.leads(orders.STC, 1, 1, orders.Filled)) // a quarter
	if got := f.paper(w); got != "3 of 4 for 1050, made 30" {
		t.Error("sold a quarter:", got)
	}
	f.carryOn(f.leads(orders.STC, 3, 3, orders.Filled))
	if got := f.paper(w); got != "0 of 4 for 0, made 120" {
		t.Error("sold all:", got)
	}
	for _, table := range []string{
		"orders where user_id = $1", "positions where user_id = $1", "copy_holdings where user_id = $1", "copy_results where user_id = $1",
		"day_counters where user_id = $1 and kind not like 'paper%'", "alerts where user_id = $1",
	} {
		if n := read[int](f.floor, `select count(*)::int from `+table, w.id); n != 0 {
			t.Errorf("%d rows of %s", n, table)
		}
	}
	if n := read[int](f.floor, `select count(*)::int from notifications where user_id = $1 and title not like 'Paper: %'`, w.id); n != 0 {
		t.Errorf("%d messages do not say that they are about paper", n)
	}
	if n := read[int](f.floor, `select count(*)::int from notifications where user_id = $1`, w.id); n != 3 {
		t.Errorf("%d messages about three trades", n)
	}
}

func TestPaperWaitsForItsPriceAndEndsWithAReason(t *testing.T) {
	t.Parallel()
	f := trading(t)
	f.pin("3.60", "3.70") // the limit is 3.50 and 5 %: 3.65, in steps of 0.05
	patient, late := f.onPaper("ben", true), f.onPaper("cara", true)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.carryOn(order)
	if got := f.reason(patient); got != "queued: paper_price" {
		t.Fatal("above the limit:", got)
	}
	f.exec(`update copy_decisions set expires_at = now() - interval '1 second' where subscription_id = $1`, late.subscription)
	f.must(f.copier.expire(f.ctx))
	if got := f.reason(late); got != "failed: paper_price" {
		t.Error("past its time:", got)
	}
	f.pin("3.55", "3.65")
	f.carryOn(order)
	if got := f.reason(patient) + ", " + f.paper(patient); got != "executed, 4 of 4 for 1460, made 0" {
		t.Error("at the limit:", got)
	}
	if got := f.paper(late); got != "nothing" {
		t.Error("too late:", got)
	}
}

func TestPaperIsRefusedLikeAnOrder(t *testing.T) {
	t.Parallel()
	for want, before := range map[string]func(f *exchangeFloor, w follower){
		"skipped: spread_too_wide": func(f *exchangeFloor, w follower) { f.pin("2.00", "3.50") },
		"skipped: risk_collar":     func(f *exchangeFloor, w follower) { f.pin("2.00", "2.20") },
		"skipped: risk_no_quote": func(f *exchangeFloor, w follower) {
			f.clock.Set(exchange.ClockState{AlwaysOpen: true, Offset: time.Hour})
		},
		"skipped: trading_halted": func(f *exchangeFloor, w follower) { f.halt("platform", "") },
		"skipped: risk_daily_copies": func(f *exchangeFloor, w follower) {
			f.exec(`insert into day_counters (user_id, trading_day, kind, used) values ($1, $2, 'paper_copies', 5)`, w.id, f.clock.Today())
		},
		"skipped: risk_loss_stop": func(f *exchangeFloor, w follower) {
			f.exec(`insert into paper_holdings (subscription_id, symbol, user_id, underlying, multiplier, expiration, bought, sold, realized)
				values ($1, 'MSFT  `+expiryCode+`C00400000', $2, 'MSFT', 100, '`+expiryDate+`', 1, 1, -1000)`, w.subscription, w.id)
			f.exec(`insert into paper_fills (subscription_id, symbol, user_id, kind, quantity, price, realized, trading_day)
				values ($1, 'MSFT  `+expiryCode+`C00400000', $2, 'settle', 1, 0, -1000, $3)`, w.subscription, w.id, f.clock.Today())
		},
		"skipped: already_held": func(f *exchangeFloor, w follower) {
			other := read[uuid.UUID](f.floor, `insert into subscriptions (follower_id, trader_id, paper) values ($1, $2, true) returning id`, w.id, f.user("zoe", "trader"))
			f.exec(`insert into paper_holdings (subscription_id, symbol, user_id, underlying, multiplier, expiration, bought, cost_bought, remaining_cost)
				values ($1, $2, $3, 'AAPL', 100, '`+expiryDate+`', 1, 350, 350)`, other, symbol, w.id)
		},
		"skipped: max_exposure": func(f *exchangeFloor, w follower) {
			f.set(w, "max_exposure", "700")
			f.exec(`insert into paper_holdings (subscription_id, symbol, user_id, underlying, multiplier, expiration, bought, cost_bought, remaining_cost)
				values ($1, $2, $3, 'AAPL', 100, '`+expiryDate+`', 1, 350, 350)`, w.subscription, symbol, w.id)
		},
		"skipped: underlying_denied": func(f *exchangeFloor, w follower) { f.set(w, "denied_underlyings", []string{"AAPL"}) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			f := trading(t)
			w := f.onPaper("ben", true)
			before(f, w)
			f.carryOn(f.leads(orders.BTO, 4, 4, orders.Filled))
			if got := f.reason(w); got != want {
				t.Errorf("%q", got)
			}
		})
	}
}

func (f *exchangeFloor) halt(scope, key string) {
	f.Helper()
	f.exec(`insert into trading_switches (scope, key, stops, reason, cause) values ($1, $2, 'all', 'test', 'operator')`, scope, key)
}

// One trader may be followed for real and on paper: two decisions, each from what
// it holds itself, and paper takes neither the real one's place nor its daily cap.
func TestPaperRunsBesideTheRealCopy(t *testing.T) {
	t.Parallel()
	f := trading(t)
	real := f.follower("ben", true)
	f.set(real, "max_daily_trades", 1)
	beside := follower{id: real.id, subscription: f.paperBeside(real, true)}
	f.hold(real.id, real.account, 1) // his own: held for the real copy, and nothing to the one on paper
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	if got := f.reason(real); got != "skipped: already_held" {
		t.Error("real:", got)
	}
	if got := f.reason(beside); got != "queued" {
		t.Error("on paper:", got)
	}
	for _, w := range []follower{real, beside} {
		if d := f.decision(w); d.Place != 1 || d.PlaceOf != 1 || d.Paper != (w == beside) {
			t.Errorf("place %d of %d, on paper: %t", d.Place, d.PlaceOf, d.Paper)
		}
	}
	f.carryOn(order)
	if got := f.paper(beside); got != "4 of 4 for 1400, made 0" {
		t.Error(got)
	}
	if n := read[int](f.floor, `select count(*)::int from day_counters where user_id = $1 and kind in ('copies', 'premium', 'copy_premium')`, real.id); n != 0 {
		t.Error("paper counted against the real day")
	}
	f.holdCopied(real, 2)
	f.decide(f.leads(orders.STC, 4, 4, orders.Filled))
	if got := fmt.Sprint(f.decision(real).Held, f.decision(beside).Held); got != "2 4" {
		t.Error("held by each:", got)
	}
}

func TestApprovalsWorkOnPaper(t *testing.T) {
	t.Parallel()
	f := trading(t)
	w := f.onPaper("cara", false)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.carryOn(order)
	d := f.decision(w)
	if d.Result != Awaiting {
		t.Fatal(f.reason(w))
	}
	if title := read[string](f.floor, `select title from notifications where user_id = $1`, w.id); !strings.HasPrefix(title, "Paper: @ava bought") {
		t.Error(title)
	}
	for range 2 { // a double tap
		_, _, err := f.copier.Approve(f.ctx, w.id, d.ID, Key{Text: "approve-" + d.ID.String(), Body: []byte("{}")})
		f.must(err)
	}
	for range 2 {
		if err := f.copier.Execute(f.ctx, order); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.reason(w) + ", " + f.paper(w); got != "executed, 4 of 4 for 1400, made 0" {
		t.Error(got)
	}
}

// What was bought on paper while the leader's last sell was decided is sold too.
func TestPaperBoughtTooLateIsSold(t *testing.T) {
	t.Parallel()
	f := trading(t)
	w := f.onPaper("ben", true)
	f.carryOn(f.leads(orders.BTO, 4, 4, orders.Filled))
	exit := f.leads(orders.STC, 4, 4, orders.Filled)
	// The exit is decided as if nothing were held yet.
	f.exec(`update paper_holdings set bought = 0, remaining_cost = 0`)
	f.decide(exit)
	if got := f.reason(w); got != "skipped: no_copy_held" {
		t.Fatal(got)
	}
	f.exec(`update paper_holdings set bought = 4, remaining_cost = 1400`)
	f.must(f.copier.each(f.ctx, leftOnPaper, f.copier.leaderLeft))
	if got := f.paper(w); got != "0 of 4 for 0, made -40" { // at the bid of 3.40
		t.Error(got)
	}
}

func TestAnExitOnPaperWaitsForABid(t *testing.T) {
	t.Parallel()
	f := trading(t)
	w := f.onPaper("ben", true)
	f.carryOn(f.leads(orders.BTO, 4, 4, orders.Filled))
	f.pin("3.05", "3.15") // the leader sells at 3.50: 3.15 is the least
	exit := f.leads(orders.STC, 4, 4, orders.Filled)
	f.carryOn(exit)
	if got := f.reason(w); got != "queued: paper_price" {
		t.Fatal(got)
	}
	f.pin("3.15", "3.25")
	f.carryOn(exit)
	if got := f.reason(w) + ", " + f.paper(w); got != "executed, 0 of 4 for 0, made -140" {
		t.Error(got)
	}
}

// The database itself keeps a subscription on paper from ever placing an order.
func TestNothingPlacesAnOrderForPaper(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.onPaper("ben", true)
	account := f.account(w.id)
	position := f.hold(w.id, account, 1)
	_, err := f.db.Pool().Exec(f.ctx, `
		insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
			source, state, send_before, trading_day, subscription_id)
		values ($1, $2, $3, 'BTO', $4, 'AAPL', 100, 1, 'Limit', 3.5, 'Day', 'copy', 'queued', now(), current_date, $5)`,
		w.id, account, position, symbol, w.subscription)
	if err == nil || !strings.Contains(err.Error(), "is on paper and places no orders") {
		t.Error(err)
	}
	leader := f.leads(orders.BTO, 4, 4, orders.Filled)
	_, err = f.db.Pool().Exec(f.ctx, `
		insert into copy_decisions (subscription_id, user_id, trader_id, leader_order_id, side, symbol, source_quantity, source_price, result, place, place_of, expires_at)
		values ($1, $2, $3, $4, 'BTO', $5, 4, 3.5, 'queued', 1, 1, now())`, w.subscription, w.id, f.trader, leader, symbol)
	if err == nil || !strings.Contains(err.Error(), "copy_decisions_subscription") {
		t.Error("a decision that does not know paper:", err)
	}
}

// What expired on paper is worth what its underlying's close says, from the next
// trading day's morning on; and nothing once nobody could say for three.
func TestWhatExpiredOnPaperIsSettled(t *testing.T) {
	t.Parallel()
	f := trading(t)
	today := f.clock.Today() // the only day whose close the sandbox knows
	f.quote("AAPL", "211.25", "211.25")
	in, out, gone := f.onPaper("ben", true), f.onPaper("cara", true), f.onPaper("dan", true)
	hold := func(w follower, underlying string, kind exchange.OptionType, expires exchange.Date) {
		c, err := exchange.NewContract(underlying, kind, decimal.NewFromInt(200), expires)
		f.must(err)
		f.exec(`insert into paper_holdings (subscription_id, symbol, user_id, underlying, multiplier, expiration, bought, cost_bought, remaining_cost)
			values ($1, $2, $3, $4, 100, $5, 2, 700, 700)`, w.subscription, c.Symbol, w.id, underlying, expires)
	}
	hold(in, "AAPL", exchange.Call, today)
	hold(out, "AAPL", exchange.Put, today)
	hold(gone, "MSFT", exchange.Call, today.AddDays(-10))
	f.must(f.copier.settlePaper(f.ctx))
	if got := f.paper(in); got != "2 of 2 for 700, made 0" {
		t.Error("before the next trading day:", got)
	}
	next := today.AddDays(1)
	for !exchange.IsTradingDay(next) {
		next = next.AddDays(1)
	}
	f.clock.Set(exchange.ClockState{Offset: time.Until(next.At(8, 1))})
	for range 2 { // twice is once
		f.must(f.copier.settlePaper(f.ctx))
	}
	for w, want := range map[follower]string{in: "0 of 2 for 0, made 1550", out: "0 of 2 for 0, made -700", gone: "0 of 2 for 0, made -700"} {
		if got := f.paper(w); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	if n := read[int](f.floor, `select count(*)::int from paper_fills`); n != 3 {
		t.Errorf("%d settlements", n)
	}
}

// What nobody can tell the worth of yet does not keep what can be settled.
func TestWhatCannotBeSettledKeepsNobodyElse(t *testing.T) {
	t.Parallel()
	f := trading(t)
	today := f.clock.Today()
	f.quote("AAPL", "211.25", "211.25")
	w, waits := f.onPaper("ben", true), f.onPaper("cara", true)
	hold := `insert into paper_holdings (subscription_id, symbol, user_id, underlying, multiplier, expiration, bought, cost_bought, remaining_cost)
		values ($1, $2, $3, $4, 100, $5, 2, 700, 700)`
	for strike := range int64(paperSettleSlice) {
		c, err := exchange.NewContract("MSFT", exchange.Call, decimal.NewFromInt(100+strike), today.AddDays(-1))
		f.must(err)
		f.exec(hold, waits.subscription, c.Symbol, waits.id, "MSFT", c.Expiration)
	}
	c, err := exchange.NewContract("AAPL", exchange.Call, decimal.NewFromInt(200), today)
	f.must(err)
	f.exec(hold, w.subscription, c.Symbol, w.id, "AAPL", today)
	next := today.AddDays(1)
	for !exchange.IsTradingDay(next) {
		next = next.AddDays(1)
	}
	f.clock.Set(exchange.ClockState{Offset: time.Until(next.At(8, 1))})
	f.must(f.copier.settlePaper(f.ctx))
	if got := f.paper(w); got != "0 of 2 for 0, made 1550" {
		t.Error(got)
	}
	if n := read[int](f.floor, `select count(*)::int from paper_fills where subscription_id = $1`, waits.subscription); n != 0 {
		t.Errorf("%d settled for nothing", n)
	}
}

func TestOnePaperAndOneRealSubscriptionToATrader(t *testing.T) {
	t.Parallel()
	f := open(t)
	ben := f.user("ben", "subscriber")
	yes, no := true, false
	subscribe := func(given Settings) string {
		_, _, err := f.copier.Subscribe(f.ctx, ben, Key{Text: uuid.NewString(), Body: []byte("{}")}, "ava", given)
		if err == nil {
			return ""
		}
		return fault.CodeOf(err)
	}
	paper := Settings{Paper: &yes, AutoExecute: &yes}
	if paper.Loosens(Defaults()) {
		t.Error("paper asks for a fresh sign-in")
	}
	if real := (Settings{AutoExecute: &yes}); !real.Loosens(Defaults()) {
		t.Error("real automation does not")
	}
	if got := subscribe(paper); got != "" { // without consent
		t.Fatal("on paper:", got)
	}
	if got := subscribe(Settings{Paper: &yes}); got != "invalid_state" {
		t.Error("twice on paper:", got)
	}
	if got := subscribe(Settings{AutoExecute: &yes}); got != "validation_failed" {
		t.Error("for real, without consent:", got)
	}
	if active, paused, err := f.copier.FollowerCount(f.ctx, f.trader); err != nil || active != 0 || paused != 0 {
		t.Errorf("the trader sees %d and %d followers (%v)", active, paused, err)
	}
	if n := read[int](f, `select count(*)::int from notifications where user_id = $1`, f.trader); n != 0 {
		t.Error("the trader is told of paper")
	}
	if got := subscribe(Settings{}); got != "" {
		t.Error("for real, beside it:", got)
	}
	list, err := f.copier.Subscriptions(f.ctx, ben)
	f.must(err)
	for _, s := range list {
		change := Settings{Paper: &yes}
		if *s.Settings.Paper {
			change.Paper = &no
		}
		if _, err := f.copier.Update(f.ctx, ben, s.ID, Change{Settings: &change}, freshly); fault.CodeOf(err) != "validation_failed" {
			t.Error("one turned into the other:", err)
		}
	}
	if len(list) != 2 {
		t.Errorf("%d subscriptions", len(list))
	}
	if list, _, err := f.copier.Followers(f.ctx, f.trader, 10, nil); err != nil || len(list) != 1 {
		t.Errorf("%d followers (%v)", len(list), err)
	}
}
