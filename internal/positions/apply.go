package positions

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// Fill is an increment of one order: quantity more contracts for notional
// (price per share × quantity) and fees dollars.
type Fill struct {
	Buy            bool
	Quantity       int
	Notional       decimal.Decimal
	Fees           decimal.Decimal
	SubscriptionID *uuid.UUID
	At             time.Time
	Day            exchange.Date // the trading day it counts for; zero: At's

	OrderID uuid.UUID
	Gone    []Gone // of a sale: what adjustments have taken away for it already
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
// holdings with it. A fill is a fact and takes what is held, whatever other sells
// have reserved; Settle brings the reservations in line. More contracts sold than
// are held are booked as far as they are held: what the broker sold beyond that,
// an operator has to see (review). What an adjustment of this position took away for a
// sale already (Gone) is not sold a second time.
func Apply(ctx context.Context, tx pgx.Tx, p Position, f Fill) (Applied, error) {
	done := Applied{HeldBefore: p.Held()}
	for _, g := range f.Gone {
		var known Fill
		var cost decimal.Decimal
		if known, f = f.split(g.Left); known.Quantity == 0 {
			break
		}
		p, done, cost = explain(p, g, known, done)
		if err := noteExplained(ctx, tx, p, g, known, cost); err != nil {
			return Applied{}, err
		}
	}
	if f.Buy {
		p.Ledger = p.Ledger.Buy(f.Quantity, f.Notional, f.Fees, p.Contract.Multiplier)
	} else if f.Quantity > 0 {
		p, done = sell(p, f, done)
	}
	if p.OpenedAt == nil {
		p.OpenedAt = &f.At
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
	booked := min(f.Quantity, p.Held())
	done.Short = f.Quantity - booked
	f = f.part(booked)
	var cost, gain decimal.Decimal
	p.Ledger, cost, gain = p.Ledger.Sell(booked, f.Notional, f.Fees, p.Contract.Multiplier)
	done.CostRemoved, done.Realized = done.CostRemoved.Add(cost), done.Realized.Add(gain)
	// What the broker had less of may be what this fill sold.
	p.Reserved, p.Missing = min(p.Reserved, p.Held()), max(p.Missing-booked, 0)
	if done.Short > 0 {
		review := fmt.Sprintf("%d contracts were sold at the broker that are not held here", done.Short)
		p.Review = &review
	}
	return p, done
}

// split parts a fill into at most n of its contracts, and the rest.
func (f Fill) split(n int) (first, rest Fill) {
	first, rest = f.part(min(n, f.Quantity)), f
	rest.Quantity, rest.Notional, rest.Fees = f.Quantity-first.Quantity, f.Notional.Sub(first.Notional), f.Fees.Sub(first.Fees)
	return first, rest
}

// part is n of a fill's contracts at its price.
func (f Fill) part(n int) Fill {
	if n == f.Quantity {
		return f
	}
	share := func(d decimal.Decimal) decimal.Decimal {
		return d.Mul(decimal.NewFromInt(int64(n))).DivRound(decimal.NewFromInt(int64(f.Quantity)), places)
	}
	f.Quantity, f.Notional, f.Fees = n, share(f.Notional), share(f.Fees)
	return f
}

func save(ctx context.Context, tx pgx.Tx, p Position) error {
	l := p.Ledger
	_, err := tx.Exec(ctx, `
		update positions set status = $2, bought = $3, sold = $4, sell_reserved = $5, cost_bought = $6, remaining_cost = $7,
			proceeds = $8, realized = $9, fees = $10, review_reason = $11, opened_at = $12, closed_at = $13, missing = $14, unpriced = $15, updated_at = now()
		where id = $1`,
		p.ID, p.Status, l.Bought, l.Sold, p.Reserved, l.CostBought, l.RemainingCost, l.Proceeds, l.Realized, l.Fees,
		p.Review, p.OpenedAt, p.ClosedAt, p.Missing, p.Unpriced)
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

// Settle brings a position in line with its orders, after any of them changed.
// What its live sells may still sell is reserved, at most what is held: more for
// sale than that, which only an order found late or placed elsewhere brings about,
// is for an operator to see. It is open while contracts are held or an order on it
// lives, else closed, or void when nothing was ever bought (INV-13, INV-18). One that
// ended by its expiration stays so; a fill that comes later still makes it pending. The
// caller holds its lock since an earlier statement, so that this one sees every
// order that counted on it. A sell that is being replaced may sell the larger of its
// old and its new quantity. Foreign tables: orders, order_changes.
func Settle(ctx context.Context, tx pgx.Tx, id uuid.UUID, at time.Time) error {
	b := &pgx.Batch{}
	QueueSettle(b, id, at)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("settle position %s: %w", id, err)
	}
	return nil
}

// QueueSettle is Settle as the next statement of a batch.
func QueueSettle(b *pgx.Batch, id uuid.UUID, at time.Time) {
	b.Queue(`
		update positions p set
			sell_reserved = least(p.bought - p.sold, o.selling),
			review_reason = case when o.selling > p.bought - p.sold then 'more is for sale at the broker than is held' else p.review_reason end,
			status = case
				when p.status in ('expiry_pending', 'expired', 'exercised') and p.bought > p.sold then 'expiry_pending'
				when o.live > 0 or p.bought > p.sold then 'open'
				when p.bought = 0 then 'void'
				when p.status in ('expired', 'exercised') then p.status
				else 'closed' end,
			closed_at = case when o.live > 0 or p.bought > p.sold or p.bought = 0 then null else coalesce(p.closed_at, $2::timestamptz) end,
			updated_at = now()
		from (select count(*) as live, coalesce(sum(greatest(s.quantity, c.quantity) - s.cum) filter (where s.side = 'STC'), 0)::int as selling
		      from orders s left join order_changes c on c.order_id = s.id and c.state in ('queued', 'submitting', 'unknown')
		      where s.position_id = $1 and s.state in ('queued', 'submitting', 'unknown', 'accepted', 'partial')) o
		where p.id = $1`, id, at)
}
