package orders

import (
	"context"
	"time"

	"github.com/alertsify/alertsify/internal/positions"
)

// markTime is how long a list of positions waits for quotes before it is shown
// without them.
const markTime = 800 * time.Millisecond

// Mark gives open positions the price that their profit is reckoned with. What
// has no quote keeps none. MarkAt is on the real clock, which ages are shown by:
// the market's own can be turned in development.
func (d *Desk) Mark(ctx context.Context, list []positions.Position) {
	symbols := make([]string, 0, len(list))
	for _, p := range list {
		if p.Held() > 0 {
			symbols = append(symbols, p.Contract.Symbol)
		}
	}
	if len(symbols) == 0 || d.market.Off() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, markTime)
	defer cancel()
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
