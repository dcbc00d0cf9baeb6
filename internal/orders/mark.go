package orders

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/positions"
)

// markTime is how long a list of positions waits for quotes before it is shown
// without them.
const markTime = 800 * time.Millisecond

// copiesMade is what the copied contracts a user holds have gained so far, in
// dollars, by their latest quotes (R14); what nobody quotes counts as nothing.
// Only copied entries ask. Foreign tables: copy_holdings (index
// copy_holdings_held), positions.
func (d *Desk) copiesMade(ctx context.Context, user uuid.UUID, asked bool) (made decimal.Decimal) {
	if !asked || d.market.Off() != nil {
		return made
	}
	ctx, cancel := context.WithTimeout(ctx, markTime)
	defer cancel()
	rows, err := d.db.Pool().Query(ctx, `
		select p.symbol, sum((h.bought - h.sold) * p.multiplier)::bigint, sum(h.remaining_cost)
		from copy_holdings h join positions p on p.id = h.position_id
		where h.user_id = $1 and h.bought > h.sold and p.status = 'open' group by p.symbol order by p.symbol limit $2`, user, market.QuotesMax)
	if err != nil {
		return d.unmarked(ctx, user, err)
	}
	var symbols []string
	shares, costs := map[string]int64{}, map[string]decimal.Decimal{}
	var symbol string
	var held int64
	var cost decimal.Decimal
	_, err = pgx.ForEachRow(rows, []any{&symbol, &held, &cost}, func() error {
		symbols, shares[symbol], costs[symbol] = append(symbols, symbol), held, cost
		return nil
	})
	if err != nil || len(symbols) == 0 {
		return d.unmarked(ctx, user, err)
	}
	quotes, err := d.market.Quotes(ctx, symbols)
	if err != nil {
		return d.unmarked(ctx, user, err)
	}
	for symbol, q := range quotes {
		if mark := q.Mark(); mark != nil {
			made = made.Add(mark.Mul(decimal.NewFromInt(shares[symbol])).Sub(costs[symbol]))
		}
	}
	return made
}

func (d *Desk) unmarked(ctx context.Context, user uuid.UUID, err error) decimal.Decimal {
	if err != nil {
		d.log.WarnContext(ctx, "copies are judged without quotes of what is held", "user", user, "err", err)
	}
	return decimal.Zero
}

// Mark gives one person's open positions the price that their profit is reckoned with: the
// market's, or where nobody quotes, the one that their broker last said. What has
// neither keeps none.
func (d *Desk) Mark(ctx context.Context, list []positions.Position) {
	ctx, cancel := context.WithTimeout(ctx, markTime)
	defer cancel()
	d.markByQuotes(ctx, list)
	// Quotes that came too late leave no time of their own.
	ctx, cancelBrokers := context.WithTimeout(context.WithoutCancel(ctx), markTime)
	defer cancelBrokers()
	d.markByBrokers(ctx, list)
}

// markByQuotes is on the real clock, which ages are shown by: the market's own can
// be turned in development.
func (d *Desk) markByQuotes(ctx context.Context, list []positions.Position) {
	symbols := make([]string, 0, len(list))
	for _, p := range list {
		if p.Held() > 0 {
			symbols = append(symbols, p.Contract.Symbol)
		}
	}
	if len(symbols) == 0 || d.market.Off() != nil {
		return
	}
	quotes, err := d.market.Quotes(ctx, symbols)
	if err != nil {
		d.log.WarnContext(ctx, "positions are shown without quotes", "err", err)
		return
	}
	for i := range list {
		if q, known := quotes[list[i].Contract.Symbol]; known {
			at := d.now().Add(-q.Age(d.clock.Now()))
			list[i].Mark, list[i].MarkAt = q.Mark(), &at
		}
	}
}

func (d *Desk) markByBrokers(ctx context.Context, list []positions.Position) {
	var ids []uuid.UUID
	for _, p := range list {
		if unpriced(p) {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return
	}
	prices, err := d.held.BrokerPrices(ctx, list[0].UserID, ids)
	if err != nil {
		d.log.WarnContext(ctx, "positions are shown without their brokers' prices", "err", err)
		return
	}
	for i := range list {
		if price, known := prices[list[i].ID]; known && unpriced(list[i]) {
			list[i].Mark, list[i].MarkAt = &price.Price, &price.At
		}
	}
}

func unpriced(p positions.Position) bool { return p.Held() > 0 && p.Mark == nil }
