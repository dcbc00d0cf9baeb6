package copytrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Result is what became of a decision.
type Result string

// Queued, awaiting and approved are on their way; the others are final.
const (
	Queued   Result = "queued"
	Awaiting Result = "awaiting_approval"
	Approved Result = "approved"
	Executed Result = "executed" // at least one contract filled
	Rejected Result = "rejected" // by the follower
	Skipped  Result = "skipped"  // never sent, for a reason
	Failed   Result = "failed"   // ended without a fill
	Expired  Result = "expired"  // by the clock
)

// Decision is what happened for one follower when one order of a leader filled.
type Decision struct {
	ID             uuid.UUID
	SubscriptionID uuid.UUID
	Paper          bool // nothing is traded
	FollowerID     uuid.UUID
	TraderID       uuid.UUID
	Trader         string // username
	LeaderOrderID  uuid.UUID
	Side           orders.Side
	Contract       exchange.Contract
	SourceQuantity int
	SourcePrice    money.Price
	Quantity       int // entries: to buy; exits: the cumulative target so far
	Result         Result
	Reason         *string
	Numbers        json.RawMessage
	OrderID        *uuid.UUID
	PositionID     *uuid.UUID // exits
	Held           int        // exits: copied contracts when it was decided
	LeaderHeld     int        // exits: what the leader held before the order
	Place, PlaceOf int
	SentAfter      *int         // ms from the leader's first execution until the order left; nil: it did not
	Average        *money.Price // what the follower's copies filled at; nil: nothing filled
	DecidedAt      time.Time
	ExpiresAt      time.Time
}

// MarshalJSON writes the shape of the API.
func (d Decision) MarshalJSON() ([]byte, error) {
	var slippage *money.Amount
	if percent := d.Slippage(); percent.Valid {
		slippage = &money.Amount{Decimal: percent.Decimal}
	}
	return json.Marshal(struct {
		ID             uuid.UUID         `json:"id"`
		SubscriptionID uuid.UUID         `json:"subscriptionId"`
		Paper          bool              `json:"paper"`
		TraderID       uuid.UUID         `json:"traderId"`
		Trader         string            `json:"trader"`
		SourceOrderID  uuid.UUID         `json:"sourceOrderId"`
		Side           orders.Side       `json:"side"`
		Contract       exchange.Contract `json:"contract"`
		SourceQuantity int               `json:"sourceQuantity"`
		SourcePrice    money.Price       `json:"sourcePrice"`
		Quantity       int               `json:"quantity"`
		Result         Result            `json:"result"`
		Reason         *string           `json:"reason"`
		ReasonText     string            `json:"reasonText,omitempty"`
		Numbers        json.RawMessage   `json:"numbers"`
		OrderID        *uuid.UUID        `json:"orderId"`
		Place          int               `json:"place"`
		PlaceOf        int               `json:"placeOf"`
		SentAfter      *int              `json:"sentAfterMs"`
		Average        *money.Price      `json:"averagePrice"`
		Slippage       *money.Amount     `json:"slippagePercent"`
		ExpiresAt      time.Time         `json:"expiresAt"`
		CreatedAt      time.Time         `json:"createdAt"`
	}{
		d.ID, d.SubscriptionID, d.Paper, d.TraderID, d.Trader, d.LeaderOrderID, d.Side, d.Contract, d.SourceQuantity, d.SourcePrice, d.Quantity,
		d.Result, d.Reason, d.ReasonText(), d.Numbers, d.OrderID, d.Place, d.PlaceOf, d.SentAfter, d.Average, slippage, d.ExpiresAt.UTC(), d.DecidedAt.UTC(),
	})
}

// Slippage is how far the follower's price lies from the trader's, in percent of
// that, positive when it is worse: dearer bought or cheaper sold. Null: nothing filled.
func (d Decision) Slippage() decimal.NullDecimal {
	if d.Average == nil {
		return decimal.NullDecimal{}
	}
	worse := d.Average.Sub(d.SourcePrice.Decimal)
	if d.Side == orders.STC {
		worse = worse.Neg()
	}
	return money.Percent(worse, d.SourcePrice.Decimal)
}

// ownAverage is what the copies of decision c filled at, per share, on paper or for
// real. Foreign table: orders (index orders_decision).
const ownAverage = `(select round(sum(f.paid) / nullif(sum(f.quantity), 0), 4) from (
		select e.cum_notional as paid, e.cum as quantity from orders e where e.decision_id = c.id
		union all select b.price * b.quantity, b.quantity from paper_fills b where b.decision_id = c.id and b.kind = 'buy'
		union all select b.price * b.quantity, b.quantity from paper_fills b where b.decision_id = c.id and b.kind = 'sell') f)`

