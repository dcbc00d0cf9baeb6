package orders

import (
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
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// ChangeState is where the replacing of an order stands. The order itself stays
// working meanwhile.
type ChangeState string

// The states of a change, named after those of an order.
const (
	ChangeQueued     ChangeState = "queued"     // committed; nothing was sent
	ChangeSubmitting ChangeState = "submitting" // one worker holds the claim
	ChangeUnknown    ChangeState = "unknown"    // the request may have reached the broker
	ChangeDone       ChangeState = "done"       // the successor is the order now
	ChangeFailed     ChangeState = "failed"     // refused, or not made: the order is as it was
	ChangeAborted    ChangeState = "aborted"    // never sent
)

// Change is one replacing of a working order: what it is to become, and what
// became of the request. Its JSON is that of its row.
type Change struct {
	ID            uuid.UUID           `json:"id"`
	OrderID       uuid.UUID           `json:"order_id"`
	State         ChangeState         `json:"state"`
	Quantity      int                 `json:"quantity"` // of the whole order, what is filled included
	LimitPrice    decimal.NullDecimal `json:"limit_price"`
	CostIncrease  decimal.Decimal     `json:"cost_increase"` // dollars an entry counted for it
	TradingDay    exchange.Date       `json:"trading_day"`   // on which it counted them
	Units         *int                `json:"units"`         // asked of the broker: what was not filled yet
	OldBrokerID   *string             `json:"old_broker_id"`
	SendBefore    time.Time           `json:"send_before"`
	ClaimToken    *uuid.UUID          `json:"claim_token"`
	SentAt        *time.Time          `json:"sent_at"`
	Deadline      *time.Time          `json:"deadline"`
	Attempts      int                 `json:"attempts"`
	CompleteLooks int                 `json:"complete_looks"`
	Reason        *string             `json:"reason"`
	CreatedAt     time.Time           `json:"created_at"`
}

// Limit is the price per share that the order is to have; nil for types without.
func (c Change) Limit() *money.Price { return price(c.LimitPrice) }

// Open reports whether the change may still come about.
func (c *Change) Open() bool {
	return c != nil && (c.State == ChangeQueued || c.Unresolved())
}

// Unresolved reports whether the broker may have made the change without our knowing.
func (c *Change) Unresolved() bool {
	return c != nil && (c.State == ChangeSubmitting || c.State == ChangeUnknown)
}

// claimedBy reports whether a claim still holds.
func (c *Change) claimedBy(token uuid.UUID) bool {
	return c.Unresolved() && c.ClaimToken != nil && *c.ClaimToken == token
}

// MarshalJSON writes the shape of the API.
func (c Change) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID         uuid.UUID    `json:"id"`
		State      ChangeState  `json:"state"`
		Quantity   int          `json:"quantity"`
		LimitPrice *money.Price `json:"limitPrice"`
		Reason     *string      `json:"reason"`
		CreatedAt  time.Time    `json:"createdAt"`
	}{c.ID, c.State, c.Quantity, c.Limit(), c.Reason, c.CreatedAt.UTC()})
}

// newestChange reads, with an order's row, its last change (index order_changes_order).
const newestChange = `(select to_jsonb(c) from order_changes c where c.order_id = o.id order by c.created_at desc limit 1)`

func oneChange(rows pgx.Rows, err error) (Change, error) {
	if err != nil {
		return Change{}, err
	}
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[Change])
	if errors.Is(err, pgx.ErrNoRows) {
		return Change{}, fault.NotFound()
	}
	return c, err
}

// ChangeRequest is what a working order is to become: what is not named stays.
type ChangeRequest struct {
	LimitPrice   *money.Price `json:"limitPrice,omitempty"`
	Quantity     *int         `json:"quantity,omitempty"` // of the whole order, what is filled included
	ConfirmPrice bool         `json:"confirmPrice,omitempty"`
}

// shape checks the request by itself.
func (r ChangeRequest) shape() error {
	wrong := problems{}
	if r.LimitPrice == nil && r.Quantity == nil {
		wrong["limitPrice"] = "A new price, a new quantity, or both."
	}
	if r.LimitPrice != nil && !r.LimitPrice.IsPositive() {
		wrong["limitPrice"] = "Above 0."
	}
	if r.Quantity != nil {
		checkQuantity(wrong, *r.Quantity)
	}
	return wrong.err()
}

// target is what the order becomes by the request. Refused is what is no change,
// what is filled already, and a price where the type has none.
func (r ChangeRequest) target(o Order) (quantity int, limit *money.Price, err error) {
	wrong := problems{}
	quantity, limit = o.Quantity, o.Limit
	if r.Quantity != nil {
		quantity = *r.Quantity
	}
	if r.LimitPrice != nil {
		if limit = r.LimitPrice; o.Limit == nil {
			wrong["limitPrice"] = fmt.Sprintf("A %s order has no such price.", o.Type)
		}
	}
	switch {
	case quantity < o.Cum:
		wrong["quantity"] = fmt.Sprintf("%d are filled already.", o.Cum)
	case quantity == o.Cum:
		wrong["quantity"] = fmt.Sprintf("%d are filled already; cancel the rest instead.", o.Cum)
	case o.Source == Copy && quantity > o.Quantity:
		wrong["quantity"] = "A copied order cannot be made larger."
	case len(wrong) == 0 && quantity == o.Quantity && samePrice(limit, o.Limit):
		wrong["limitPrice"] = "Nothing changes: the order has this price and quantity."
	}
	return quantity, limit, wrong.err()
}

func samePrice(a, b *money.Price) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Equal(b.Decimal))
}

// changeable says why an order cannot be replaced now.
func (o Order) changeable() error {
	conflict := func(sentence string) error {
		return fault.Conflict("invalid_state", sentence).With("state", o.State)
	}
	switch {
	case !o.State.Live():
		return conflict("This order has already ended: " + o.Label() + ".")
	case !o.State.Working():
		return conflict("This order is not working at the broker yet.")
	case o.CancelRequested != nil:
		return conflict("This order is being cancelled.")
	case o.Change.Open():
		return conflict("This order is being replaced already.")
	}
	return nil
}

// Replaceable reports whether another price or quantity may be asked for now.
func (o Order) Replaceable() bool { return o.changeable() == nil }

// asked is the successor that the broker was asked for, as a list would show it.
func (c Change) asked(o Order) Order {
	o.Limit, o.SentAt, o.Deadline = c.Limit(), c.SentAt, c.Deadline
	if c.Units != nil {
		o.Quantity = *c.Units
	}
	return o
}

// onWire is the request to the broker: the order as it is, with what changes.
func (c Change) onWire(o Order) snaptrade.Replacement {
	return snaptrade.Replacement{
		OrderID: *c.OldBrokerID, Symbol: o.Contract.Symbol, Action: actionOf(o.Side), Units: *c.Units, Type: wireType(o.Type),
		LimitPrice: decimalOf(c.Limit()), StopPrice: decimalOf(o.Stop), TimeInForce: forceOf(o.TimeInForce),
	}
}
