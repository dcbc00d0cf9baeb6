package web

import (
	"context"
	"time"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
)

// How long a page waits for the quotes of approvals before it shows them without.
const quotePatience = 800 * time.Millisecond

// quoteTime is when a quote was made, on the clock that pages show ages by: the
// market's own can be turned in development.
func (s *Site) quoteTime(q market.Quote) *time.Time {
	at := s.now().Add(-q.Age(s.clock.Now()))
	return &at
}

// openProfit is what all open positions would gain or lose at their marks; nil
// when one of them has none or was not read, because a part is not the whole.
func openProfit(view positionsView) *money.Amount {
	if view.Next != "" || view.Failed {
		return nil
	}
	var sum money.Amount
	for _, row := range view.Rows {
		if row.Held() == 0 {
			continue
		}
		if row.Unrealized == nil {
			return nil
		}
		sum.Decimal = sum.Add(row.Unrealized.Decimal)
	}
	return &sum
}

// quotesOf are the quotes of what waits for approval; none when they cannot be had.
func (s *Site) quotesOf(ctx context.Context, list []copytrade.Decision) map[string]market.Quote {
	if len(list) == 0 || s.market.Off() != nil {
		return nil
	}
	symbols := make([]string, 0, len(list))
	for _, d := range list {
		symbols = append(symbols, d.Contract.Symbol)
	}
	ctx, cancel := context.WithTimeout(ctx, quotePatience)
	defer cancel()
	quotes, err := s.market.Quotes(ctx, symbols)
	if err != nil {
		s.log.WarnContext(ctx, "approvals are shown without quotes", "err", err)
		return nil
	}
	return quotes
}
