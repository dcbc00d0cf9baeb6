package positions

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// Holding is the part of a position that was copied from one trader.
type Holding struct {
	SubscriptionID uuid.UUID
	PositionID     uuid.UUID
	Selling        int    // contracts that its exits may still sell
	Ledger         Ledger // CostBought, Proceeds and Fees are not kept apart for holdings
}

// applyHoldings books a fill on the copied part of the position. A copy's own
// fill books on its subscription. Any other sell takes own contracts first,
// then copied ones, oldest first; those that an exit is selling last.
func applyHoldings(ctx context.Context, tx pgx.Tx, p Position, f Fill, short int) error {
	switch {
	case f.Buy && f.SubscriptionID == nil:
		return nil
	case f.Buy:
		return buyHolding(ctx, tx, p, f)
	}
	return sellHoldings(ctx, tx, p, f.part(f.Quantity-short))
}

func buyHolding(ctx context.Context, tx pgx.Tx, p Position, f Fill) error {
	cost := dollars(f.Notional, p.Contract.Multiplier).Add(f.Fees)
	_, err := tx.Exec(ctx, `
		insert into copy_holdings (subscription_id, position_id, user_id, bought, remaining_cost) values ($1, $2, $3, $4, $5)
		on conflict (subscription_id, position_id) do update
		set bought = copy_holdings.bought + excluded.bought, remaining_cost = copy_holdings.remaining_cost + excluded.remaining_cost`,
		f.SubscriptionID, p.ID, p.UserID, f.Quantity, cost)
	if err != nil {
		return fmt.Errorf("book a copied buy: %w", err)
	}
	return nil
}

// Holdings locks and lists the copied parts of a position, oldest first. Foreign
// table: orders (index orders_copies_live).
func Holdings(ctx context.Context, tx pgx.Tx, position uuid.UUID) ([]Holding, error) {
	rows, err := tx.Query(ctx, `
		select h.subscription_id, h.position_id, h.bought, h.sold, h.remaining_cost, h.realized, (
			select coalesce(sum(e.quantity - e.cum), 0)::int from orders e
			where e.subscription_id = h.subscription_id and e.position_id = h.position_id and e.side = 'STC'
			  and e.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial'))
		from copy_holdings h where h.position_id = $1 order by h.created_at, h.subscription_id for no key update of h`, position)
	if err != nil {
		return nil, fmt.Errorf("list copied holdings: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (h Holding, err error) {
		err = row.Scan(&h.SubscriptionID, &h.PositionID, &h.Ledger.Bought, &h.Ledger.Sold, &h.Ledger.RemainingCost, &h.Ledger.Realized, &h.Selling)
		return h, err
	})
}

// sellHoldings takes a sell out of the copied parts: first the seller's own
// subscription, then, oldest first, what remains copied beyond what the position
// still holds (INV-49), and last what another exit is selling (INV-52). p is the
// position after the sell.
func sellHoldings(ctx context.Context, tx pgx.Tx, p Position, f Fill) error {
	held, err := Holdings(ctx, tx, p.ID)
	if err != nil || len(held) == 0 || f.Quantity == 0 {
		return err
	}
	var made results
	for i, n := range shares(held, p.Held(), f.Quantity, f.SubscriptionID) {
		if n == 0 {
			continue
		}
		part := f.part(n)
		l, _, realized := held[i].Ledger.Sell(n, part.Notional, part.Fees, p.Contract.Multiplier)
		if err := saveHolding(ctx, tx, held[i], l); err != nil {
			return err
		}
		made.add(held[i].SubscriptionID, realized)
	}
	return addCopyResult(ctx, tx, p.UserID, f.day(), made)
}

// shares says how many contracts of a sell each copied part gives: the seller's
// own subscription first, then, oldest first, what is copied beyond what the
// position still holds. What an exit is selling is given last: it would find less
// than it was placed for, and take the rest from another's copies.
func shares(held []Holding, left, sold int, seller *uuid.UUID) []int {
	taken := make([]int, len(held))
	over := -left
	for i, h := range held {
		if seller != nil && h.SubscriptionID == *seller {
			taken[i] = min(sold, h.Ledger.Held())
			sold -= taken[i]
		}
		over += h.Ledger.Held() - taken[i]
	}
	give := func(i, most int) {
		n := max(min(over, most), 0)
		taken[i], over = taken[i]+n, over-n
	}
	for i, h := range held {
		give(i, h.Ledger.Held()-taken[i]-h.Selling)
	}
	for i, h := range held {
		give(i, h.Ledger.Held()-taken[i])
	}
	return taken
}

// leaveHoldings takes contracts that left without an order out of the copied
// parts, each with its share of what all of them brought. proceeds nil: nothing
// is realised. It says what it took of each.
func leaveHoldings(ctx context.Context, tx pgx.Tx, p Position, n int, proceeds *decimal.Decimal, day exchange.Date) (took []copiedPart, err error) {
	held, err := Holdings(ctx, tx, p.ID)
	if err != nil {
		return nil, err
	}
	var made results
	for i, taken := range shares(held, p.Held(), n, nil) {
		if taken == 0 {
			continue
		}
		l, cost := held[i].Ledger.Leave(taken)
		took = append(took, copiedPart{held[i].SubscriptionID, taken, cost})
		if proceeds != nil {
			share := divideHalfEven(proceeds.Mul(decimal.NewFromInt(int64(taken))), int64(n))
			l.Realized = l.Realized.Add(share).Sub(cost)
			made.add(held[i].SubscriptionID, share.Sub(cost))
		}
		if err := saveHolding(ctx, tx, held[i], l); err != nil {
			return nil, err
		}
	}
	return took, addCopyResult(ctx, tx, p.UserID, day, made)
}

func saveHolding(ctx context.Context, tx pgx.Tx, h Holding, l Ledger) error {
	_, err := tx.Exec(ctx, `
		update copy_holdings set bought = $3, sold = $4, remaining_cost = $5, realized = $6
		where subscription_id = $1 and position_id = $2`,
		h.SubscriptionID, h.PositionID, l.Bought, l.Sold, l.RemainingCost, l.Realized)
	if err != nil {
		return fmt.Errorf("change what is held of a copy: %w", err)
	}
	return nil
}

// results is what a sell of copied contracts made, for each subscription.
type results struct {
	subscriptions []uuid.UUID
	realized      []decimal.Decimal
}

func (r *results) add(subscription uuid.UUID, realized decimal.Decimal) {
	if !realized.IsZero() {
		r.subscriptions, r.realized = append(r.subscriptions, subscription), append(r.realized, realized)
	}
}

// addCopyResult keeps what a day's sells of copied contracts made: of all traders
// together (R14) and of each (the follower's dailyLossStop).
func addCopyResult(ctx context.Context, tx pgx.Tx, user uuid.UUID, day exchange.Date, made results) error {
	if len(made.subscriptions) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		with made as (
			select * from unnest($3::uuid[], $4::numeric[]) m (subscription_id, realized)
		), of_each as (
			insert into copy_day_results (subscription_id, trading_day, user_id, realized)
			select subscription_id, $2, $1, realized from made order by subscription_id
			on conflict (subscription_id, trading_day) do update set realized = copy_day_results.realized + excluded.realized
		)
		insert into copy_results (user_id, trading_day, realized) select $1, $2, sum(realized) from made
		on conflict (user_id, trading_day) do update set realized = copy_results.realized + excluded.realized`,
		user, day, made.subscriptions, made.realized)
	if err != nil {
		return fmt.Errorf("add to the day's result of copies: %w", err)
	}
	return nil
}
