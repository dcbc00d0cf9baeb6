package copytrade

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
)

// past writes an order of ava's that filled some minutes ago, and announces it.
func (f *floor) past(minutes int, side orders.Side, contract string, quantity int, price string) uuid.UUID {
	f.Helper()
	order := f.unannounced(minutes, side, contract, quantity, price)
	f.exec(`insert into alerts (order_id, user_id, position_id, side, symbol, revision, facts, public, learnt_at, created_at)
		select id, user_id, position_id, side, symbol, 1, '{}', true, executed_at, executed_at from orders where id = $1`, order)
	return order
}

func (f *floor) unannounced(minutes int, side orders.Side, contract string, quantity int, price string) uuid.UUID {
	f.Helper()
	c, err := exchange.ParseSymbol(contract)
	f.must(err)
	account := read[uuid.UUID](f, `select coalesce((select id from accounts where user_id = $1), $2)`, f.trader, uuid.Nil)
	if account == uuid.Nil {
		account = f.account(f.trader)
	}
	bought, sold := quantity, 0
	if side == orders.STC {
		bought, sold = 0, quantity
	}
	return read[uuid.UUID](f, `
		with p as (
			insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source, bought)
			values ($1, $2, $3, $4, $5, $6, $7, 100, 'manual', $8::int)
			on conflict (account_id, symbol) where status = 'open' do update set bought = positions.bought + $8::int, sold = positions.sold + $9::int
			returning id
		), o as (
			insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
				source, state, cum, cum_notional, send_before, trading_day, executed_at, finished_at, created_at)
			select $1, $2, id, $10, $3, $4, 100, $11::int, 'Limit', $12::numeric, 'Day', 'manual', 'filled', $11::int, $12::numeric * $11::int, $13, current_date, $13, $13, $13 from p
			returning *
		), f as (
			insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, executed_at, learnt_at)
			select id, cum, user_id, position_id, side, cum, cum_notional, $13, $13 from o
		) select id from o`,
		f.trader, account, contract, c.Underlying, string(c.Type), c.Strike, c.Expiration, bought, sold, string(side), quantity, price,
		time.Now().Add(-time.Duration(minutes)*time.Minute))
}

// dry runs ava's signals through settings and tells each, oldest first.
func (f *floor) dry(who uuid.UUID, settings string) (told string, run DryRun) {
	f.Helper()
	var given Settings
	f.must(json.Unmarshal([]byte(settings), &given))
	run, err := f.copier.DryRun(f.ctx, who, "ava", given)
	f.must(err)
	var list []string
	for _, s := range run.Signals {
		line := fmt.Sprintf("%d of %d", s.Quantity, s.SourceQuantity)
		if s.Reason != nil {
			line += " " + *s.Reason
		}
		if s.Made != nil {
			line += fmt.Sprintf(" sold %d for %s", s.Sold, s.Made.Signed())
		}
		list = append([]string{line}, list...)
	}
	return strings.Join(list, "; "), run
}

var (
	microsoft = "MSFT  " + expiryCode + "P00400000"
	tesla     = "TSLA  " + expiryCode + "C00300000"
)

// history is what ava did: four entries, of which two were left again.
func (f *floor) history() {
	f.Helper()
	ago := sinceYesterday()
	f.past(ago+100, orders.BTO, symbol, 4, "3.50")
	f.past(ago+90, orders.BTO, microsoft, 1, "5.00")
	f.past(ago+80, orders.STC, symbol, 1, "4.00")
	f.past(ago+70, orders.STC, symbol, 3, "4.50")
	f.past(ago+60, orders.BTO, tesla, 10, "2.00")
	f.past(ago+50, orders.STC, microsoft, 1, "4.00")
}

