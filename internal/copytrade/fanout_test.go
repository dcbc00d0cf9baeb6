package copytrade

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

// decide runs only the deciding, so that what the desk makes of it stays out.
func (f *floor) decide(order uuid.UUID) {
	f.Helper()
	o, err := f.copier.desk.Any(f.ctx, order)
	f.must(err)
	filled, err := f.copier.fills(f.ctx, o)
	f.must(err)
	f.must(f.copier.fanOut(f.ctx, o, filled, triggerOf(o, filled.first)))
}

func TestABuyIsDecidedForEveryFollowerWithItsReason(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		before func(f *floor, w follower)
		after  func(f *floor, w follower, order uuid.UUID) // between the fill and the deciding
	}{
		"queued": {},
		"awaiting_approval": {before: func(f *floor, w follower) {
			f.exec(`update consents set withdrawn_at = now() where user_id = $1`, w.id)
		}},
		"skipped: no_account": {before: func(f *floor, w follower) {
			f.exec(`update accounts set selected = false where id = $1`, w.account)
		}},
		"skipped: market_closed": {before: func(f *floor, w follower) {
			saturday := time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC)
			f.clock.Set(exchange.ClockState{Offset: time.Until(saturday)})
		}},
		"skipped: too_late": {after: func(f *floor, w follower, order uuid.UUID) {
			f.exec(`update fills set executed_at = now() - interval '61 seconds' where order_id = $1`, order)
		}},
		"skipped: scaled_to_zero":         {before: func(f *floor, w follower) { f.set(w, "scaling_value", 0.2) }},
		"skipped: underlying_not_allowed": {before: func(f *floor, w follower) { f.set(w, "allowed_underlyings", []string{"MSFT", "TSLA"}) }},
		"skipped: underlying_denied":      {before: func(f *floor, w follower) { f.set(w, "denied_underlyings", []string{"TSLA", "AAPL"}) }},
		"skipped: option_type":            {before: func(f *floor, w follower) { f.set(w, "option_types", []string{"put"}) }},
		"skipped: expires_too_soon":       {before: func(f *floor, w follower) { f.set(w, "min_days_to_expiration", 1500) }},
		"skipped: expires_too_late":       {before: func(f *floor, w follower) { f.set(w, "max_days_to_expiration", 0) }},
		// With 5 % slippage one contract may cost 367.50.
		"skipped: max_premium": {before: func(f *floor, w follower) { f.set(w, "max_premium_per_trade", "367.49") }},
		"skipped: max_exposure": {before: func(f *floor, w follower) {
			f.holdCopied(w, 2) // for 700
			f.set(w, "max_exposure", "1067.49")
		}},
		"skipped: already_held": {before: func(f *floor, w follower) { f.hold(w.id, w.account, 1) }},
		"skipped: risk_price": {after: func(f *floor, w follower, order uuid.UUID) {
			f.exec(`update orders set cum_notional = 0 where id = $1`, order)
			f.set(w, "scaling_mode", "dollars") // and does not divide by it
		}},
		"skipped: leader_flat": {after: func(f *floor, w follower, order uuid.UUID) { f.leads(orders.STC, 4, 4, orders.Filled) }},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			w := f.follower("ben", true)
			if c.before != nil {
				c.before(f, w)
			}
			order := f.leads(orders.BTO, 4, 4, orders.Filled)
			if c.after != nil {
				c.after(f, w, order)
			}
			f.decide(order)
			if got := f.reason(w); got != want {
				t.Errorf("%q", got)
			}
			if d := f.decision(w); (d.Quantity == 4) != (d.Reason == nil) {
				t.Errorf("quantity %d with %s", d.Quantity, f.reason(w))
			}
		})
	}
}

