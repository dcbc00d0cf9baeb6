package positions

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
)

// A sorted list, read page by page in either direction, gives every row once and in
// order, equal values included.
func TestASortedListGivesEveryRowOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	for i := range 11 {
		r.exec(`insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source, status,
				bought, sold, realized, opened_at, closed_at, created_at)
			values ($1, $2, $3, 'AAPL', 'call', 200, $4::date, 100, 'manual', 'closed', 5, 5, $5::numeric, now(), now() - $6 * interval '1 hour', now() - $7 * interval '1 day')`,
			r.user, r.account, fmt.Sprintf("AAPL  270115C00%03d000", 200+i%4), fmt.Sprintf("2027-01-%02d", 10+i%3), fmt.Sprintf("%d.25", (i*7)%5-2), i%6, (i*5)%11)
	}
	for i := range 5 {
		r.exec(`insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source, bought, sold, opened_at)
			values ($1, $2, $3, 'AAPL', 'call', 200, '2027-01-15', 100, 'manual', 5, $4, now())`, r.user, r.account, fmt.Sprintf("AAPL  270115P00%03d000", 200+i), i%2)
	}
	other := r.id(`insert into users (username, name) values ('ben', 'Ben') returning id`)
	for _, list := range []struct {
		status string
		rows   int
		by     []Sort
	}{
		{"open", 5, []Sort{ByOpened, ByContract, ByExpiration, ByHeld}},
		{"closed", 11, []Sort{ByClosed, ByContract, ByProfit}},
	} {
		for _, by := range list.by {
			for _, down := range []bool{false, true} {
				seen, keys := map[uuid.UUID]bool{}, []Position{}
				q := Sorted{Status: list.status, By: by, Down: down, Limit: 3}
				for range 10 {
					page, next, err := New(r.db).Sorted(t.Context(), r.user, q)
					if err != nil {
						t.Fatal(err)
					}
					for _, p := range page {
						seen[p.ID] = true
					}
					keys = append(keys, page...)
					if q.After = next; next == nil {
						break
					}
				}
				inOrder := slices.IsSortedFunc(keys, func(x, y Position) int {
					if down {
						return -compareBy(by, x, y)
					}
					return compareBy(by, x, y)
				})
				if len(seen) != list.rows || len(keys) != list.rows || !inOrder {
					t.Errorf("%s by %s, down %v: %d rows, %d of them different, in order %v", list.status, by, down, len(keys), len(seen), inOrder)
				}
			}
		}
		if page, _, err := New(r.db).Sorted(t.Context(), other, Sorted{Status: list.status, By: ByContract, Limit: 3}); err != nil || len(page) != 0 {
			t.Errorf("somebody else sees %d of them, %v", len(page), err)
		}
	}
	for name, q := range map[string]Sorted{
		"no column": {Status: "open", By: "notes", Limit: 3}, "no index": {Status: "closed", By: ByHeld, Limit: 3}, "no place": {Status: "open", By: ByHeld, Limit: 3, After: &Place{Key: "many"}},
	} {
		if _, _, err := New(r.db).Sorted(t.Context(), r.user, q); fault.Of(err).Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func compareBy(by Sort, x, y Position) int {
	switch by {
	case ByOpened:
		return x.CreatedAt.Compare(y.CreatedAt)
	case ByClosed:
		return x.ClosedAt.Compare(*y.ClosedAt)
	case ByContract:
		return strings.Compare(x.Contract.Symbol, y.Contract.Symbol)
	case ByExpiration:
		return -x.Contract.Expiration.DaysUntil(y.Contract.Expiration)
	case ByProfit:
		return x.Ledger.Realized.Cmp(y.Ledger.Realized)
	}
	return x.Held() - y.Held()
}
