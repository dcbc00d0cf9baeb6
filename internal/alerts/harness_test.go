package alerts_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

// hall is a database with an announcer in it.
type hall struct {
	*testing.T
	ctx      context.Context
	db       *postgres.DB
	now      time.Time
	announce *alerts.Announcer
}

func open(t *testing.T) *hall {
	t.Helper()
	h := &hall{T: t, ctx: t.Context(), db: pgtest.New(t), now: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)}
	h.announce = alerts.New(alerts.Options{DB: h.db, AppURL: "https://app.example", Now: func() time.Time { return h.now }})
	return h
}

func (h *hall) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func scan[T any](h *hall, sql string, args ...any) T {
	h.Helper()
	var v T
	h.must(h.db.Pool().QueryRow(h.ctx, sql, args...).Scan(&v))
	return v
}

func (h *hall) exec(sql string, args ...any) {
	h.Helper()
	_, err := h.db.Pool().Exec(h.ctx, sql, args...)
	h.must(err)
}

func (h *hall) user(name string) uuid.UUID {
	h.Helper()
	return scan[uuid.UUID](h, `insert into users (username, name) values ($1, initcap($1)) returning id`, name)
}

func (h *hall) notify(n ...alerts.Notification) {
	h.Helper()
	h.must(h.db.InTx(h.ctx, func(ctx context.Context, tx pgx.Tx) error { return h.announce.Notify(ctx, tx, n...) }))
}

// order is a filled entry of a trader's, ready to be announced.
func (h *hall) order(user uuid.UUID, side string) alerts.Trade {
	h.Helper()
	contract, err := exchange.ParseSymbol("AAPL  270115C00200000")
	h.must(err)
	connection := scan[uuid.UUID](h, `
		insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
		values ($1, gen_random_uuid()::text, 'paper', 'Paper', true, 'ok') returning id`, user)
	account := scan[uuid.UUID](h, `
		insert into accounts (user_id, connection_id, broker_account_id, institution)
		values ($1, $2, gen_random_uuid()::text, 'Paper') returning id`, user, connection)
	position := scan[uuid.UUID](h, `
		insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source)
		values ($1, $2, $3, 'AAPL', 'call', 200, '2027-01-15', 100, 'manual') returning id`, user, account, contract.Symbol)
	order := scan[uuid.UUID](h, `
		insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type,
		                    time_in_force, source, state, send_before, trading_day)
		values ($1, $2, $3, $4, $5, 'AAPL', 100, 5, 'Limit', 'Day', 'manual', 'accepted', now(), current_date) returning id`,
		user, account, position, side, contract.Symbol)
	executed := h.now.Add(-time.Second)
	return alerts.Trade{
		OrderID: order, UserID: user, PositionID: position, Side: side, Contract: contract, Ordered: 5, Filled: 5,
		Average: money.MustPrice("3.50"), Source: "manual", Public: true,
		ExecutedAt: &executed, LearntAt: h.now, Revision: 1, Ended: true,
	}
}

func (h *hall) tell(t alerts.Trade) {
	h.Helper()
	h.must(h.db.InTx(h.ctx, func(ctx context.Context, tx pgx.Tx) error { return h.announce.Announce(ctx, tx, t) }))
}

// counting counts the statements of a transaction.
type counting struct {
	pgx.Tx
	statements int
}

func (c *counting) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	c.statements++
	return c.Tx.Exec(ctx, sql, args...)
}

func (c *counting) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	c.statements++
	return c.Tx.Query(ctx, sql, args...)
}

func (c *counting) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	c.statements++
	return c.Tx.QueryRow(ctx, sql, args...)
}

func (c *counting) SendBatch(context.Context, *pgx.Batch) pgx.BatchResults {
	panic("a batch is a statement for each of its members")
}

func (c *counting) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	c.statements++
	return c.Tx.CopyFrom(ctx, table, columns, rows)
}
