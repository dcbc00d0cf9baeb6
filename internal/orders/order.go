// Package orders takes an intent to the broker exactly once and learns what became of it.
package orders

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// State is where an order stands. The database refuses every transition that
// is not in the table of the order guard.
type State string

// The states. Unresolved are Submitting and Unknown; Live is everything that
// may still trade.
const (
	Queued     State = "queued"     // committed; nothing was sent
	Submitting State = "submitting" // one worker holds the claim; a request may be on the wire
	Unknown    State = "unknown"    // a request may have reached the broker
	Accepted   State = "accepted"   // working at the broker, nothing filled
	Partial    State = "partial"    // working, partly filled
	Filled     State = "filled"
	Cancelled  State = "cancelled" // may hold fills
	Expired    State = "expired"   // may hold fills
	Rejected   State = "rejected"
	Aborted    State = "aborted"    // never sent
	NotPlaced  State = "not_placed" // looked for long enough and never seen
)

// Unresolved reports whether the order may be at the broker without our knowing.
func (s State) Unresolved() bool { return s == Submitting || s == Unknown }

// Working reports whether the broker is known to work the order.
func (s State) Working() bool { return s == Accepted || s == Partial }

// Live reports whether the order may still trade.
func (s State) Live() bool { return s == Queued || s.Unresolved() || s.Working() }

// endedThere reports whether the broker ended the order with something left of it.
func (s State) endedThere() bool { return s == Cancelled || s == Expired || s == Rejected }

// Side is what an order does to the position.
type Side string

// Buy to open, sell to close.
const (
	BTO Side = "BTO"
	STC Side = "STC"
)

// Type is how an order is priced.
type Type string

// The order types of the product.
const (
	Market    Type = "Market"
	Limit     Type = "Limit"
	Stop      Type = "Stop"
	StopLimit Type = "StopLimit"
)

// TimeInForce is how long an order works.
type TimeInForce string

// For the day, or until cancelled.
const (
	Day TimeInForce = "Day"
	GTC TimeInForce = "GTC"
)

// Source is where an order came from.
type Source string

// Placed here by its owner, by copy trading, or in the broker's own app.
const (
	Manual   Source = "manual"
	Copy     Source = "copy"
	Detected Source = "detected"
)

// Order is one instruction to a broker.
type Order struct {
	ID, UserID, AccountID, PositionID uuid.UUID

	Side        Side
	Contract    exchange.Contract
	Quantity    int
	Type        Type
	Limit, Stop *money.Price // per share
	TimeInForce TimeInForce
	Source      Source

	State           State
	Cum             int             // contracts filled
	CumNotional     decimal.Decimal // average fill price × Cum, per share
	Reason          *string
	ReasonCode      *string         // of a refusal before it was sent
	ReasonNumbers   json.RawMessage // what that compared, a JSON object; nil: nothing
	Review          *string         // why an operator should look
	BrokerOrderID   *string         // the newest, where several
	CancelRequested *time.Time
	Change          *Change // the last replacing; nil if there never was one

	SubscriptionID, DecisionID *uuid.UUID
	CopyTarget                 *int
	TriggerID                  *uuid.UUID // of a copy's exit that no trade of the leader's asked for

	EstimatedCost decimal.Decimal // dollars
	TradingDay    exchange.Date
	SendBefore    time.Time
	ClaimToken    *uuid.UUID
	SentAt        *time.Time
	Deadline      *time.Time
	Attempts      int
	CompleteLooks int
	EventSeq      int
	ExecutedAt    *time.Time
	CreatedAt     time.Time
	UpdatedAt     time.Time
	FinishedAt    *time.Time
	ReadAt        *time.Time // when it was last read by its id
}

// Average is the average fill price per share; nil before the first fill.
func (o Order) Average() *money.Price {
	if o.Cum == 0 {
		return nil
	}
	return &money.Price{Decimal: o.CumNotional.DivRound(decimal.NewFromInt(int64(o.Cum)), 4)}
}

// claimedBy reports whether a claim still holds: nobody has found out meanwhile
// what became of the order.
func (o Order) claimedBy(token uuid.UUID) bool {
	return o.State.Unresolved() && o.ClaimToken != nil && *o.ClaimToken == token
}

// Label is what people read.
func (o Order) Label() string {
	switch o.State {
	case Queued, Submitting:
		return "submitting"
	case Unknown:
		return "checking with broker"
	case Accepted:
		return "working"
	case Partial:
		return fmt.Sprintf("%d/%d filled", o.Cum, o.Quantity)
	case Aborted:
		return "not sent"
	case NotPlaced:
		return "not found: check with your broker"
	}
	return string(o.State)
}

// MarshalJSON writes the shape of the API.
func (o Order) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID                uuid.UUID         `json:"id"`
		PositionID        uuid.UUID         `json:"positionId"`
		AccountID         uuid.UUID         `json:"accountId"`
		Side              Side              `json:"side"`
		State             State             `json:"state"`
		Quantity          int               `json:"quantity"`
		FilledQuantity    int               `json:"filledQuantity"`
		AveragePrice      *money.Price      `json:"averagePrice"`
		LimitPrice        *money.Price      `json:"limitPrice"`
		StopPrice         *money.Price      `json:"stopPrice"`
		OrderType         Type              `json:"orderType"`
		TimeInForce       TimeInForce       `json:"timeInForce"`
		BrokerOrderID     *string           `json:"brokerOrderId"`
		Source            Source            `json:"source"`
		Reason            *string           `json:"reason"`
		ReviewReason      *string           `json:"reviewReason"`
		CancelRequestedAt *time.Time        `json:"cancelRequestedAt"`
		Change            *Change           `json:"change"`
		Contract          exchange.Contract `json:"contract"`
		CreatedAt         time.Time         `json:"createdAt"`
		UpdatedAt         time.Time         `json:"updatedAt"`
	}{
		o.ID, o.PositionID, o.AccountID, o.Side, o.State, o.Quantity, o.Cum, o.Average(), o.Limit, o.Stop, o.Type, o.TimeInForce,
		o.BrokerOrderID, o.Source, o.Reason, o.Review, utc(o.CancelRequested), o.Change, o.Contract, o.CreatedAt.UTC(), o.UpdatedAt.UTC(),
	})
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
