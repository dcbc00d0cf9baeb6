package positions

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// Holding is the part of a position that was copied from one trader.
type Holding struct {
	SubscriptionID uuid.UUID
	PositionID     uuid.UUID
	Ledger         Ledger // CostBought, Proceeds and Fees are not kept apart for holdings
}

// applyHoldings books a fill on the copied part of the position. A copy's own
// fill books on its subscription. Any other sell takes own contracts first,
// then copied ones, oldest first.
func applyHoldings(ctx context.Context, tx pgx.Tx, p Position, f Fill, short int) error {
	quantity := f.Quantity - short
	if f.SubscriptionID != nil {
		return applyCopy(ctx, tx, p, f, quantity)
	}
	if f.Buy || quantity == 0 {
		return nil
	}
	return takeCopied(ctx, tx, p, f, quantity)
}

func applyCopy(ctx context.Context, tx pgx.Tx, p Position, f Fill, quantity int) error {
	if f.Buy {
		cost := dollars(f.Notional, p.Contract.Multiplier).Add(f.Fees)
		_, err := tx.Exec(ctx, `
			insert into copy_holdings (subscription_id, position_id, user_id, bought, remaining_cost) values ($1, $2, $3, $4, $5)
			on conflict (subscription_id, position_id) do update
			set bought = copy_holdings.bought + excluded.bought, remaining_cost = copy_holdings.remaining_cost + excluded.remaining_cost`,
			f.SubscriptionID, p.ID, p.UserID, quantity, cost)
		if err != nil {
			return fmt.Errorf("book a copied buy: %w", err)
		}
		return nil
	}
	held, err := Holdings(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	for _, h := range held {
		if h.SubscriptionID == *f.SubscriptionID {
			return sellHolding(ctx, tx, h, min(quantity, h.Ledger.Held()), f, p.Contract.Multiplier)
		}
	}
	return fmt.Errorf("sell of subscription %s: nothing was copied into position %s", f.SubscriptionID, p.ID)
}

// Holdings locks and lists the copied parts of a position, oldest first.
func Holdings(ctx context.Context, tx pgx.Tx, position uuid.UUID) ([]Holding, error) {
	rows, err := tx.Query(ctx, `
		select subscription_id, position_id, bought, sold, remaining_cost, realized from copy_holdings
		where position_id = $1 order by created_at, subscription_id for no key update`, position)
	if err != nil {
		return nil, fmt.Errorf("list copied holdings: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (h Holding, err error) {
		err = row.Scan(&h.SubscriptionID, &h.PositionID, &h.Ledger.Bought, &h.Ledger.Sold, &h.Ledger.RemainingCost, &h.Ledger.Realized)
		return h, err
	})
}

// takeCopied removes from the copied parts what a sell took beyond the owner's
// own contracts. p is the position after the sell.
func takeCopied(ctx context.Context, tx pgx.Tx, p Position, f Fill, quantity int) error {
	held, err := Holdings(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	copied := 0
	for _, h := range held {
		copied += h.Ledger.Held()
	}
	over := copied - p.Held() // more copied than the position still holds
	for _, h := range held {
		if over <= 0 {
			return nil
		}
		n := min(over, h.Ledger.Held())
		if n == 0 {
			continue
		}
		share := f
		share.Notional = f.Notional.Mul(decimal.NewFromInt(int64(n))).DivRound(decimal.NewFromInt(int64(quantity)), places)
		share.Fees = f.Fees.Mul(decimal.NewFromInt(int64(n))).DivRound(decimal.NewFromInt(int64(quantity)), places)
		if err := sellHolding(ctx, tx, h, n, share, p.Contract.Multiplier); err != nil {
			return err
		}
		over -= n
	}
	return nil
}

func sellHolding(ctx context.Context, tx pgx.Tx, h Holding, n int, f Fill, multiplier int) error {
	l, _, _ := h.Ledger.Sell(n, f.Notional, f.Fees, multiplier)
	_, err := tx.Exec(ctx, `
		update copy_holdings set sold = $3, remaining_cost = $4, realized = $5
		where subscription_id = $1 and position_id = $2`,
		h.SubscriptionID, h.PositionID, l.Sold, l.RemainingCost, l.Realized)
	if err != nil {
		return fmt.Errorf("book a sell of copied contracts: %w", err)
	}
	return nil
}
