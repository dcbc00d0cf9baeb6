package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// Order is one of the user's own orders; somebody else's is not found.
func (d *Desk) Order(ctx context.Context, user, id uuid.UUID) (o Order, err error) {
	err = d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		o, err = one(tx.Query(ctx, `select `+columns+` from orders o where id = $1 and user_id = $2`, id, user))
		return err
	})
	return o, err
}

// Query asks for a page of orders, newest first.
type Query struct {
	View       string // working, today, history, all
	PositionID *uuid.UUID
	Limit      int // 1 to 200
	Cursor     *Cursor
}

// Cursor is the last row of the page before.
type Cursor struct {
	At time.Time
	ID uuid.UUID
}

// views are the conditions of what a list shows. They stand in the statement as they are:
// a plan for any of them would read all orders that somebody ever made to find today's.
var views = map[string]string{
	"all":     `true`,
	"working": `state in ('queued', 'submitting', 'unknown', 'accepted', 'partial')`, // index orders_working
	"today":   `trading_day = @today and created_at > @since`,
	"history": `trading_day < @today and state not in ('queued', 'submitting', 'unknown', 'accepted', 'partial')`,
}

// todaysSince is an instant that lies before all orders of the trading day: by the market's
// clock, which may have been turned since, it is a day before midnight.
func (d *Desk) todaysSince() time.Time { return d.midnight().Add(-24 * time.Hour) }

// midnight is when the trading day began, on the real clock, as orders, fills and marks are.
func (d *Desk) midnight() time.Time { return d.clock.Today().At(0, 0).Add(-d.clock.State().Offset) }

// Orders lists the user's orders (index orders_user). The second result is the
// cursor of the next page, nil on the last.
func (d *Desk) Orders(ctx context.Context, user uuid.UUID, q Query) (page []Order, next *Cursor, err error) {
	args := pgx.NamedArgs{"user": user, "at": time.Now().Add(24 * time.Hour), "id": uuid.Max, "today": d.clock.Today(), "since": d.todaysSince(), "limit": q.Limit + 1}
	if q.Cursor != nil {
		args["at"], args["id"] = q.Cursor.At, q.Cursor.ID
	}
	which, known := views[q.View]
	if !known {
		which = views["all"]
	}
	if q.PositionID != nil {
		which, args["position"] = which+` and position_id = @position`, *q.PositionID
	}
	err = d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select `+columns+` from orders o
			where user_id = @user and (created_at, id) < (@at, @id) and `+which+`
			order by created_at desc, id desc limit @limit`, args)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, scan)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list orders: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[len(page)-1]
		next = &Cursor{last.CreatedAt, last.ID}
	}
	return page, next, nil
}

// Fill is one execution report.
type Fill struct {
	OrderID    uuid.UUID    `json:"orderId"`
	Side       Side         `json:"side"`
	Quantity   int          `json:"quantity"`
	Price      money.Price  `json:"price"`
	Fees       money.Amount `json:"fees"`        // those known so far
	Realized   money.Amount `json:"realizedPnl"` // of a buy: less what late fees took of contracts sold before
	ExecutedAt *time.Time   `json:"executedAt"`
	LearntAt   time.Time    `json:"learntAt"`
}

// Fills lists what filled of a user's position, oldest first, at most 500. Foreign
// table: late_fees.
func (d *Desk) Fills(ctx context.Context, user, position uuid.UUID) (fills []Fill, err error) {
	err = d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select f.order_id, f.side, f.quantity, f.notional, f.fees + coalesce(l.amount, 0), f.realized + coalesce(l.realized, 0), f.executed_at, f.learnt_at
			from fills f left join (select order_id, cum, sum(amount) as amount, sum(realized) as realized from late_fees
				where position_id = $1 group by order_id, cum) l on l.order_id = f.order_id and l.cum = f.cum
			where f.position_id = $1 and f.user_id = $2 order by f.learnt_at, f.cum limit 500`, position, user)
		if err != nil {
			return err
		}
		fills, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f Fill, err error) {
			var notional decimal.Decimal
			err = row.Scan(&f.OrderID, &f.Side, &f.Quantity, &notional, &f.Fees.Decimal, &f.Realized.Decimal, &f.ExecutedAt, &f.LearntAt)
			f.Price = money.Price{Decimal: notional.DivRound(decimal.NewFromInt(int64(max(f.Quantity, 1))), 4)}
			return f, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list fills: %w", err)
	}
	return fills, nil
}

// Event is one line of an order's history.
type Event struct {
	OrderID  uuid.UUID       `json:"orderId"`
	Seq      int             `json:"seq"`
	At       time.Time       `json:"at"`
	Actor    string          `json:"actor"`
	From     *State          `json:"from"`
	To       State           `json:"to"`
	Filled   int             `json:"filled"`
	Evidence json.RawMessage `json:"-"`
}

// Events lists the history of the orders of a user's position, oldest first, at most 500.
func (d *Desk) Events(ctx context.Context, user, position uuid.UUID) (events []Event, err error) {
	err = d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select e.order_id, e.seq, e.at, e.actor, e.from_state, e.to_state, e.cum, e.evidence
			from order_events e join orders o on o.id = e.order_id
			where o.position_id = $1 and o.user_id = $2 order by e.at, e.seq limit 500`, position, user)
		if err != nil {
			return err
		}
		events, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Event])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list order events: %w", err)
	}
	return events, nil
}

// Preview is what an order would do, before it is placed.
type Preview struct {
	CashEffect       *money.Amount     `json:"cashEffect"` // negative: you pay
	Fees             *money.Amount     `json:"fees"`       // null: not available
	BuyingPowerAfter *money.Amount     `json:"buyingPowerAfter"`
	BreakEven        *money.Price      `json:"breakEven"`
	MaxLoss          *money.Amount     `json:"maxLoss"`
	Source           string            `json:"source"` // broker, estimate, none
	Warnings         []string          `json:"warnings"`
	Contract         exchange.Contract `json:"contract"`
	Bid              *money.Price      `json:"bid"`
	Ask              *money.Price      `json:"ask"`
	QuoteAt          *time.Time        `json:"quoteAt"`
}