func TestABrokenOrReadOnlyAccountIsNone(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{"status = 'broken'", "can_trade = false", "removed_at = now(), selected = false"} {
		f := open(t)
		w := f.follower("ben", true)
		f.exec(`update accounts set `+broken+` where id = $1`, w.account)
		f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
		if got := f.reason(w); got != "skipped: no_account" {
			t.Errorf("%s: %s", broken, got)
		}
	}
}

func TestTheSizeOfACopy(t *testing.T) {
	t.Parallel()
	f := open(t)
	cases := []struct {
		mode     string
		value    string
		most     int
		want     int
		follower follower
	}{
		{mode: "factor", value: "0.5", most: 10, want: 3},             // 7 × 0.5 = 3.5
		{mode: "factor", value: "3", most: 5, want: 5},                // the follower's cap
		{mode: "factor", value: "3", most: 500, want: 10},             // the platform's (R4)
		{mode: "contracts", value: "2", most: 10, want: 2},            //
		{mode: "dollars", value: "1000", most: 10, want: 2},           // at 350 each
		{mode: "buyingPowerPercent", value: "1.5", most: 10, want: 4}, // 1,500 of 100,000
	}
	for i := range cases {
		c := &cases[i]
		c.follower = f.follower(fmt.Sprintf("f%d", i), true)
		f.exec(`update subscriptions set scaling_mode = $2, scaling_value = $3::numeric, max_position_size = $4 where id = $1`,
			c.follower.subscription, c.mode, c.value, c.most)
	}
	f.decide(f.leads(orders.BTO, 7, 7, orders.Filled))
	for _, c := range cases {
		if d := f.decision(c.follower); d.Quantity != c.want || d.Result != Queued {
			t.Errorf("%s %s: %d, %s", c.mode, c.value, d.Quantity, f.reason(c.follower))
		}
	}
}

// Bounds make a copy smaller before they keep it out.
func TestACopyIsMadeSmallerToFit(t *testing.T) {
	t.Parallel()
	f := open(t)
	cases := map[string]struct {
		column, value string
		held, want    int
	}{
		"at most dollars for a trade":          {"max_premium_per_trade", "1100", 0, 2}, // 367.50 each
		"exactly what they cost":               {"max_premium_per_trade", "1470", 0, 4},
		"dollars in copies, none held":         {"max_exposure", "1102.50", 0, 3},
		"dollars in copies, some of them held": {"max_exposure", "1102.50", 2, 1},
	}
	followers := map[string]follower{}
	for name, c := range cases {
		w := f.follower("f"+strconv.Itoa(len(followers)), true)
		f.exec(`update subscriptions set `+c.column+` = $2::numeric where id = $1`, w.subscription, c.value)
		if c.held > 0 {
			f.holdCopied(w, c.held)
		}
		followers[name] = w
	}
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	for name, c := range cases {
		if d := f.decision(followers[name]); d.Quantity != c.want || d.Result != Queued {
			t.Errorf("%s: %d, %s", name, d.Quantity, f.reason(followers[name]))
		}
	}
}

// A follower's copied positions are counted by contract: more of one that is open
// is no further position.
func TestOpenCopiesAreCountedByContract(t *testing.T) {
	t.Parallel()
	f := open(t)
	full, more := f.follower("ben", true), f.follower("cara", true)
	for _, w := range []follower{full, more} {
		f.set(w, "max_open_positions", 1)
	}
	f.holdCopied(more, 1)
	elsewhere := f.holdCopied(full, 1)
	f.exec(`update positions set symbol = 'MSFT  `+expiryCode+`C00400000', underlying = 'MSFT' where id = $1`, elsewhere)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	if got := f.reason(full); got != "skipped: max_open_positions" {
		t.Error("with another contract open:", got)
	}
	if got := f.reason(more); got != "queued" {
		t.Error("with the same contract open:", got)
	}
}

