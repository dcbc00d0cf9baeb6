package copytrade

import (
	"strconv"
	"testing"

	"github.com/alertsify/alertsify/internal/market"
)

// More contracts than are read at once are watched all the same.
func TestEveryContractIsWatched(t *testing.T) {
	t.Parallel()
	f := open(t)
	w := f.guarded("ben", 1)
	for _, code := range []string{"P00150000", "C00210000", "P00160000"} {
		position := read[string](f, `
			insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, bought, source, cost_bought, remaining_cost)
			values ($1, $2, $3, 'AAPL', case when $3 like '%P0%' then 'put' else 'call' end, 150, '`+expiryDate+`', 100, 1, 'copy', 350, 350) returning id::text`,
			w.id, w.account, symbol[:12]+code)
		f.exec(`insert into copy_holdings (subscription_id, position_id, user_id, bought, remaining_cost) values ($1, $2, $3, 1, 350)`, w.subscription, position, w.id)
	}
	for _, page := range []int{1, 2, 3, 4, 5} {
		reader := &watch{copier: f.copier, page: page, bounds: map[string]bounds{}}
		if _, err := reader.reload(f.ctx); err != nil || len(reader.bounds) != 4 {
			t.Errorf("%d at once: %d watched, %v", page, len(reader.bounds), err)
		}
	}
}

// What is quiet beyond what a round reads is told to operators.
func TestMoreQuietContractsThanARoundReadsAreTold(t *testing.T) {
	t.Parallel()
	f := open(t)
	told := 0
	f.copier.count = func(string) { told++ }
	w := &watch{copier: f.copier, page: watchPage, bounds: map[string]bounds{}}
	for i := range readMost * market.QuotesMax {
		w.bounds[strconv.Itoa(i)] = bounds{}
	}
	f.must(w.readQuiet(f.ctx))
	if told != 0 {
		t.Error("told though all were read")
	}
	w.bounds["one more"] = bounds{}
	f.must(w.readQuiet(f.ctx))
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
