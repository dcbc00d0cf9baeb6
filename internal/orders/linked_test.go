package orders

import (
	"testing"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/snaptrade"
)

// An ended order of which a list has two rows is not over while one of them tells of
// more than is known to have filled (T13), whichever comes first.
func TestAnOrderListedTwiceIsOverWhenBothOfItsRowsAre(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	b.limitOrder(BTO, 5, 2)
	b.must(`update orders set state = 'cancelled', finished_at = now()`)
	for _, c := range []struct {
		filled [2]int64
		over   bool
	}{{[2]int64{2, 2}, true}, {[2]int64{2, 1}, true}, {[2]int64{2, 5}, false}, {[2]int64{5, 2}, false}} {
		var list []snaptrade.Order
		for _, n := range c.filled {
			l, filled := successor("first", 5, "3.40"), decimal.NewFromInt(n)
			l.Filled, l.AveragePrice = &filled, &filled
			list = append(list, l)
		}
		if over, err := b.desk.over(t.Context(), b.account, list); err != nil || over["first"] != c.over {
			t.Errorf("filled %v: over %v, %v; want %v", c.filled, over, err, c.over)
		}
	}
}
