package positions

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// Kind is why contracts came or left without an order.
type Kind string

// External: bought or sold where we could not see it. A rename, after a split or
// under a new root, is a pair of out and in. Expired and exercised end a contract.
// Explained takes back from an external one what an order turned out to have sold.
const (
	External  Kind = "external"
	RenameOut Kind = "rename_out"
	RenameIn  Kind = "rename_in"
	Expired   Kind = "expired"
	Exercised Kind = "exercised"
	Explained Kind = "explained"
)

// Adjustment is contracts that came (Quantity positive) or left a position
// without an order, and the cost that came or left with them. Proceeds and
// Realized are nil where nobody told us what they brought.
type Adjustment struct {
	ID       uuid.UUID     `json:"id"`
	Kind     Kind          `json:"kind"`
	Symbol   string        `json:"symbol"`
	Quantity int           `json:"quantity"`
	Cost     money.Amount  `json:"cost"`
	Proceeds *money.Amount `json:"proceeds"`
	Realized *money.Amount `json:"realizedPnl"`
	AsOf     time.Time     `json:"asOf"`
	LearntAt time.Time     `json:"learntAt"`
}

// CostMoved is the cost that came or left, without a sign.
func (a Adjustment) CostMoved() *money.Amount { return &money.Amount{Decimal: a.Cost.Abs()} }

// change is an adjustment about to be booked.
type change struct {
	kind     Kind
	symbol   string
	quantity int
	cost     decimal.Decimal
	proceeds *decimal.Decimal
	day      exchange.Date // that what was realised counts for
	asOf     time.Time
	evidence map[string]any
}

func (c change) realized() *decimal.Decimal {
	if c.proceeds == nil {
		return nil
	}
	gain := c.proceeds.Add(c.cost) // the cost that left is negative
	return &gain
}

// adjust writes an adjustment beside the change of its position.
func adjust(ctx context.Context, tx pgx.Tx, p Position, c change) error {
	evidence, err := json.Marshal(c.evidence)
	if err != nil {
		return fmt.Errorf("describe an adjustment: %w", err)
	}
	if c.evidence == nil {
		evidence = []byte("{}")
	}
	_, err = tx.Exec(ctx, `
		insert into position_adjustments (position_id, user_id, kind, symbol, quantity, cost, proceeds, realized, evidence, as_of)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		p.ID, p.UserID, c.kind, c.symbol, c.quantity, c.cost, c.proceeds, c.realized(), evidence, c.asOf)
	if err != nil {
		return fmt.Errorf("adjust position %s: %w", p.ID, err)
	}
	return nil
}

// leave takes n contracts, at most those held, out of a locked position without
// an order, own ones before copied ones. proceeds nil: what they brought is not
// known, so nothing is realised and the position's result is not the whole.
func leave(ctx context.Context, tx pgx.Tx, p Position, n int, c change) (Position, error) {
	var removed decimal.Decimal
	p.Ledger, removed = p.Ledger.Leave(n)
	c.symbol, c.quantity, c.cost = p.Contract.Symbol, -n, removed.Neg()
	if c.proceeds == nil {
		p.Unpriced += n
	} else {
		p.Ledger.Proceeds = p.Ledger.Proceeds.Add(*c.proceeds)
		p.Ledger.Realized = p.Ledger.Realized.Add(*c.realized())
	}
	p.Missing, p.Reserved = 0, min(p.Reserved, p.Held())
	if err := save(ctx, tx, p); err != nil {
		return Position{}, err
	}
	took, err := leaveHoldings(ctx, tx, p, n, c.proceeds, c.day)
	if err != nil {
		return Position{}, err
	}
	if len(took) > 0 {
		c.evidence = with(c.evidence, "copied", took)
	}
	return p, adjust(ctx, tx, p, c)
}

func with(evidence map[string]any, name string, value any) map[string]any {
	all := maps.Clone(evidence)
	if all == nil {
		all = map[string]any{}
	}
	all[name] = value
	return all
}

// arrive puts n contracts into a locked position without an order. average is
// what one share of them cost; nil: nobody knows, and the result is not the whole.
func arrive(ctx context.Context, tx pgx.Tx, p Position, n int, average *decimal.Decimal, c change) (Position, error) {
	c.symbol, c.quantity = p.Contract.Symbol, n
	if average == nil {
		p.Unpriced += n
	} else {
		c.cost = dollars(average.Mul(decimal.NewFromInt(int64(n))), p.Contract.Multiplier).RoundBank(places)
	}
	p.Ledger.Bought += n
	p.Ledger.CostBought = p.Ledger.CostBought.Add(c.cost)
	p.Ledger.RemainingCost = p.Ledger.RemainingCost.Add(c.cost)
	if p.OpenedAt == nil {
		p.OpenedAt = &c.asOf
	}
	p.Missing = 0 // the broker has all of them, and more
	if p.Review != nil && *p.Review == fewerThere {
		p.Review = nil
	}
	if err := save(ctx, tx, p); err != nil {
		return Position{}, err
	}
	return p, adjust(ctx, tx, p, c)
}

// Adjustments lists what happened to one of the user's own positions outside of
// orders, oldest first.
func (b *Book) Adjustments(ctx context.Context, user, position uuid.UUID) (list []Adjustment, err error) {
	err = b.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select id, kind, symbol, quantity, cost, proceeds, realized, as_of, learnt_at from position_adjustments
			where position_id = $1 and user_id = $2 order by learnt_at, quantity limit 500`, position, user)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanAdjustment)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list adjustments of position %s: %w", position, err)
	}
	return list, nil
}

func scanAdjustment(row pgx.CollectableRow) (Adjustment, error) {
	var a Adjustment
	var proceeds, realized decimal.NullDecimal
	err := row.Scan(&a.ID, &a.Kind, &a.Symbol, &a.Quantity, &a.Cost.Decimal, &proceeds, &realized, &a.AsOf, &a.LearntAt)
	if proceeds.Valid {
		a.Proceeds, a.Realized = &money.Amount{Decimal: proceeds.Decimal}, &money.Amount{Decimal: realized.Decimal}
	}
	a.AsOf, a.LearntAt = a.AsOf.UTC(), a.LearntAt.UTC()
	return a, err
}
