package positions

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

// room is a database with a user and an account, and what tests do to positions.
type room struct {
	t             *testing.T
	db            *postgres.DB
	user, account uuid.UUID
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, db: pgtest.New(t)}
	r.user = r.id(`insert into users (username, name) values ('ava', 'Ava') returning id`)
	connection := r.id(`insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
		values ($1, 'c', 'ALPACA', 'Alpaca', true, 'ok') returning id`, r.user)
	r.account = r.id(`insert into accounts (user_id, connection_id, broker_account_id, institution) values ($1, $2, 'a', 'Alpaca') returning id`,
		r.user, connection)
	return r
}

func (r *room) id(sql string, args ...any) (id uuid.UUID) {
	r.t.Helper()
	if err := r.db.Pool().QueryRow(r.t.Context(), sql, args...).Scan(&id); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
	return id
}

func (r *room) exec(sql string, args ...any) {
	r.t.Helper()
	if _, err := r.db.Pool().Exec(r.t.Context(), sql, args...); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// in runs one transaction that must succeed.
func (r *room) in(fn func(ctx context.Context, tx pgx.Tx) error) {
	r.t.Helper()
	if err := r.db.AsSystem(r.t.Context(), "test", fn); err != nil {
		r.t.Fatal(err)
	}
}

func apple(t *testing.T) exchange.Contract {
	t.Helper()
	c, err := exchange.ParseSymbol("AAPL  270115C00200000")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// opened is a position for an entry.
func (r *room) opened() (p Position) {
	r.t.Helper()
	return r.openedIn(apple(r.t).Symbol)
}

func (r *room) openedIn(symbol string) (p Position) {
	r.t.Helper()
	c, err := exchange.ParseSymbol(symbol)
	if err != nil {
		r.t.Fatal(err)
	}
	r.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		p, err = ForEntry(ctx, tx, Opening{UserID: r.user, AccountID: r.account, Contract: c, Source: "manual"})
		return err
	})
	return p
}

// order is a live order on a position, without its way through the desk.
func (r *room) order(p Position, side string, quantity int, state string) uuid.UUID {
	r.t.Helper()
	return r.id(`insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, time_in_force,
			source, state, trading_day, send_before)
		values ($1, $2, $3, $4, $5, 'AAPL', 100, $6, 'Market', 'Day', 'manual', $7, '2026-09-21', now()) returning id`,
		r.user, r.account, p.ID, side, p.Contract.Symbol, quantity, state)
}

// at is the position as it stands.
func (r *room) at(id uuid.UUID) (p Position) {
	r.t.Helper()
	r.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		p, err = Lock(ctx, tx, id)
		return err
	})
	return p
}

// book is a fill at a price per share, settled.
func (r *room) book(id uuid.UUID, buy bool, quantity int, price string, subscription *uuid.UUID) (done Applied) {
	r.t.Helper()
	r.in(func(ctx context.Context, tx pgx.Tx) error {
		p, err := Lock(ctx, tx, id)
		if err != nil {
			return err
		}
		done, err = Apply(ctx, tx, p, Fill{Buy: buy, Quantity: quantity, Notional: notional(price, quantity), SubscriptionID: subscription, At: time.Now()})
		if err != nil {
			return err
		}
		return Settle(ctx, tx, id, time.Now())
	})
	return done
}

// notional is a price per share for a number of contracts.
func notional(price string, quantity int) decimal.Decimal {
	return decimal.RequireFromString(price).Mul(decimal.NewFromInt(int64(quantity)))
}

func (r *room) settle(id uuid.UUID) {
	r.t.Helper()
	r.in(func(ctx context.Context, tx pgx.Tx) error {
		if _, err := Lock(ctx, tx, id); err != nil {
			return err
		}
		return Settle(ctx, tx, id, time.Now())
	})
}

// sell is what T1 does for an exit: the reservation and the order in one
// transaction. It gives the refusal's code.
func (r *room) sell(id uuid.UUID, quantity int) string {
	err := r.db.As(r.t.Context(), r.user, func(ctx context.Context, tx pgx.Tx) error {
		if err := Reserve(ctx, tx, r.user, id, quantity); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type,
				time_in_force, source, state, trading_day, send_before)
			values ($1, $2, $3, 'STC', $4, 'AAPL', 100, $5, 'Market', 'Day', 'manual', 'queued', '2026-09-21', now())`,
			r.user, r.account, id, "AAPL  270115C00200000", quantity)
		return err
	})
	if err == nil {
		return ""
	}
	if code := fault.CodeOf(err); code != "internal" {
		return code
	}
	r.t.Error(err)
	return "internal"
}

// subscription is somebody followed.
func (r *room) subscription(trader string) uuid.UUID {
	r.t.Helper()
	id := r.id(`insert into users (username, name) values ($1, $1) returning id`, trader)
	return r.id(`insert into subscriptions (follower_id, trader_id) values ($1, $2) returning id`, r.user, id)
}
