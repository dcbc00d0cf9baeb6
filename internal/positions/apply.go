package positions

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
)

// Fill is an increment of one order: quantity more contracts for notional
// (price per share × quantity) and fees dollars.
type Fill struct {
	Buy            bool
	Quantity       int
	Notional       decimal.Decimal
	Fees           decimal.Decimal
	Reserved       int // how many of a sell's contracts its reservation covers
	SubscriptionID *uuid.UUID
	At             time.Time
}

// Applied is what a fill did.
type Applied struct {
	Position    Position // as it is now
	HeldBefore  int
	CostRemoved decimal.Decimal
	Realized    decimal.Decimal
	Short       int // contracts sold that were not held; the position is up for review
}

// Apply books a fill on a position that the caller has locked, its copy
// holdings with it. More contracts sold than are held are booked as far as they
// are held: what the broker sold beyond that, an operator has to see (review).
func Apply(ctx context.Context, tx pgx.Tx, p Position, f Fill) (Applied, error) {
	done := Applied{HeldBefore: p.Held()}
	if f.Buy {
		p.Ledger = p.Ledger.Buy(f.Quantity, f.Notional, f.Fees, p.Contract.Multiplier)
	} else {
		p, done = sell(p, f, done)
	}
	if p.OpenedAt == nil {
		p.OpenedAt = &f.At
	}
	if p.Status != Open {
		p.Status, p.ClosedAt = Open, nil // a late fill reopens; Finish closes again
	}
	if err := save(ctx, tx, p); err != nil {
		return Applied{}, err
	}
	if err := applyHoldings(ctx, tx, p, f, done.Short); err != nil {
		return Applied{}, err
	}
	done.Position = p
	return done, nil
}

func sell(p Position, f Fill, done Applied) (Position, Applied) {
	p.Reserved -= min(f.Reserved, p.Reserved)
	booked := min(f.Quantity, max(p.Available(), 0))
	done.Short = f.Quantity - booked
	p.Ledger, done.CostRemoved, done.Realized = p.Ledger.Sell(booked, f.Notional, f.Fees, p.Contract.Multiplier)
	if done.Short > 0 {
		review := fmt.Sprintf("%d contracts were sold at the broker that are not held here", done.Short)
		p.Review = &review
	}
	return p, done
}

func save(ctx context.Context, tx pgx.Tx, p Position) error {
	l := p.Ledger
	_, err := tx.Exec(ctx, `
		update positions set status = $2, bought = $3, sold = $4, sell_reserved = $5, cost_bought = $6, remaining_cost = $7,
			proceeds = $8, realized = $9, fees = $10, review_reason = $11, opened_at = $12, closed_at = $13, updated_at = now()
		where id = $1`,
		p.ID, p.Status, l.Bought, l.Sold, p.Reserved, l.CostBought, l.RemainingCost, l.Proceeds, l.Realized, l.Fees,
		p.Review, p.OpenedAt, p.ClosedAt)
	if err != nil {
		return fmt.Errorf("book a fill on position %s: %w", p.ID, err)
	}
	return nil
}

// Current is the position a late fill belongs to: the one its order was placed
// on, or, when that has ended and the contract was opened anew since, the newer
// open one. Both are returned locked.
func Current(ctx context.Context, tx pgx.Tx, p Position) (Position, error) {
	if p.Status == Open {
		return p, nil
	}
	var newer uuid.UUID
	err := tx.QueryRow(ctx, `select coalesce((select id from positions where account_id = $1 and symbol = $2 and status = 'open'), $3)`,
		p.AccountID, p.Contract.Symbol, p.ID).Scan(&newer)
	if err != nil {
		return Position{}, fmt.Errorf("find the open position in %s: %w", p.Contract.Symbol, err)
	}
	if newer == p.ID {
		return p, nil
	}
	return Lock(ctx, tx, newer)
}

// Finish closes or voids a position that the caller has locked, when nothing
// is held and no order on it lives. Foreign table: orders.
func Finish(ctx context.Context, tx pgx.Tx, id uuid.UUID, at time.Time) error {
	_, err := tx.Exec(ctx, `
		update positions p set
			status = case when bought = 0 then 'void' else 'closed' end,
			closed_at = case when bought = 0 then null else $2::timestamptz end,
			updated_at = now()
		where id = $1 and status = 'open' and bought = sold
		  and not exists (select 1 from orders o where o.position_id = p.id
		      and o.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial'))`, id, at)
	if err != nil {
		return fmt.Errorf("finish position %s: %w", id, err)
	}
	return nil
}
