package orders

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// A list is read while a placer books its answer: the order it then knows has its row,
// and the rest of the look goes on.
func TestALookGoesOnPastWhatItsPlacerBooksMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	b.limitOrder(BTO, 5, 0) // as "first", since the list was read
	price := decimal.RequireFromString("3.40")
	listed := func(id string) snaptrade.Order {
		return snaptrade.Order{
			ID: id, Option: true, Symbol: oneContract, Action: snaptrade.BuyToOpen, Total: contractsOf(5), LimitPrice: &price,
			Type: snaptrade.TypeLimit, Status: snaptrade.StatusPending, PlacedAt: time.Now(),
		}
	}
	a := brokers.Account{ID: b.account, UserID: b.user}
	if err := b.desk.detect(t.Context(), a, []snaptrade.Order{listed("first"), listed("in the app")}); err != nil {
		t.Errorf("the look ends early: %v", err)
	}
	if n := b.count(`select count(*) from orders`); n != 2 {
		t.Errorf("%d orders, want the placed one and the one of the app", n)
	}
	if n := b.count(`select count(*) from order_broker_ids where broker_order_id = 'in the app'`); n != 1 {
		t.Error("the one of the app is not linked")
	}
}
