package analytics

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/postgres"
)

// room is a database with people in it, and the reports on them.
type room struct {
	t       testing.TB
	db      *postgres.DB
	reports *Reports
	now     time.Time // what the job takes for now
}

func newRoom(t testing.TB) *room {
	r := &room{t: t, db: pgtest.New(t), now: time.Now()}
	r.reports = New(Options{DB: r.db, Book: positions.New(r.db), Clock: exchange.NewClock(time.Now), Now: func() time.Time { return r.now }})
	return r
}

func (r *room) ctx() context.Context {
	if t, ok := r.t.(*testing.T); ok {
		return t.Context()
	}
	return context.Background()
}

func (r *room) exec(sql string, args ...any) {
	r.t.Helper()
	if _, err := r.db.Pool().Exec(r.ctx(), sql, args...); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

func (r *room) id(sql string, args ...any) (id uuid.UUID) {
	r.t.Helper()
	if err := r.db.Pool().QueryRow(r.ctx(), sql, args...).Scan(&id); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
	return id
}

func (r *room) number(sql string, args ...any) (n int) {
	r.t.Helper()
	if err := r.db.Pool().QueryRow(r.ctx(), sql, args...).Scan(&n); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// rollUp runs the job as if it were a time.
func (r *room) rollUp(at time.Time) {
	r.t.Helper()
	r.now = at
	if err := r.reports.RollUp(r.ctx()); err != nil {
		r.t.Fatal(err)
	}
}

// person is somebody with accounts.
type person struct {
	id       uuid.UUID
	name     string
	accounts []uuid.UUID
}

func (r *room) person(name string, accounts int) person {
	r.t.Helper()
	p := person{name: name, id: r.id(`insert into users (username, name, role) values ($1, $1, 'trader') returning id`, name)}
	connection := r.id(`insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
		values ($1, $2, 'ALPACA', 'Alpaca', true, 'ok') returning id`, p.id, "c-"+name)
	for i := range accounts {
		p.accounts = append(p.accounts, r.id(`insert into accounts (user_id, connection_id, broker_account_id, institution, selected) values ($1, $2, $3, 'Alpaca', $4) returning id`,
			p.id, connection, fmt.Sprintf("%s-%d", name, i), i == 0))
	}
	return p
}

// trade is a finished position with the fills that made it.
type trade struct {
	id               uuid.UUID
	owner            person
	account          uuid.UUID
	contract         exchange.Contract
	buys, sells      []fill
	source           string
	trader           *uuid.UUID
	openedAt, closed time.Time
}

type fill struct {
	quantity       int
	price, fees    string
	order          uuid.UUID
	cost, realized decimal.Decimal // as booked
}

// ledger is what the fills come to, by the arithmetic of positions.
func (t *trade) ledger() (l positions.Ledger) {
	book := func(f *fill, buy bool) {
		notional, fees := decimal.RequireFromString(f.price).Mul(decimal.NewFromInt(int64(f.quantity))), decimal.RequireFromString(f.fees)
		if buy {
			l = l.Buy(f.quantity, notional, fees, t.contract.Multiplier)
		} else {
			l, f.cost, f.realized = l.Sell(f.quantity, notional, fees, t.contract.Multiplier)
		}
	}
	for i := range t.buys {
		book(&t.buys[i], true)
	}
	for i := range t.sells {
		book(&t.sells[i], false)
	}
	return l
}

// store writes trades with their orders and fills, in sets.
func (r *room) store(trades []*trade) {
	r.t.Helper()
	var ps, os, fs [][]any
	for _, t := range trades {
		l, c, d := t.ledger(), t.contract, t.contract.Expiration
		ps = append(ps, []any{
			t.id, t.owner.id, t.account, c.Symbol, c.Underlying, string(c.Type), c.Strike, time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC), c.Multiplier,
			"closed", l.Bought, l.Sold, l.CostBought, l.RemainingCost, l.Proceeds, l.Realized, l.Fees, t.source, t.trader, t.openedAt, t.closed, t.openedAt,
		})
		for side, fills := range map[string][]fill{"BTO": t.buys, "STC": t.sells} {
			for i := range fills {
				f := &fills[i]
				f.order = uuid.New()
				notional := decimal.RequireFromString(f.price).Mul(decimal.NewFromInt(int64(f.quantity)))
				os = append(os, []any{
					f.order, t.owner.id, t.account, t.id, side, c.Symbol, c.Underlying, c.Multiplier, f.quantity, "Market", "Day", "detected", "filled",
					f.quantity, notional, t.openedAt, t.closed.Truncate(24 * time.Hour),
				})
				fs = append(fs, []any{f.order, f.quantity, t.owner.id, t.id, side, f.quantity, notional, decimal.RequireFromString(f.fees), f.cost, f.realized, t.closed})
			}
		}
	}
	for _, c := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"positions", []string{
			"id", "user_id", "account_id", "symbol", "underlying", "option_type", "strike", "expiration", "multiplier", "status", "bought", "sold", "cost_bought",
			"remaining_cost", "proceeds", "realized", "fees", "source", "copied_from", "opened_at", "closed_at", "created_at",
		}, ps},
		{"orders", []string{
			"id", "user_id", "account_id", "position_id", "side", "symbol", "underlying", "multiplier", "quantity", "order_type", "time_in_force", "source", "state",
			"cum", "cum_notional", "send_before", "trading_day",
		}, os},
		{"fills", []string{"order_id", "cum", "user_id", "position_id", "side", "quantity", "notional", "fees", "cost_removed", "realized", "learnt_at"}, fs},
	} {
		if _, err := r.db.Pool().CopyFrom(r.ctx(), pgx.Identifier{c.table}, c.columns, pgx.CopyFromRows(c.rows)); err != nil {
			r.t.Fatalf("store %s: %v", c.table, err)
		}
	}
}