// Signals that fill together are each decided about without the others; the
// transaction that writes an order sees what the others wrote.
func TestBoundsHoldForSignalsDecidedTogether(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.exec(`update subscriptions set max_open_positions = 1, max_exposure = 1000 where id = $1`, w.subscription)
	leader, err := f.copier.desk.Any(f.ctx, f.leads(orders.BTO, 4, 4, orders.Filled))
	f.must(err)
	f.decide(leader.ID)
	bounds := func(quantity int) (code string) {
		f.must(f.db.AsSystem(f.ctx, "test", func(ctx context.Context, tx pgx.Tx) error {
			s, err := f.copier.subscription(ctx, tx, w.id, w.subscription, "")
			f.must(err)
			if err := withinBounds(ctx, tx, leader, s, money.MustPrice("3.50"), quantity); err != nil {
				code = fault.CodeOf(err)
			}
			return nil
		}))
		return code
	}
	if got := bounds(2); got != "" {
		t.Error("alone:", got)
	}
	if got := bounds(3); got != "max_exposure" {
		t.Error("1,050 of 1,000 dollars:", got)
	}
	other := f.hold(w.id, w.account, 0)
	f.exec(`update positions set symbol = 'MSFT  `+expiryCode+`C00400000', underlying = 'MSFT' where id = $1`, other)
	f.exec(`
		insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
			source, state, send_before, trading_day, subscription_id, decision_id, estimated_cost)
		select $1, $2, $3, 'BTO', 'MSFT  `+expiryCode+`C00400000', 'MSFT', 100, 1, 'Limit', 1, 'Day', 'copy', 'queued', now(), current_date, $4, id, 100
		from copy_decisions where subscription_id = $4`, w.id, w.account, other, w.subscription)
	if got := bounds(1); got != "max_open_positions" {
		t.Error("with another entry on its way:", got)
	}
}

