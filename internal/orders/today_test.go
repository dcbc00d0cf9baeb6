package orders

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
)

// Fills count on the day they were made, late fees with them, by the market's clock
// wherever it stands. Without yesterday's close only what was bought today is known,
// and nothing is said over an old mark or what came without a fill.
func TestTodayCountsTheFillsOfTheDay(t *testing.T) {
	t.Parallel()
	for name, offset := range map[string]time.Duration{"real time": 0, "a clock that was turned": 31 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			clock := exchange.NewClock(time.Now)
			clock.Set(exchange.ClockState{Offset: offset})
			midnight := clock.Today().At(0, 0).Add(-offset)
			d := &Desk{db: s.db, clock: clock, market: market.New(market.Options{}), log: slog.New(slog.DiscardHandler), now: time.Now}
			fill := func(order uuid.UUID, side Side, cum, quantity int, notional string, executed, learnt time.Time) {
				s.must(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, fees, executed_at, learnt_at)
					values ($1, $2, $3, $4, $5, $6, $7, 0.65, $8, $9)`, order, cum, s.user, s.position, side, quantity, notional, executed, learnt)
			}
			bought := s.order(BTO, Filled, 5)
			fill(bought, BTO, 2, 2, "6.00", midnight.Add(-time.Hour), midnight.Add(time.Second)) // yesterday's, told today
			fill(bought, BTO, 4, 2, "6.20", midnight, midnight.Add(time.Second))
			s.must(`insert into late_fees (order_id, cum, user_id, position_id, amount, cost_removed, realized) values ($1, 4, $2, $3, 0.35, 0, 0)`, bought, s.user, s.position)
			mark, at := money.MustPrice("3.50"), midnight.Add(time.Minute)
			held := func(n int) []positions.Position {
				p := positions.Position{ID: s.position, Status: positions.Open, Mark: &mark, MarkAt: &at, Contract: exchange.Contract{Symbol: "AAPL  " + expiryCode + "C00200000", Multiplier: 100}}
				p.Ledger.Bought = n
				return []positions.Position{p}
			}
			today := func(list []positions.Position) *money.Amount {
				if err := d.Today(t.Context(), s.user, list); err != nil {
					t.Fatal(err)
				}
				return list[0].Today
			}
			if got := today(held(2)); got == nil || !got.Equal(money.MustAmount("79").Decimal) { // (2 × 3.50 − 6.20) × 100 − 1.00
				t.Errorf("bought today: %v, want 79", got)
			}
			if got := today(held(4)); got != nil {
				t.Errorf("held overnight without a close: %v", got)
			}
			old := held(2)
			long := midnight.Add(-time.Minute)
			old[0].MarkAt = &long
			if got := today(old); got != nil {
				t.Errorf("with yesterday's mark: %v", got)
			}
			s.must(`insert into position_adjustments (position_id, user_id, kind, symbol, quantity, cost, as_of, learnt_at)
				values ($1, $2, 'external', $3, 1, 300, $4, $4)`, s.position, s.user, "AAPL  "+expiryCode+"C00200000", midnight.Add(time.Second))
			if got := today(held(2)); got != nil {
				t.Errorf("with contracts from elsewhere: %v", got)
			}
		})
	}
}
