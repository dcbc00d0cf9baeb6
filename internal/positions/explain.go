package positions

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// Gone is an external adjustment that took contracts away, of which no order explains
// all yet.
type Gone struct {
	ID, PositionID uuid.UUID
	Taken          int             // contracts, by the whole adjustment
	Left           int             // contracts that no order explains
	Cost           decimal.Decimal // dollars that left with those
	Copied         []copiedPart    // what of Taken were copies
}

// copiedPart is what an adjustment took of one copy, as its evidence keeps it.
type copiedPart struct {
	SubscriptionID uuid.UUID       `json:"subscription"`
	Quantity       int             `json:"quantity"`
	Cost           decimal.Decimal `json:"cost"`
}

// FindGone finds what adjustments took away already for a sale, on one position: of the
// first external one that rests on holdings as of its execution or later. The broker may
// tell late of a sale that was executed in parts: then also of those since it was placed,
// the latest first. A sale from before a position's first purchase was sent sold something
// else; one from before it was executed may have sold what came first of it, and holdings
// say that. Without the position's lock the answer may be old. Foreign tables: fills, orders.
func FindGone(ctx context.Context, tx pgx.Tx, account uuid.UUID, symbol string, placed, executed time.Time) (list []Gone, err error) {
	rows, err := tx.Query(ctx, `
		select a.id, a.position_id, a.as_of, a.quantity, -a.cost, coalesce(a.evidence->'copied', '[]'), coalesce(e.quantity, 0), coalesce(e.cost, 0)
		from positions p join position_adjustments a on a.position_id = p.id
		left join lateral (select sum(quantity)::int as quantity, sum(cost) as cost from position_adjustments where explains = a.id) e on true
		where p.account_id = $1 and a.symbol = $2 and a.kind = 'external' and a.as_of >= $3
		  and $4 >= coalesce((select min(coalesce(o.sent_at, f.executed_at)) from fills f join orders o on o.id = f.order_id
			where f.position_id = p.id and f.side = 'BTO'), '-infinity')
		order by a.as_of < $4, case when a.as_of >= $4 then a.as_of end, a.as_of desc, a.learnt_at limit 100`, account, symbol, placed, executed)
	if err != nil {
		return nil, fmt.Errorf("find what a sale of %s explains: %w", symbol, err)
	}
	after := 0 // of those that rest on holdings as of then or later
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (g Gone, err error) {
		var asOf time.Time
		var quantity, explained int
		var cost, explainedCost decimal.Decimal
		if err := row.Scan(&g.ID, &g.PositionID, &asOf, &quantity, &cost, &g.Copied, &explained, &explainedCost); err != nil {
			return Gone{}, err
		}
		if !asOf.Before(executed) {
			if after++; after > 1 {
				return Gone{}, nil
			}
		}
		g.Taken, g.Left, g.Cost = -quantity, -quantity-explained, cost.Sub(explainedCost)
		if g.Left > 0 && (len(list) == 0 || list[0].PositionID == g.PositionID) {
			list = append(list, g)
		}
		return g, nil
	})
	if err != nil {
		return nil, fmt.Errorf("find what a sale of %s explains: %w", symbol, err)
	}
	return list, nil
}

// explain lets a sale take the place of what an adjustment took away: as many contracts
// had left with as much cost, and now it is known what they brought. Nothing is held more
// or less for it, and nothing more may be sold. The cost is returned.
func explain(p Position, g Gone, f Fill, done Applied) (Position, Applied, decimal.Decimal) {
	cost := g.Cost
	if f.Quantity < g.Left {
		cost = divideHalfEven(g.Cost.Mul(decimal.NewFromInt(int64(f.Quantity))), int64(g.Left))
	}
	proceeds := dollars(f.Notional, p.Contract.Multiplier)
	gain := proceeds.Sub(cost).Sub(f.Fees)
	p.Ledger.Proceeds = p.Ledger.Proceeds.Add(proceeds)
	p.Ledger.Realized = p.Ledger.Realized.Add(gain)
	p.Ledger.Fees = p.Ledger.Fees.Add(f.Fees)
	p.Unpriced = max(p.Unpriced-f.Quantity, 0)
	done.HeldBefore += f.Quantity
	done.CostRemoved, done.Realized = done.CostRemoved.Add(cost), done.Realized.Add(gain)
	if p.Review != nil && (*p.Review == leftReview(g.Left) || *p.Review == unlinkedReview(g.Left)) {
		p.Review = nil
		if left := g.Left - f.Quantity; left > 0 {
			review := leftReview(left)
			p.Review = &review
		}
	}
	return p, done, cost
}

// noteExplained writes the adjustment's other half, and gives the copies their part of
// what the contracts brought.
func noteExplained(ctx context.Context, tx pgx.Tx, p Position, g Gone, f Fill, cost decimal.Decimal) error {
	_, err := tx.Exec(ctx, `
		insert into position_adjustments (position_id, user_id, kind, symbol, quantity, cost, evidence, as_of, explains, order_id)
		select position_id, user_id, 'explained', symbol, $2, $3, '{}', as_of, id, $4 from position_adjustments where id = $1`,
		g.ID, f.Quantity, cost, f.OrderID)
	if err != nil {
		return fmt.Errorf("explain an adjustment of position %s: %w", p.ID, err)
	}
	if len(g.Copied) == 0 {
		return nil
	}
	held, err := Holdings(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	var made results
	parts := g.parts(f.Quantity)
	for _, h := range held {
		i := slices.IndexFunc(g.Copied, func(c copiedPart) bool { return c.SubscriptionID == h.SubscriptionID })
		if i < 0 || parts[i].quantity == 0 {
			continue
		}
		share := f.part(parts[i].quantity)
		gain := dollars(share.Notional, p.Contract.Multiplier).Sub(parts[i].cost).Sub(share.Fees)
		l := h.Ledger
		l.Realized = l.Realized.Add(gain)
		if err := saveHolding(ctx, tx, h, l); err != nil {
			return err
		}
		made.add(h.SubscriptionID, gain)
	}
	return addCopyResult(ctx, tx, p.UserID, f.day(), made)
}

// taken is what a sale explains of one copied part.
type taken struct {
	quantity int
	cost     decimal.Decimal
}

// parts says what of each copied part the next n contracts are: own ones were taken
// first, then the copies, oldest first.
func (g Gone) parts(n int) []taken {
	list := make([]taken, len(g.Copied))
	start := g.Taken
	for _, c := range g.Copied {
		start -= c.Quantity // own contracts come before
	}
	from, to := g.Taken-g.Left, g.Taken-g.Left+n
	for i, c := range g.Copied {
		first, last := clamp(from-start, c.Quantity), clamp(to-start, c.Quantity)
		list[i] = taken{last - first, c.costOf(last).Sub(c.costOf(first))}
		start += c.Quantity
	}
	return list
}

func clamp(n, most int) int { return min(max(n, 0), most) }

// costOf is the cost of the first n of its contracts.
func (c copiedPart) costOf(n int) decimal.Decimal {
	if n == c.Quantity {
		return c.Cost
	}
	return divideHalfEven(c.Cost.Mul(decimal.NewFromInt(int64(n))), int64(c.Quantity))
}

// day is the trading day that a fill counts for.
func (f Fill) day() exchange.Date {
	if f.Day == (exchange.Date{}) {
		return exchange.TradingDay(f.At)
	}
	return f.Day
}
