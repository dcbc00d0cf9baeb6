package copytrade

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

// TriggerKind is what sells copies by itself.
type TriggerKind string

// A loss, a gain, the time on a contract's last day.
const (
	StopLoss    TriggerKind = "stop_loss"
	TakeProfit  TriggerKind = "take_profit"
	ExpiryClose TriggerKind = "expiry_close"
)

// Words is the kind for people.
func (k TriggerKind) Words() string {
	switch k {
	case StopLoss:
		return "Stop-loss"
	case TakeProfit:
		return "Take-profit"
	}
	return "Sale on the last day"
}

// TriggerState is what became of a trigger.
type TriggerState string

// Waiting has no order yet, or none that was sent; sold and failed are final.
const (
	TriggerWaiting TriggerState = "waiting"
	TriggerPlaced  TriggerState = "placed"
	TriggerSold    TriggerState = "sold" // at least one contract
	TriggerFailed  TriggerState = "failed"
)

// Trigger is a follower's own bound that a holding of copies has reached. It is
// reached once for each copied contract, and sells by one order.
type Trigger struct {
	ID, SubscriptionID, FollowerID, TraderID uuid.UUID

	PositionID  *uuid.UUID // nil: held on paper
	Trader      string     // username
	Kind        TriggerKind
	Contract    exchange.Contract
	Held        int                 // copied contracts that it was reached for
	Percent     decimal.NullDecimal // that was set
	CostEach    money.Price         // per share
	Mark        *money.Price        // by which it was reached
	Price       *money.Price        // the bid its exit goes by; nil: the one when it is placed
	TriggeredAt time.Time
	SendBefore  time.Time
	State       TriggerState
	Reason      *string
	OrderID     *uuid.UUID
	Numbers     json.RawMessage // what was compared, when it was reached and when its order was refused
}

// Paper says whether it sells on paper, where there are no positions and no orders.
func (t Trigger) Paper() bool { return t.PositionID == nil }

// MarshalJSON writes the shape of the API.
func (t Trigger) MarshalJSON() ([]byte, error) {
	var percent *money.Amount
	if t.Percent.Valid {
		percent = &money.Amount{Decimal: t.Percent.Decimal}
	}
	return json.Marshal(struct {
		ID             uuid.UUID         `json:"id"`
		SubscriptionID uuid.UUID         `json:"subscriptionId"`
		PositionID     *uuid.UUID        `json:"positionId"`
		Paper          bool              `json:"paper"`
		TraderID       uuid.UUID         `json:"traderId"`
		Trader         string            `json:"trader"`
		Kind           TriggerKind       `json:"kind"`
		Contract       exchange.Contract `json:"contract"`
		Quantity       int               `json:"quantity"`
		Percent        *money.Amount     `json:"percent"`
		CostEach       money.Price       `json:"costEach"`
		Mark           *money.Price      `json:"mark"`
		State          TriggerState      `json:"state"`
		Reason         *string           `json:"reason"`
		ReasonText     string            `json:"reasonText,omitempty"`
		Numbers        json.RawMessage   `json:"numbers"`
		OrderID        *uuid.UUID        `json:"orderId"`
		TriggeredAt    time.Time         `json:"triggeredAt"`
		SendBefore     time.Time         `json:"sendBefore"`
	}{
		t.ID, t.SubscriptionID, t.PositionID, t.Paper(), t.TraderID, t.Trader, t.Kind, t.Contract, t.Held, percent, t.CostEach, t.Mark, t.State,
		t.Reason, t.ReasonText(), t.Numbers, t.OrderID, t.TriggeredAt.UTC(), t.SendBefore.UTC(),
	})
}

// ReasonText is why nothing was sold, in words.
func (t Trigger) ReasonText() string {
	if t.Reason == nil {
		return ""
	}
	if text, known := reasons[*t.Reason]; known {
		return text
	}
	return *t.Reason
}

// triggerColumns join the users table for the trader's name, and the position p or
// what is held on paper, w, for the contract.
const triggerColumns = `g.id, g.subscription_id, g.position_id, g.user_id, g.trader_id, t.username, g.kind,
	coalesce(p.symbol, w.symbol), coalesce(p.underlying, w.underlying), coalesce(p.multiplier, w.multiplier),
	g.held, g.percent, g.cost_each, g.mark, g.price, g.triggered_at, g.send_before, g.state, g.reason, g.order_id, g.numbers`

const triggerFrom = ` from copy_triggers g` + triggerJoins

const triggerJoins = ` join users t on t.id = g.trader_id left join positions p on p.id = g.position_id
	left join paper_holdings w on g.position_id is null and w.subscription_id = g.subscription_id and w.symbol = g.symbol `

func scanTrigger(row pgx.CollectableRow) (Trigger, error) { return scanTriggerAnd(row) }

// scanTriggerAnd reads triggerColumns and what the statement selects after them.
func scanTriggerAnd(row pgx.CollectableRow, more ...any) (Trigger, error) {
	var t Trigger
	var symbol, underlying string
	var multiplier int
	var cost decimal.Decimal
	var mark, price decimal.NullDecimal
	err := row.Scan(append([]any{&t.ID, &t.SubscriptionID, &t.PositionID, &t.FollowerID, &t.TraderID, &t.Trader, &t.Kind, &symbol, &underlying, &multiplier,
		&t.Held, &t.Percent, &cost, &mark, &price, &t.TriggeredAt, &t.SendBefore, &t.State, &t.Reason, &t.OrderID, &t.Numbers}, more...)...)
	if err != nil {
		return Trigger{}, err
	}
	t.CostEach, t.Mark, t.Price = money.Price{Decimal: cost}, priceOf(mark), priceOf(price)
	t.Contract, err = exchange.ParseSymbol(symbol)
	t.Contract.Underlying, t.Contract.Multiplier = underlying, multiplier
	return t, err
}

func priceOf(d decimal.NullDecimal) *money.Price {
	if !d.Valid {
		return nil
	}
	return &money.Price{Decimal: d.Decimal}
}

// Triggers lists what sold a follower's copies by itself, newest first (index
// copy_triggers_user).
func (c *Copier) Triggers(ctx context.Context, follower uuid.UUID, limit int, after *Cursor) (page []Trigger, next *Cursor, err error) {
	at, id := c.now().Add(24*time.Hour), uuid.Max
	if after != nil {
		at, id = after.At, after.ID
	}
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+triggerColumns+triggerFrom+`
			where g.user_id = $1 and (g.triggered_at, g.id) < ($2, $3) order by g.triggered_at desc, g.id desc limit $4`, follower, at, id, limit+1)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, scanTrigger)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list what sold copies: %w", err)
	}
	if len(page) > limit {
		page = page[:limit]
		last := page[len(page)-1]
		next = &Cursor{last.TriggeredAt, last.ID}
	}
	return page, next, nil
}