// chance makes trades of anybody's, at the edges of days and months and on nights when the
// clocks change as often as not.
type chance struct {
	*rand.Rand

	now     time.Time
	traders []person
}

func (c chance) of(list []string) string { return list[c.IntN(len(list))] }

// moment is when something finished, at most 370 days ago and at least two hours.
func (c chance) moment() time.Time {
	day := exchange.TradingDay(c.now).AddDays(-1 - c.IntN(340))
	switch c.IntN(8) {
	case 0: // the night the clocks changed last
		for day = exchange.TradingDay(c.now).AddDays(-1); day.At(0, 0).AddDate(0, 0, 1).Sub(day.At(0, 0)) == 24*time.Hour; {
			day = day.AddDays(-1)
		}
	case 1: // the first of a month
		day.Day = 1
	}
	switch c.IntN(6) {
	case 0:
		return day.At(0, 0)
	case 1:
		return day.AddDays(1).At(0, 0).Add(-time.Microsecond)
	case 2: // today, and not over
		return c.now.Add(-time.Duration(c.IntN(7200)) * time.Second).Truncate(time.Microsecond)
	}
	return day.At(9+c.IntN(8), c.IntN(60)).Add(time.Duration(c.IntN(60e6)) * time.Microsecond)
}

func (c chance) trade(t testing.TB, owner person) *trade {
	kind := exchange.Call
	if c.IntN(2) == 0 {
		kind = exchange.Put
	}
	contract, err := exchange.NewContract(c.of([]string{"AAPL", "SPY", "F"}), kind, decimal.NewFromInt(int64(5+c.IntN(300))), exchange.TradingDay(c.now).AddDays(c.IntN(60)))
	if err != nil {
		t.Fatal(err)
	}
	made := &trade{id: uuid.New(), owner: owner, account: owner.accounts[c.IntN(len(owner.accounts))], contract: contract, closed: c.moment(), source: c.of([]string{"manual", "detected", "copy"})}
	made.openedAt = made.closed.Add(-time.Duration(c.IntN(1e6)) * time.Second)
	if made.source == "copy" && c.IntN(5) > 0 {
		made.trader = &c.traders[c.IntN(len(c.traders))].id
	}
	price := func() string { return decimal.New(int64(1+c.IntN(1000)), -2).String() }
	fee := func() string { return decimal.New(int64(c.IntN(300)), -3).String() }
	quantity := 1 + c.IntN(9)
	made.buys = []fill{{quantity: quantity, price: price(), fees: fee()}}
	first := 1 + c.IntN(quantity)
	made.sells = []fill{{quantity: first, price: price(), fees: fee()}}
	if first < quantity {
		made.sells = append(made.sells, fill{quantity: quantity - first, price: price(), fees: fee()})
	}
	if c.IntN(10) == 0 { // neither won nor lost
		made.sells, made.buys[0].fees = []fill{{quantity: quantity, price: made.buys[0].price, fees: "0"}}, "0"
	}
	return made
}

// fact is one finished position as its fills say, computed from nothing else.
type fact struct {
	id      uuid.UUID
	account uuid.UUID
	copied  bool
	trader  *string
	at      time.Time
	pnl     decimal.Decimal
}

// facts recomputes somebody's results from fills, late fees and what came of them.
func (r *room) facts(user uuid.UUID) (list []fact) {
	r.t.Helper()
	rows, err := r.db.Pool().Query(r.ctx(), `
		select p.id, p.account_id, p.source = 'copy', u.username, p.closed_at,
			(select sum(case f.side when 'STC' then f.notional else -f.notional end * o.multiplier - f.fees) from fills f join orders o on o.id = f.order_id where f.position_id = p.id)
			- coalesce((select sum(amount) from late_fees l where l.position_id = p.id), 0)
		from positions p left join users u on u.id = p.copied_from where p.user_id = $1 and p.status = 'closed'`, user)
	if err != nil {
		r.t.Fatal(err)
	}
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f fact, err error) {
		err = row.Scan(&f.id, &f.account, &f.copied, &f.trader, &f.at, &f.pnl)
		return f, err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// passes says whether a filter counts the fact.
func (f Filter) passes(x fact) bool {
	day := exchange.TradingDay(x.at)
	switch {
	case f.Account != nil && *f.Account != x.account,
		f.Source == Copied && !x.copied, f.Source == Manual && x.copied,
		f.Trader != "" && (x.trader == nil || *x.trader != f.Trader),
		f.From != nil && day.Before(*f.From), f.To != nil && f.To.Before(day):
		return false
	}
	return true
}
