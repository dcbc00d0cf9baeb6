package positions

import (
	"slices"
	"strings"
	"testing"
)

// §6: a position is open while contracts are held or any order on it is live, and
// stands in the list of its status, whatever is left of it.
func TestAPositionIsListedByItsStatus(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	put := func(name, symbol string, bought, sold int, order, status string) {
		p := r.openedIn(symbol)
		if bought > 0 {
			r.exec(`update positions set bought = $2::int, cost_bought = $2::int * 300, remaining_cost = $2::int * 300, notes = $3 where id = $1`, p.ID, bought, name)
		}
		if order != "" {
			r.order(p, "BTO", 1, order)
		}
		if sold > 0 {
			r.book(p.ID, false, sold, "3.00", nil)
		}
		if order != "" || sold > 0 {
			r.settle(p.ID)
		}
		if status != "" {
			r.exec(`update positions set status = $2 where id = $1`, p.ID, status)
		}
	}
	put("held", "AAPL  270115C00200000", 5, 0, "", "")
	put("sold in part", "AAPL  270115C00205000", 5, 3, "", "")
	put("sold, with a buy that rests", "AAPL  270115C00210000", 5, 5, "accepted", "")
	put("sold, with a buy on its way", "AAPL  270115C00215000", 5, 5, "queued", "")
	put("sold, with a buy that ended", "AAPL  270115C00220000", 5, 5, "cancelled", "")
	put("sold", "AAPL  270115C00225000", 5, 5, "", "")
	put("never filled", "AAPL  270115C00230000", 0, 0, "accepted", "")
	put("past its expiration", "AAPL  260116C00200000", 5, 0, "", "expiry_pending")
	put("expired", "AAPL  260116C00205000", 5, 5, "", "expired")
	for status, want := range map[string]string{
		"open":   "held, past its expiration, sold in part, sold, with a buy on its way, sold, with a buy that rests",
		"closed": "expired, sold, sold, with a buy that ended",
	} {
		page, _, err := New(r.db).Positions(t.Context(), r.user, Query{Status: status, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range page {
			names = append(names, p.Notes)
		}
		slices.Sort(names)
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("%s are %q, want %q", status, got, want)
		}
	}
}
