package orders

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// Contracts that were never here are sold in the broker's app, and then the same
// contract is bought here: the old sale, still in the day's list, sells nothing of it.
func TestAnOldSaleIsNotDetectedOnANewPosition(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	sent := time.Now().Add(-time.Minute)
	entry := s.order(BTO, Filled, 4)
	s.must(`update orders set sent_at = $2 where id = $1`, entry, sent)
	s.must(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, executed_at) values ($1, 4, $2, $3, 'BTO', 4, 12, $4)`,
		entry, s.user, s.position, sent.Add(time.Second))
	s.must(`update positions set bought = 4, cost_bought = 1200, remaining_cost = 1200`)

	five := decimal.NewFromInt(5)
	sale := snaptrade.Order{
		ID: "app-1", Option: true, Symbol: oneContract, Action: snaptrade.SellToClose, Status: snaptrade.StatusFilled,
		Total: &five, Filled: &five, AveragePrice: &five, PlacedAt: sent.Add(-time.Hour), ExecutedAt: sent.Add(-50 * time.Minute),
	}
	d := New(Options{DB: s.db, Now: time.Now, Clock: exchange.NewClock(time.Now)})
	a := brokers.Account{ID: s.account, UserID: s.user, CreatedAt: sent.Add(-24 * time.Hour)}
	if err := d.detect(t.Context(), a, []snaptrade.Order{sale}); err != nil {
		t.Fatal(err)
	}
	var orders, held int
	if err := s.db.Pool().QueryRow(t.Context(), `select (select count(*) from orders), bought - sold from positions`).Scan(&orders, &held); err != nil {
		t.Fatal(err)
	}
	if orders != 1 || held != 4 {
		t.Errorf("%d orders, %d held", orders, held)
	}
}
