package orders

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
)

// Without market data what is held shows the price its broker last said, and its age;
// what nobody prices shows none, and what is not held needs none.
func TestWithoutQuotesTheBrokersPriceIsShown(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	d := &Desk{db: s.db, held: positions.New(s.db), market: market.New(market.Options{}), log: slog.New(slog.DiscardHandler), now: time.Now}
	said := time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	s.must(`insert into broker_prices (position_id, user_id, price, at) values ($1, $2, 3.25, $3)`, s.position, s.user, said)
	list := []positions.Position{
		{ID: s.position, UserID: s.user, Ledger: positions.Ledger{Bought: 2}},
		{ID: uuid.New(), UserID: s.user, Ledger: positions.Ledger{Bought: 1}},
		{ID: s.position, UserID: s.user, Ledger: positions.Ledger{Bought: 2, Sold: 2}},
	}
	d.Mark(t.Context(), list)
	if m := list[0].Mark; m == nil || !m.Equal(money.MustPrice("3.25").Decimal) || !list[0].MarkAt.Equal(said) {
		t.Errorf("held: %v at %v", m, list[0].MarkAt)
	}
	if list[1].Mark != nil || list[2].Mark != nil {
		t.Errorf("marked: %v, %v", list[1].Mark, list[2].Mark)
	}
}
