package copytrade

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

var symbol = "AAPL  " + expiryCode + "C00200000"

// floor is a database with a copier in it, without brokers and quotes: exits can
// be placed, and entries are refused for want of a quote.
type floor struct {
	testing.TB
	ctx    context.Context
	db     *postgres.DB
	clock  *exchange.Clock
	copier *Copier
	trader uuid.UUID

	accounts *brokers.Accounts
	deskOf   func(*postgres.DB, *snaptrade.Client) *orders.Desk // as another process has it
}

func open(t testing.TB) *floor {
	t.Helper()
	return openWith(t, market.Options{})
}

// openWith is open with quotes from where the options say, and without a broker.
func openWith(t testing.TB, source market.Options) *floor {
	t.Helper()
	return openBroker(t, source, nil)
}

// openBroker is openWith with a way to SnapTrade.
func openBroker(t testing.TB, source market.Options, client *snaptrade.Client) *floor {
	t.Helper()
	return openOn(t, pgtest.New(t), source, client, time.Minute)
}

// openOn is openBroker on a database. Patience is how long quotes and balances are waited
// for, which a busy machine gives late; 0: as long as the program does.
func openOn(t testing.TB, db *postgres.DB, source market.Options, client *snaptrade.Client, patience time.Duration) *floor {
	t.Helper()
	clearOfMidnight()
	f := &floor{TB: t, ctx: t.Context(), db: db, clock: exchange.NewClock(time.Now)}
	f.clock.Set(exchange.ClockState{AlwaysOpen: true})
	log := slog.New(slog.DiscardHandler)
	queue, err := postgres.NewQueue(f.db)
	f.must(err)
	gate, err := billing.New(billing.Options{})
	f.must(err)
	ring, err := secret.ParseRing(secret.New("k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))
	f.must(err)
	accounts := func(db *postgres.DB, client *snaptrade.Client) *brokers.Accounts {
		a, err := brokers.New(brokers.Options{DB: db, Client: client, Ring: ring, AppURL: "https://app.example", Now: time.Now, Logger: log})
		f.must(err)
		return a
	}
	f.accounts = accounts(f.db, client)
	announcer := alerts.New(alerts.Options{DB: f.db, AppURL: "https://app.example", Now: time.Now, Logger: log})
	rules := risk.New(f.db, f.clock, risk.Defaults(), time.Now)
	source.Clock, source.Logger = f.clock, log
	quotes := market.New(source)
	t.Cleanup(quotes.Close)
	f.deskOf = func(db *postgres.DB, client *snaptrade.Client) *orders.Desk {
		queue, err := postgres.NewQueue(db)
		f.must(err)
		return orders.New(orders.Options{
			DB: db, Queue: queue, Rules: risk.New(db, f.clock, risk.Defaults(), time.Now), Accounts: accounts(db, client), Market: quotes, Broker: client,
			Alerts: alerts.New(alerts.Options{DB: db, AppURL: "https://app.example", Now: time.Now, Logger: log}),
			Gate:   gate, Clock: f.clock, Now: time.Now, Logger: log, LookUpTime: patience,
		})
	}
	desk := f.deskOf(f.db, client)
	f.copier = New(Options{
		DB: f.db, Queue: queue, Desk: desk, Rules: rules, Market: quotes, Alerts: announcer, Gate: gate, Clock: f.clock, Now: time.Now, Logger: log,
		MarkTime: patience,
	})
	f.trader = f.user("ava", "trader")
	return f
}

// clearOfMidnight waits until New York's midnight is over where it is less than a minute
// away: what a test counts on one trading day it would look for on the next.
func clearOfMidnight() {
	midnight := exchange.TradingDay(time.Now()).AddDays(1).At(0, 0)
	for left := time.Until(midnight); left > 0 && left < time.Minute; left = time.Until(midnight) {
		time.Sleep(left)
	}
}

func (f *floor) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *floor) exec(sql string, args ...any) {
	f.Helper()
	_, err := f.db.Pool().Exec(f.ctx, sql, args...)
	f.must(err)
}

func read[T any](f *floor, sql string, args ...any) T {
	f.Helper()
	rows, err := f.db.Pool().Query(f.ctx, sql, args...)
	f.must(err)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	f.must(err)
	return v
}

func (f *floor) user(name, role string) uuid.UUID {
	f.Helper()
	return read[uuid.UUID](f, `insert into users (username, name, role) values ($1, $1, $2) returning id`, name, role)
}

// account gives a user a selected account that can trade.
func (f *floor) account(user uuid.UUID) uuid.UUID {
	f.Helper()
	return read[uuid.UUID](f, `
		with c as (insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
			values ($1, gen_random_uuid()::text, 'ALPACA-PAPER', 'Alpaca', true, 'ok') returning id)
		insert into accounts (user_id, connection_id, broker_account_id, institution, can_trade, selected, cash, buying_power, balance_at)
		select $1, id, gen_random_uuid()::text, 'Alpaca', true, true, 100000, 100000, now() from c returning id`, user)
}

// follower is somebody with an account who has followed ava for an hour.
type follower struct{ id, account, subscription uuid.UUID }

func (f *floor) follower(name string, automatic bool) follower {
	f.Helper()
	user := f.user(name, "subscriber")
	w := follower{id: user, account: f.account(user)}
	w.subscription = read[uuid.UUID](f, `
		insert into subscriptions (follower_id, trader_id, auto_execute, active_since) values ($1, $2, $3, now() - interval '1 hour') returning id`,
		user, f.trader, automatic)
	if automatic {
		f.exec(`insert into consents (user_id, version) values ($1, $2)`, user, ConsentVersion)
	}
	return w
}

// freshly is the fresh sign-in of who changes settings.
func freshly() error { return nil }

// name is the n-th of many usernames.
func name(n int) string { return "follower_" + strconv.Itoa(n) }

func (f *floor) set(w follower, column string, value any) {
	f.Helper()
	f.exec(`update subscriptions set `+column+` = $2 where id = $1`, w.subscription, value)
}

// hold gives a user an open position of n contracts on an account.
func (f *floor) hold(user, account uuid.UUID, n int) (position uuid.UUID) {
	f.Helper()
	return read[uuid.UUID](f, `
		insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, bought, source, cost_bought, remaining_cost)
		values ($1, $2, $3, 'AAPL', 'call', 200, '`+expiryDate+`', 100, $4::int, 'manual', $4::int * 350, $4::int * 350)
		on conflict (account_id, symbol) where status = 'open' do update set bought = positions.bought + excluded.bought
		returning id`, user, account, symbol, n)
}

// holdCopied gives a follower n contracts copied from ava.
func (f *floor) holdCopied(w follower, n int) (position uuid.UUID) {
	f.Helper()
	position = f.hold(w.id, w.account, n)
	f.exec(`insert into copy_holdings (subscription_id, position_id, user_id, bought, remaining_cost) values ($1, $2, $3, $4::int, $4::int * 350)
		on conflict (subscription_id, position_id) do update set bought = copy_holdings.bought + excluded.bought`, w.subscription, position, w.id, n)
	return position
}

// leads writes an order of ava's that filled in full just now, as the order desk
// would: the position follows.
func (f *floor) leads(side orders.Side, quantity, filled int, state orders.State) uuid.UUID {
	f.Helper()
	account := read[uuid.UUID](f, `select coalesce((select id from accounts where user_id = $1), $2)`, f.trader, uuid.Nil)
	if account == uuid.Nil {
		account = f.account(f.trader)
	}
	bought, sold := filled, 0
	if side == orders.STC {
		bought, sold = 0, filled
	}
	position := f.hold(f.trader, account, bought)
	f.exec(`update positions set sold = sold + $2::int, status = case when bought = sold + $2::int and bought > 0 then 'closed' else 'open' end where id = $1`, position, sold)
	order := read[uuid.UUID](f, `
		insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price, time_in_force,
			source, state, cum, cum_notional, send_before, trading_day, executed_at, finished_at)
		values ($1, $2, $3, $4, $5, 'AAPL', 100, $6, 'Limit', 3.5, 'Day', 'manual', $7::text, $8::int, 3.5 * $8::int, now(), current_date, now(),
			case when $7::text in ('accepted', 'partial') then null else now() end) returning id`,
		f.trader, account, position, side, symbol, quantity, state, filled)
	f.exec(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, executed_at) values ($1, $2::int, $3, $4, $5, $2::int, 3.5 * $2::int, now())`,
		order, filled, f.trader, position, side)
	return order
}

// more fills further contracts of a working order of ava's.
func (f *floor) more(order uuid.UUID, n int) {
	f.Helper()
	f.exec(`
		with o as (update orders set cum = cum + $2::int, cum_notional = cum_notional + 3.5 * $2::int,
			state = case when cum + $2::int = quantity then 'filled' else 'partial' end,
			finished_at = case when cum + $2::int = quantity then now() end where id = $1 returning *),
		p as (update positions p set sold = p.sold + case o.side when 'STC' then $2::int else 0 end,
				bought = p.bought + case o.side when 'BTO' then $2::int else 0 end,
				status = case when o.side = 'STC' and p.sold + $2::int = p.bought then 'closed' else 'open' end
			from o where p.id = o.position_id)
		insert into fills (order_id, cum, user_id, position_id, side, quantity, notional) select id, cum, user_id, position_id, side, $2::int, 3.5 * $2::int from o`, order, n)
}

// carryOn runs what the bell of an order rings, leaving waits aside.
func (f *floor) carryOn(order uuid.UUID) {
	f.Helper()
	if err := f.copier.OnOrder(f.ctx, order); err != nil && !isAgain(err) {
		f.Fatal(err)
	}
}

func isAgain(err error) bool {
	_, ok := err.(orders.Again)
	return ok
}

// decision is the newest one of a follower.
func (f *floor) decision(w follower) Decision {
	f.Helper()
	d, err := oneDecision(f.db.Pool().Query(f.ctx, `select `+decisionColumns+decisionFrom+`
		where c.subscription_id = $1 order by c.decided_at desc limit 1`, w.subscription))
	f.must(err)
	return d
}

func (f *floor) reason(w follower) string {
	f.Helper()
	d := f.decision(w)
	if d.Reason == nil {
		return string(d.Result)
	}
	return string(d.Result) + ": " + *d.Reason
}

// exits are the quantities of a follower's copied exits, oldest first.
func (f *floor) exits(w follower) string {
	f.Helper()
	return read[string](f, `
		select coalesce(string_agg(quantity::text, ' ' order by created_at), '') from orders where subscription_id = $1 and side = 'STC'`, w.subscription)
}

// justSold lets the ten seconds between two exits begin now, however long ago the last
// one was written.
func (f *floor) justSold() {
	f.Helper()
	f.exec(`update orders set created_at = now() where id = (
		select id from orders where source = 'copy' and side = 'STC' order by created_at desc limit 1)`)
}

// passed lets the ten seconds between two exits pass.
func (f *floor) passed() {
	f.Helper()
	f.exec(`update orders set created_at = created_at - interval '11 seconds' where source = 'copy'`)
}
