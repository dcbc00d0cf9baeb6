package leaderboard

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/record"
)

const contract = "AAPL  270115C00200000"

// arena is a database with traders in it, what ranks them, and what shows their profiles.
type arena struct {
	*testing.T
	ctx    context.Context
	db     *postgres.DB
	now    time.Time
	clock  *exchange.Clock
	board  *Board
	copier *copytrade.Copier
	orders int
}

func open(t *testing.T) *arena {
	t.Helper()
	a := &arena{T: t, ctx: t.Context(), db: pgtest.New(t), now: time.Date(2026, 11, 20, 15, 20, 0, 0, time.UTC)}
	now := func() time.Time { return a.now }
	a.clock = exchange.NewClock(now)
	announcer := alerts.New(alerts.Options{DB: a.db, AppURL: "https://app.example", Now: now})
	a.board = New(Options{DB: a.db, Alerts: announcer, Clock: a.clock, Now: now})
	a.copier = copytrade.New(copytrade.Options{DB: a.db, Clock: a.clock, Now: now})
	return a
}

func (a *arena) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

func (a *arena) exec(sql string, args ...any) {
	a.Helper()
	_, err := a.db.Pool().Exec(a.ctx, sql, args...)
	a.must(err)
}

func read[T any](a *arena, sql string, args ...any) (v T) {
	a.Helper()
	a.must(a.db.Pool().QueryRow(a.ctx, sql, args...).Scan(&v))
	return v
}

// person is somebody with an account at a broker, and one that only simulates.
type person struct {
	id          uuid.UUID
	name        string
	real, paper uuid.UUID
}

func (a *arena) person(name, role string) person {
	a.Helper()
	p := person{name: name, id: read[uuid.UUID](a, `insert into users (username, name, role) values ($1, initcap($1), $2) returning id`, name, role)}
	link := read[uuid.UUID](a, `insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
		values ($1, $2, 'ALPACA', 'Alpaca', true, 'ok') returning id`, p.id, "c-"+name)
	account := func(paper bool) uuid.UUID {
		return read[uuid.UUID](a, `insert into accounts (user_id, connection_id, broker_account_id, institution, paper) values ($1, $2, $3, 'Alpaca', $4) returning id`,
			p.id, link, name+strconv.FormatBool(paper), paper)
	}
	p.real, p.paper = account(false), account(true)
	return p
}

// trade is a finished position.
type trade struct {
	id       uuid.UUID
	owner    person
	paper    bool
	source   string // manual, detected, copy
	public   bool   // it was announced
	status   string // closed, expired
	cost     decimal.Decimal
	realized decimal.Decimal
	unpriced bool // nobody knows what it brought
	at       time.Time
}

// won is a published trade of a hundred dollars that made so many, a moment ago.
func (a *arena) won(p person, dollars int64) *trade {
	return &trade{
		id: uuid.New(), owner: p, source: "manual", public: true, status: "closed", cost: decimal.NewFromInt(100), realized: decimal.NewFromInt(dollars),
		at: a.now.Add(-time.Minute),
	}
}

// store writes trades as the order engine and the positions book leave them, and lets the
// record tell of them.
func (a *arena) store(trades ...*trade) {
	a.Helper()
	b := &pgx.Batch{}
	for _, t := range trades {
		account := t.owner.real
		if t.paper {
			account = t.owner.paper
		}
		unpriced := 0
		if t.unpriced {
			unpriced = 1
		}
		b.Queue(`insert into positions (id, user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, bought, sold, cost_bought, realized, status, source, unpriced, closed_at)
			values ($1, $2, $3, $4, 'AAPL', 'call', 200, '2027-01-15', 100, 1, 1, $5, $6, $7, $8, $9, $10)`,
			t.id, t.owner.id, account, contract, t.cost, t.realized, t.status, t.source, unpriced, t.at)
		if t.source == "copy" {
			continue
		}
		a.orders++
		order := uuid.New()
		b.Queue(`insert into orders (id, user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, time_in_force, source, state, cum, cum_notional,
				broker_order_id, trading_day, send_before, finished_at)
			values ($1, $2, $3, $4, 'BTO', $5, 'AAPL', 100, 1, 'Market', 'Day', $6, 'filled', 1, $7::numeric / 100, $8, '2026-11-20', now(), now())`,
			order, t.owner.id, account, t.id, contract, t.source, t.cost, strconv.Itoa(a.orders))
		b.Queue(`insert into alerts (order_id, user_id, position_id, side, symbol, revision, facts, public, learnt_at) values ($1, $2, $3, 'BTO', $4, 1, '{}', $5, $6)`,
			order, t.owner.id, t.id, contract, t.public, t.at)
		b.Queue(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, executed_at, learnt_at) values ($1, 1, $2, $3, 'BTO', 1, $4::numeric / 100, $5, $5)`,
			order, t.owner.id, t.id, t.cost, t.at)
	}
	a.must(a.db.Pool().SendBatch(a.ctx, b).Close())
	a.bring(trades...)
}

func (a *arena) bring(trades ...*trade) {
	a.Helper()
	a.must(a.db.AsSystem(a.ctx, "test", func(ctx context.Context, tx pgx.Tx) error {
		for _, t := range trades {
			if _, err := record.Bring(ctx, tx, t.id, a.now); err != nil {
				return err
			}
		}
		return nil
	}))
}

// refresh makes the boards of the next hour.
func (a *arena) refresh() {
	a.Helper()
	a.now = a.now.Add(time.Hour)
	a.must(a.board.Refresh(a.ctx))
}

// ranked is a board in few words: rank and name, best first.
func (a *arena) ranked(m Metric, p record.Period) (words string) {
	a.Helper()
	page, _, err := a.board.Page(a.ctx, Query{Metric: m, Period: p, Limit: 200})
	a.must(err)
	for _, s := range page.Standings {
		words += fmt.Sprintf("%d %s, ", *s.Rank, s.Username)
	}
	return words
}

// standing is how somebody stands.
func (a *arena) standing(p person, period record.Period) Standing {
	a.Helper()
	page, _, err := a.board.Page(a.ctx, Query{Metric: PnL, Period: period, Limit: 1, Viewer: p.id})
	a.must(err)
	if page.Own == nil {
		a.Fatalf("%s has no standing", p.name)
	}
	return *page.Own
}

// file is what a trader's record says when somebody downloads and verifies it.
func (a *arena) file(p person) record.Summary {
	a.Helper()
	book := record.New(a.db)
	standing, err := book.Of(a.ctx, p.name)
	a.must(err)
	var out bytes.Buffer
	a.must(book.Write(a.ctx, &out, standing))
	sum, err := record.Verify(&out, nil)
	a.must(err)
	return sum
}