// A trader who buys more of what was copied before is copied again: only what
// comes from elsewhere counts as held.
func TestWhatWasCopiedFromTheSameTraderIsNotHeldFromElsewhere(t *testing.T) {
	t.Parallel()
	f := open(t)
	again, mixed, adds := f.follower("again", true), f.follower("mixed", true), f.follower("adds", true)
	for _, w := range []follower{again, mixed, adds} {
		f.holdCopied(w, 3)
	}
	f.hold(mixed.id, mixed.account, 1)
	f.hold(adds.id, adds.account, 1)
	f.set(adds, "same_contract", "add")
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	for w, want := range map[follower]string{again: "queued", mixed: "skipped: already_held", adds: "queued"} {
		if got := f.reason(w); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestDecidingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.follower("ben", true)
	f.follower("cara", false)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	before := read[string](f, `select string_agg(c::text, '|' order by id) from copy_decisions c`)
	told := read[int](f, `select count(*)::int from notifications`)
	events := read[int](f, `select count(*)::int from live_events`)
	f.decide(order)
	f.decide(order)
	if after := read[string](f, `select string_agg(c::text, '|' order by id) from copy_decisions c`); after != before {
		t.Errorf("changed:\n%s\n%s", before, after)
	}
	if told != 1 || read[int](f, `select count(*)::int from notifications`) != 1 || read[int](f, `select count(*)::int from live_events`) != events {
		t.Errorf("told %d times at first, then again", told)
	}
}

// Only who followed when the trade triggered is decided for, however late.
func TestWhoCameAfterTheTriggerIsNotDecidedFor(t *testing.T) {
	t.Parallel()
	f := open(t)
	late, paused, gone := f.follower("late", true), f.follower("paused", true), f.follower("gone", true)
	f.set(paused, "status", "paused")
	f.set(gone, "status", "cancelled")
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.set(late, "active_since", time.Now().Add(time.Second))
	f.decide(order)
	f.set(paused, "status", "active")
	f.set(paused, "active_since", time.Now().Add(time.Second)) // resumed
	f.decide(order)
	if n := read[int](f, `select count(*)::int from copy_decisions`); n != 0 {
		t.Errorf("%d decisions", n)
	}
}

func TestACopyIsNeverCopied(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	d := f.decision(w)
	f.exec(`update orders set source = 'copy', decision_id = $2, subscription_id = $3 where id = $1`, order, d.ID, w.subscription)
	cara := f.follower("cara", true)
	f.decide(order) // by the statement itself, whatever came before it
	if n := read[int](f, `select count(*)::int from copy_decisions where subscription_id = $1`, cara.subscription); n != 0 {
		t.Error("decided about a copy")
	}
}

func TestAnUnfilledOrAPartlyFilledOrderWaits(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	began := time.Now() // before the fill: what has passed since is no part of the ten seconds
	order := f.leads(orders.BTO, 9, 4, orders.Partial)
	err := f.copier.OnOrder(f.ctx, order)
	again, ok := err.(orders.Again)
	if !ok || again.After < 10*time.Second-time.Since(began) || again.After > 10*time.Second {
		t.Fatalf("a first partial fill: %v", err)
	}
	f.exec(`update fills set learnt_at = learnt_at - interval '10 seconds' where order_id = $1`, order)
	f.decide(order)
	if d := f.decision(w); d.SourceQuantity != 4 {
		t.Errorf("ten seconds later: %+v", d)
	}
	f.more(order, 5)
	f.decide(order)
	if n := read[int](f, `select count(*)::int from copy_decisions where source_quantity = 4`); n != 1 {
		t.Errorf("a second partial fill made another copy")
	}
}

func TestASellIsDecidedByWhatWasCopied(t *testing.T) {
	t.Parallel()
	f := open(t)
	five, one, none, own, asked := f.follower("five", true), f.follower("one", true), f.follower("none", true), f.follower("own", true), f.follower("asked", false)
	f.holdCopied(five, 5)
	f.hold(five.id, five.account, 7)
	f.holdCopied(one, 1)
	f.hold(own.id, own.account, 5)
	f.holdCopied(asked, 5)
	f.leads(orders.BTO, 10, 10, orders.Filled)
	f.decide(f.leads(orders.STC, 4, 4, orders.Filled))
	for w, want := range map[follower]struct {
		result   string
		quantity int
	}{
		five: {"queued", 2}, one: {"skipped: scaled_to_zero", 0}, none: {"skipped: no_copy_held", 0}, own: {"skipped: no_copy_held", 0},
		asked: {"awaiting_approval", 2},
	} {
		if d := f.decision(w); f.reason(w) != want.result || d.Quantity != want.quantity {
			t.Errorf("%s, %d of %d; want %+v", f.reason(w), d.Quantity, d.Held, want)
		}
	}
	if got := read[string](f, `select body from notifications where user_id = $1`, asked.id); got != "4 at $3.50. Sell 2 of your 5 copied?" {
		t.Errorf("asked %q", got)
	}
}

// What an earlier exit may still sell is not held for a later one.
func TestALaterExitLeavesLiveExitsAlone(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	f.holdCopied(w, 10)
	f.leads(orders.BTO, 10, 10, orders.Filled)
	f.carryOn(f.leads(orders.STC, 5, 5, orders.Filled))
	f.decide(f.leads(orders.STC, 2, 2, orders.Filled)) // 2 of 5
	if d := f.decision(w); d.Held != 5 || d.Quantity != 2 {
		t.Errorf("held %d, sells %d; want 5 and 2", d.Held, d.Quantity)
	}
}

// The statement's target is that of exitTarget, for every small case.
func TestTheTargetInSQLIsTheOneInGo(t *testing.T) {
	t.Parallel()
	f := open(t)
	rows, err := f.db.Pool().Query(f.ctx, `
		select copied, sold, held, least(copied, ceil(copied * sold::numeric / held - 0.5))::int
		from generate_series(1, 12) copied, generate_series(1, 12) held, generate_series(1, held) sold`)
	f.must(err)
	var copied, sold, held, target int
	_, err = pgx.ForEachRow(rows, []any{&copied, &sold, &held, &target}, func() error {
		if want := exitTarget(copied, sold, held, false); want != target {
			t.Errorf("%d copied, %d of %d sold: %d in SQL, %d in Go", copied, sold, held, target, want)
		}
		return nil
	})
	f.must(err)
}

// However many follow, the statements are as many: decisions, events, questions.
func TestEveryFollowerInOnePass(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.exec(`
		with people as (insert into users (username, name) select 'f' || i || 'x', 'F' from generate_series(1, 1000) i returning id)
		insert into subscriptions (follower_id, trader_id, active_since) select id, $1, now() - interval '1 hour' from people`, f.trader)
	order := f.leads(orders.BTO, 4, 4, orders.Filled)
	f.decide(order)
	if n := read[int](f, `select count(distinct place)::int from copy_decisions where leader_order_id = $1 and place between 1 and place_of and place_of = 1000`, order); n != 1000 {
		t.Errorf("%d places", n)
	}
}

// A follower whose copies of the day are used up gets no place in line and takes no
// call of the budget; the numbers that decided are kept.
func TestTheDaysCopiesAreJudgedBeforeTheLine(t *testing.T) {
	t.Parallel()
	f := open(t)
	full, nearly, paper := f.follower("full", true), f.follower("nearly", true), f.follower("paper", true)
	f.set(paper, "auto_execute", false)
	paper.subscription = f.paperBeside(paper, true)
	day := f.clock.Today()
	for user, used := range map[follower]int{full: 5, nearly: 4, paper: 5} {
		f.exec(`insert into day_counters (user_id, trading_day, kind, used) values ($1, $2, 'copies', $3)`, user.id, day, used)
	}
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	for w, want := range map[follower]string{full: "skipped: risk_daily_copies", nearly: "queued", paper: "queued"} {
		if got := f.reason(w); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	var numbers map[string]any
	f.must(json.Unmarshal(f.decision(full).Numbers, &numbers))
	if numbers["copiesToday"] != 5.0 || numbers["maxDailyTrades"] != 5.0 {
		t.Errorf("numbers: %v", numbers)
	}
}

// What the platform's own bound or the buying power cut is said with it.
func TestNumbersNameWhatDecidedTheSize(t *testing.T) {
	t.Parallel()
	f := open(t)
	cut, part := f.follower("cut", true), f.follower("part", true)
	f.set(cut, "scaling_value", 20)
	f.set(cut, "max_position_size", 500)
	f.set(part, "scaling_mode", "buyingPowerPercent")
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	if got := read[string](f, `select numbers ->> 'most' from copy_decisions where subscription_id = $1`, cut.subscription); got != "10" {
		t.Errorf("the platform's bound: %q", got)
	}
	if got := read[string](f, `select numbers ->> 'buyingPower' from copy_decisions where subscription_id = $1`, part.subscription); got != "100000.00" {
		t.Errorf("buying power: %q", got)
	}
}

// The order desk's numbers go with its refusal.
func TestARefusalAtPlacingKeepsItsNumbers(t *testing.T) {
	t.Parallel()
	f := open(t)
	code, _, compared, refused := refusal(fmt.Errorf("enter: %w", fault.Risk("premium", "too dear").With("limit", decimal.NewFromInt(2500)).With("confirm", "x")))
	if !refused || code != "risk_premium" || compared != `{"limit":"2500"}` {
		t.Fatalf("%s %s", code, compared)
	}
	w := f.follower("ben", true)
	f.decide(f.leads(orders.BTO, 4, 4, orders.Filled))
	f.must(f.copier.refuse(f.ctx, f.decision(w), ending{Skipped, code, ""}, compared))
	if got := read[string](f, `select reason || ' ' || (numbers ->> 'limit') || ' ' || (numbers ->> 'wanted') from copy_decisions`); got != "risk_premium 2500 4" {
		t.Error(got)
	}
}