// sinceYesterday is, in the first two hours of a day in New York, how many minutes
// they have lasted, else nothing: what happened before that belongs to one trading day.
func sinceYesterday() (minutes int) {
	now := time.Now()
	y, m, d := now.In(exchange.NewYork).Date()
	if lasted := now.Sub(time.Date(y, m, d, 0, 0, 0, 0, exchange.NewYork)); lasted < 2*time.Hour {
		return int(lasted.Minutes()) + 1
	}
	return 0
}

func TestTheLatestSignalsAreRunThroughSettings(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.history()
	ben := f.user("ben", "subscriber")
	f.account(ben)
	for settings, want := range map[string]string{
		`{}`: "4 of 4 sold 4 for +$350.00; 1 of 1 sold 1 for −$100.00; 10 of 10",
		// 1 of 2 is sold with the first quarter? No: half of one contract is rounded down, and the rest with the last.
		`{"scaling":{"mode":"factor","value":"0.5"}}`: "2 of 4 sold 2 for +$200.00; 0 of 1 scaled_to_zero; 5 of 10",
		`{"maxPositionSize":3}`:                       "3 of 4 sold 3 for +$250.00; 1 of 1 sold 1 for −$100.00; 3 of 10",
		`{"optionTypes":["call"]}`:                    "4 of 4 sold 4 for +$350.00; 0 of 1 option_type; 10 of 10",
		`{"maxDailyTrades":2}`:                        "4 of 4 sold 4 for +$350.00; 1 of 1 sold 1 for −$100.00; 0 of 10 risk_daily_copies",
		`{"maxOpenPositions":1}`:                      "4 of 4 sold 4 for +$350.00; 0 of 1 max_open_positions; 10 of 10",
		`{"maxExposure":"1900"}`:                      "4 of 4 sold 4 for +$350.00; 0 of 1 max_exposure; 9 of 10",
		`{"maxPositionSize":500,"scaling":{"mode":"contracts","value":"400"}}`: "0 of 4 risk_premium; 0 of 1 risk_premium; 10 of 10",
		`{"deniedUnderlyings":["AAPL","MSFT","TSLA"]}`:                         "0 of 4 underlying_denied; 0 of 1 underlying_denied; 0 of 10 underlying_denied",
	} {
		if got, _ := f.dry(ben, settings); got != want {
			t.Errorf("%s:\n\t%s\n\twant %s", settings, got, want)
		}
	}
}

func TestADryRunSumsUp(t *testing.T) {
	t.Parallel()
	f := openQuoted(t)
	f.history()
	f.quote(tesla, "2.40", "2.60")
	ben := f.user("ben", "subscriber") // without an account
	if got, _ := f.dry(ben, `{"scaling":{"mode":"buyingPowerPercent","value":"1"}}`); got != "2 of 4 sold 2 for +$200.00; 2 of 1 sold 2 for −$200.00; 5 of 10" {
		t.Error("of paper's own buying power:", got)
	}
	_, run := f.dry(ben, `{"optionTypes":["call"]}`)
	if run.Copied != 2 || run.Made.Signed() != "+$350.00" || run.Open.Contracts != 10 || run.Open.Made == nil || run.Open.Made.Signed() != "+$500.00" {
		t.Errorf("%+v", run)
	}
	if len(run.Skipped) != 1 || run.Skipped[0].Reason != "option_type" || run.Skipped[0].Count != 1 || run.Skipped[0].Text == "" {
		t.Errorf("%+v", run.Skipped)
	}
	if n := read[int](f.floor, `select count(*)::int from copy_decisions`) + read[int](f.floor, `select count(*)::int from orders where user_id <> $1`, f.trader); n != 0 {
		t.Error("a dry run wrote something")
	}
}

