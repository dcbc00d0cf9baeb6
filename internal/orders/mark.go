package orders

import (
	"context"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
)

// Mark gives open positions the price that their profit is reckoned with: the
// middle of bid and ask, else the last trade. What has no quote keeps none.
func (d *Desk) Mark(ctx context.Context, list []positions.Position) {
	symbols := make([]string, 0, len(list))
	for _, p := range list {
		if p.Held() > 0 {
			symbols = append(symbols, p.Contract.Symbol)
		}
	}
	if len(symbols) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpTime)
	defer cancel()
	quotes, err := d.market.Quotes(ctx, symbols)
	if err != nil {
		return
	}
	for i := range list {
		q, known := quotes[list[i].Contract.Symbol]
		if mark := middle(q); known && mark != nil {
			at := q.At
			list[i].Mark, list[i].MarkAt = mark, &at
		}
	}
}

func middle(q market.Quote) *money.Price {
	if q.Bid != nil && q.Ask != nil {
		return &money.Price{Decimal: q.Bid.Add(q.Ask.Decimal).Div(decimal.NewFromInt(2))}
	}
	return q.Last
}
