// Package positions is what fills add up to: quantities, reservations, cost and profit.
package positions

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Status is where a position stands.
type Status string

// Open while contracts are held or an order on it lives; closed when all that
// was bought is sold; void when its last order ended without any fill. What was
// held past its expiration is pending until the broker says what became of it:
// expired for nothing, or exercised.
const (
	Open          Status = "open"
	Closed        Status = "closed"
	Void          Status = "void"
	ExpiryPending Status = "expiry_pending"
	EndExpired    Status = "expired"
	EndExercised  Status = "exercised"
)

// Outcome is how a finished position came out: win, loss or breakeven.
type Outcome string

// Position is all orders of one user in one contract on one account, from the
// first buy until the quantity is back to zero.
type Position struct {
	ID         uuid.UUID
	UserID     uuid.UUID
	AccountID  uuid.UUID
	Contract   exchange.Contract
	Status     Status
	Ledger     Ledger
	Reserved   int      // contracts of live sells
	Missing    int      // held here but not at the broker, and not booked yet
	Unpriced   int      // contracts that came or left for a price nobody told us
	Outcome    *Outcome // nil until it is finished, and while Unpriced
	Source     string
	CopiedFrom *string // the trader's username
	Review     *string // why an operator should look; exits stay possible
	OpenedAt   *time.Time
	ClosedAt   *time.Time
	CreatedAt  time.Time
	Notes      string
	Tags       []string

	Mark   *money.Price // the latest price, when somebody asked for one
	MarkAt *time.Time
	Today  *money.Amount // made since the trading day began, when somebody asked and it is known
}

// Held is how many contracts are open.
func (p Position) Held() int { return p.Ledger.Held() }

// Available is what a new sell may take: held less what live sells hold and what
// the broker does not have.
func (p Position) Available() int { return max(p.Held()-p.Reserved-p.Missing, 0) }

// AverageEntry is what one share of all contracts bought cost, fees included;
// nil before the first fill.
func (p Position) AverageEntry() *money.Price {
	if p.Ledger.Bought == 0 {
		return nil
	}
	shares := decimal.NewFromInt(int64(p.Ledger.Bought) * int64(p.Contract.Multiplier))
	return &money.Price{Decimal: p.Ledger.CostBought.DivRound(shares, 4)}
}

// Unrealized is the open contracts' value at the mark less their cost; nil
// without a mark or without open contracts.
func (p Position) Unrealized() *money.Amount {
	if p.Mark == nil || p.Held() == 0 {
		return nil
	}
	value := p.Mark.Cost(p.Held(), p.Contract.Multiplier)
	return &money.Amount{Decimal: value.Sub(p.Ledger.RemainingCost)}
}

// Value is what the open contracts are worth at the mark; nil without one.
func (p Position) Value() *money.Amount {
	if p.Mark == nil {
		return nil
	}
	value := p.Mark.Cost(p.Held(), p.Contract.Multiplier)
	return &value
}

// Realized is the profit of what was sold.
func (p Position) Realized() money.Amount { return money.Amount{Decimal: p.Ledger.Realized} }

// RealizedPercent is realised profit over the cost that was sold.
func (p Position) RealizedPercent() decimal.NullDecimal {
	return money.Percent(p.Ledger.Realized, p.Ledger.CostBought.Sub(p.Ledger.RemainingCost))
}

// MarshalJSON writes the shape of the API.
func (p Position) MarshalJSON() ([]byte, error) {
	tags := p.Tags
	if tags == nil {
		tags = []string{}
	}
	return json.Marshal(struct {
		ID            uuid.UUID         `json:"id"`
		AccountID     uuid.UUID         `json:"accountId"`
		Contract      exchange.Contract `json:"contract"`
		Status        Status            `json:"status"`
		Bought        int               `json:"bought"`
		Sold          int               `json:"sold"`
		Available     int               `json:"available"`
		AverageEntry  *money.Price      `json:"averageEntry"`
		Mark          *money.Price      `json:"mark"`
		MarkAt        *time.Time        `json:"markAt"`
		UnrealizedPnl *money.Amount     `json:"unrealizedPnl"`
		RealizedPnl   money.Amount      `json:"realizedPnl"`
		Source        string            `json:"source"`
		CopiedFrom    *string           `json:"copiedFrom"`
		Outcome       *Outcome          `json:"outcome"`
		Fees          money.Amount      `json:"fees"`
		ReviewReason  *string           `json:"reviewReason"`
		OpenedAt      *time.Time        `json:"openedAt"`
		ClosedAt      *time.Time        `json:"closedAt"`
		Notes         string            `json:"notes"`
		Tags          []string          `json:"tags"`
	}{
		p.ID, p.AccountID, p.Contract, p.Status, p.Ledger.Bought, p.Ledger.Sold, p.Available(), p.AverageEntry(),
		p.Mark, utc(p.MarkAt), p.Unrealized(), p.Realized(), p.Source, p.CopiedFrom,
		p.Outcome, money.Amount{Decimal: p.Ledger.Fees}, p.Review,
		utc(p.OpenedAt), utc(p.ClosedAt), p.Notes, tags,
	})
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// Book keeps the positions.
type Book struct {
	db *postgres.DB
}

// New makes the book of a database.
func New(db *postgres.DB) *Book { return &Book{db: db} }