// A dry run shows what was announced and nothing else, and only the latest twenty.
func TestADryRunShowsOnlyWhatIsPublic(t *testing.T) {
	t.Parallel()
	f := open(t)
	ben := f.user("ben", "subscriber")
	f.account(ben)
	f.past(100, orders.BTO, symbol, 4, "3.50")
	f.unannounced(90, orders.STC, symbol, 4, "9.00")
	f.unannounced(80, orders.BTO, tesla, 7, "2.00")
	if got, _ := f.dry(ben, `{}`); got != "4 of 4" {
		t.Error(got)
	}
	for n := range 25 {
		f.past(70-n, orders.BTO, fmt.Sprintf("MSFT  "+expiryCode+"P00%03d000", 300+n), 1, "1.00")
	}
	got, run := f.dry(ben, `{"maxDailyTrades":100}`)
	if len(run.Signals) != drySignals || run.Copied != drySignals {
		t.Errorf("%d signals: %s", len(run.Signals), got)
	}
	for _, s := range run.Signals {
		if s.Contract.Underlying != "MSFT" {
			t.Error("an older signal:", s.Contract.Symbol)
		}
	}
}

func TestWhatExpiredInADryRunIsWorthNothing(t *testing.T) {
	t.Parallel()
	f := open(t)
	ben := f.user("ben", "subscriber")
	f.account(ben)
	today := f.clock.Today()
	c, err := exchange.NewContract("AAPL", exchange.Call, money.MustPrice("200").Decimal, today.AddDays(-1))
	f.must(err)
	f.past(3*24*60, orders.BTO, c.Symbol, 2, "1.00")
	if got, run := f.dry(ben, `{}`); got != "2 of 2" || run.Made.Signed() != "$0.00" {
		t.Error("undecided:", got, run.Made.Signed())
	}
	f.exec(`update positions set status = 'expired', sold = bought where symbol = $1`, c.Symbol)
	if got, _ := f.dry(ben, `{}`); got != "2 of 2 sold 2 for −$200.00" {
		t.Error("expired:", got)
	}
}

// What the dry run says of a signal is what the fan-out decides about it.
func TestADryRunDecidesAsTheFanOutDoes(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.follower("ben", true)
	for i, settings := range []string{
		`{}`, `{"maxPositionSize":2}`, `{"scaling":{"mode":"factor","value":"0.2"}}`, `{"scaling":{"mode":"dollars","value":"800"}}`,
		`{"scaling":{"mode":"buyingPowerPercent","value":"1"}}`, `{"optionTypes":["put"]}`, `{"maxDaysToExpiration":0}`, `{"minDaysToExpiration":1500}`,
		`{"maxPremiumPerTrade":"367.49"}`, `{"maxPremiumPerTrade":"800"}`, `{"maxExposure":"367.49"}`, `{"maxExposure":"1200"}`,
		`{"allowedUnderlyings":["MSFT"]}`, `{"deniedUnderlyings":["AAPL"]}`, `{"maxSlippagePercent":"0"}`,
	} {
		var given Settings
		f.must(json.Unmarshal([]byte(settings), &given))
		defaults := Defaults()
		automatic := true
		defaults.AutoExecute = &automatic
		if _, err := f.copier.Update(f.ctx, w.id, w.subscription, Change{Settings: ptr(given.over(defaults))}, freshly); err != nil {
			t.Fatal(err)
		}
		f.exec(`update subscriptions set active_since = now() - interval '1 hour'`)
		order := f.past(0, orders.BTO, symbol, 4, "3.50")
		f.decide(order)
		d := f.decision(w)
		run, err := f.copier.DryRun(f.ctx, w.id, "ava", given.over(defaults))
		f.must(err)
		s := run.Signals[0]
		if s.Quantity != d.Quantity || fmt.Sprint(text(s.Reason)) != fmt.Sprint(text(d.Reason)) {
			t.Errorf("%d %s: the dry run says %d %s, the fan-out %d %s", i, settings, s.Quantity, text(s.Reason), d.Quantity, text(d.Reason))
		}
		// The next settings meet the same signal as their first.
		f.exec(`delete from alerts`)
		f.exec(`delete from copy_decisions`)
		f.exec(`delete from copy_signals`)
		f.exec(`delete from fills`)
		f.exec(`delete from orders`)
		f.exec(`delete from positions`)
	}
}

func ptr[T any](v T) *T { return &v }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
