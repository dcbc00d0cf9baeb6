package orders

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
)

// A sorted view, read page by page in either direction, gives every order once and in
// order; history goes by what it has an index for.
func TestASortedViewGivesEveryOrderOnce(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	d := &Desk{db: s.db, clock: exchange.NewClock(time.Now)}
	for i := range 10 {
		s.must(`insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type,
				time_in_force, source, state, cum, trading_day, send_before, created_at)
			values ($1, $2, $3, $4, $5, 'AAPL', 100, $6, 'Market', 'Day', 'manual', 'filled', $6, $7, now(), now() - $8 * interval '1 minute')`,
			s.user, s.account, s.position, []string{"BTO", "STC"}[i%2], fmt.Sprintf("AAPL  270115C00%03d000", 200+i%3), 1+i%4, d.clock.Today(), (i*3)%10)
	}
	s.must(`update orders set trading_day = trading_day - 1 where quantity < 3`)
	of := func(by Sort, o Order) string { return fmt.Sprintf("%40s", sortKeys[by].of(o)) }
	for view, by := range map[string][]Sort{"today": {ByTime, ByContract, BySide, ByQuantity, ByState}, "history": {ByTime, ByContract}} {
		for _, by := range by {
			for _, down := range []bool{false, true} {
				seen, got := map[uuid.UUID]bool{}, []Order{}
				q := Sorted{View: view, By: by, Down: down, Limit: 2}
				for range 10 {
					page, next, err := d.Sorted(t.Context(), s.user, q)
					if err != nil {
						t.Fatal(err)
					}
					for _, o := range page {
						seen[o.ID] = true
					}
					got = append(got, page...)
					if q.After = next; next == nil {
						break
					}
				}
				inOrder := slices.IsSortedFunc(got, func(x, y Order) int {
					if by == ByTime {
						return x.CreatedAt.Compare(y.CreatedAt) * map[bool]int{false: 1, true: -1}[down]
					}
					return strings.Compare(of(by, x), of(by, y)) * map[bool]int{false: 1, true: -1}[down]
				})
				if want := map[string]int{"today": 4, "history": 6}[view]; len(got) != want || len(seen) != want || !inOrder {
					t.Errorf("%s by %s, down %v: %d orders, %d of them different, in order %v", view, by, down, len(got), len(seen), inOrder)
				}
			}
		}
	}
	for name, q := range map[string]Sorted{
		"no column": {View: "today", By: "notes", Limit: 3}, "no index": {View: "history", By: ByState, Limit: 3},
		"no place": {View: "today", By: ByQuantity, Limit: 3, After: &Place{Key: "many"}},
	} {
		if _, _, err := d.Sorted(t.Context(), s.user, q); fault.Of(err).Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %v", name, err)
		}
	}
}
