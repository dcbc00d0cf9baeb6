package main

import (
	"strings"
	"testing"
)

// The broker calls an order executed and never says how much or at what price: it
// is no fill until the account's holdings show it, and the reckoned price is up for
// review, of which an operator hears.
func TestExecutedWithoutQuantityOrPriceWaitsForTheHoldings(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	o := s.working("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.40")
	s.fails("ava", "recentOrders", "null_fill", "count", 0)
	s.fails("ava", "orders/details", "null_fill", "count", 0)
	s.fillBy(o.BrokerOrderID, 4, "3.40")
	s.hurried("the holdings confirm it", func() bool { return s.order("ava", o.ID).State == "filled" })
	now := s.replaced("ava", o.ID)
	if now.FilledQuantity != 4 || *now.AveragePrice != "3.40" || now.ReviewReason == nil || !strings.Contains(*now.ReviewReason, "holds") {
		t.Errorf("the order is %+v", now)
	}
	s.holds("ava", 4, 0)
	s.eventually("an operator hears of it", func() bool {
		return s.text(`select count(*)::text from notifications n join users u on u.id = n.user_id where u.role = 'admin' and n.title = 'An order needs a look'`) == "1"
	})
}

// INV-10: an order of which nobody knows the fate at the next close raises an alarm, once.
func TestAnOrderUnresolvedAtTheCloseRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	s := openAlone(t)
	s.fails("ava", placing, "drop_before")
	id := s.place("ava", buyFour)
	s.reaches("ava", id, "unknown")
	s.exec(`update orders set sent_at = sent_at - interval '2 days', deadline = deadline - interval '2 days' where id = $1`, id)
	s.eventually("it is up for review", func() bool {
		o := s.replaced("ava", id)
		return o.ReviewReason != nil && strings.Contains(*o.ReviewReason, "market has closed")
	})
	s.eventually("an operator hears of it", func() bool {
		return s.text(`select count(*)::text from notifications n join users u on u.id = n.user_id where u.role = 'admin' and n.title = 'An order needs a look'`) == "1"
	})
}