// decisionColumns join the users table for the trader's name, the leader's order
// for the contract's multiplier, and the copy's orders for when and at what it traded.
const decisionColumns = decisionFacts + `, ` + sentAfter + `, ` + ownAverage + `, c.decided_at, c.expires_at`

// sentAfter is how long after the leader's execution the copy of decision c was sent, in ms.
const sentAfter = `(select greatest(extract(epoch from e.sent_at - l.executed_at) * 1000, 0)::int from orders e where e.id = c.order_id)`

const decisionFacts = `c.id, c.subscription_id, c.paper, c.user_id, c.trader_id, t.username, c.leader_order_id, c.side, c.symbol, l.underlying, l.multiplier,
	c.source_quantity, c.source_price, c.quantity, c.result, c.reason, c.numbers, c.order_id, c.position_id, c.held, c.leader_held,
	c.place, c.place_of`

const decisionFrom = ` from copy_decisions c join users t on t.id = c.trader_id join orders l on l.id = c.leader_order_id `

func scanDecision(row pgx.CollectableRow) (Decision, error) { return scanDecisionAnd(row) }

// scanDecisionAnd reads decisionColumns and what the statement selects after them.
func scanDecisionAnd(row pgx.CollectableRow, more ...any) (Decision, error) {
	var d Decision
	var symbol, underlying string
	var multiplier int
	var price decimal.Decimal
	var average decimal.NullDecimal
	into := append([]any{&d.ID, &d.SubscriptionID, &d.Paper, &d.FollowerID, &d.TraderID, &d.Trader, &d.LeaderOrderID, &d.Side, &symbol, &underlying, &multiplier,
		&d.SourceQuantity, &price, &d.Quantity, &d.Result, &d.Reason, &d.Numbers, &d.OrderID, &d.PositionID, &d.Held, &d.LeaderHeld,
		&d.Place, &d.PlaceOf, &d.SentAfter, &average, &d.DecidedAt, &d.ExpiresAt}, more...)
	err := row.Scan(into...)
	if err != nil {
		return Decision{}, err
	}
	d.SourcePrice, d.Average = money.Price{Decimal: price}, priceOf(average)
	d.Contract, err = exchange.ParseSymbol(symbol)
	d.Contract.Underlying, d.Contract.Multiplier = underlying, multiplier
	return d, err
}

func oneDecision(rows pgx.Rows, err error) (Decision, error) {
	if err != nil {
		return Decision{}, err
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDecision)
	if errors.Is(err, pgx.ErrNoRows) {
		return Decision{}, fault.NotFound()
	}
	return d, err
}

func collect(rows pgx.Rows, err error) ([]Decision, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDecision)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Query asks for a page of decisions, newest first. They go by time only: an index for
// another order would be written for every follower of every signal.
type Query struct {
	Awaiting bool // only those that wait for the follower's answer
	Oldest   bool // first
	Limit    int  // 1 to 200
	Cursor   *Cursor
}

// Cursor is the last row of the page before.
type Cursor struct {
	At time.Time
	ID uuid.UUID
}

// Decisions lists a follower's decisions (index copy_decisions_user, or copy_decisions_awaiting
// for the few that wait among all that ever were).
func (c *Copier) Decisions(ctx context.Context, follower uuid.UUID, q Query) (page []Decision, next *Cursor, err error) {
	at, id, beyond, direction := c.now().Add(24*time.Hour), uuid.Max, "<", "desc"
	if q.Oldest {
		at, id, beyond, direction = time.Time{}, uuid.Nil, ">", "asc"
	}
	if q.Cursor != nil {
		at, id = q.Cursor.At, q.Cursor.ID
	}
	which := `true`
	if q.Awaiting {
		which = `c.result = 'awaiting_approval' and c.expires_at > now()`
	}
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select `+decisionColumns+decisionFrom+`
			where c.user_id = $1 and (c.decided_at, c.id) `+beyond+` ($2, $3) and `+which+`
			order by c.decided_at `+direction+`, c.id `+direction+` limit $4`, follower, at, id, q.Limit+1)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, scanDecision)
		return err
	}, postgres.Across("the fills of the traders that were copied"))
	if err != nil {
		return nil, nil, fmt.Errorf("list decisions: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[len(page)-1]
		next = &Cursor{last.DecidedAt, last.ID}
	}
	return page, next, nil
}
