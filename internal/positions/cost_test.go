package positions

import (
	"math/big"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

type step struct {
	side     string
	quantity int
	price    string
}

func play(steps []step) (l Ledger, realized []string) {
	for _, s := range steps {
		notional := decimal.RequireFromString(s.price).Mul(decimal.NewFromInt(int64(s.quantity)))
		if s.side == "buy" {
			l = l.Buy(s.quantity, notional, decimal.Zero, 100)
			continue
		}
		var gain decimal.Decimal
		l, _, gain = l.Sell(s.quantity, notional, decimal.Zero, 100)
		realized = append(realized, gain.StringFixed(2))
	}
	return l, realized
}

func TestProfitByAverageCost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps []step
		want  []string
	}{
		"all at once":         {[]step{{"buy", 10, "3.00"}, {"sell", 10, "4.50"}}, []string{"1500.00"}},
		"two buys":            {[]step{{"buy", 5, "3"}, {"buy", 5, "2"}, {"sell", 10, "3.50"}}, []string{"1000.00"}},
		"two sells":           {[]step{{"buy", 10, "3"}, {"sell", 4, "4"}, {"sell", 6, "5"}}, []string{"400.00", "1200.00"}},
		"half":                {[]step{{"buy", 10, "3"}, {"sell", 5, "4"}}, []string{"500.00"}},
		"a loss":              {[]step{{"buy", 1, "3"}, {"sell", 1, "1.25"}}, []string{"-175.00"}},
		"expired for nothing": {[]step{{"buy", 2, "3"}, {"sell", 2, "0"}}, []string{"-600.00"}},
	} {
		l, got := play(c.steps)
		if len(got) != len(c.want) {
			t.Fatalf("%s: %v", name, got)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: realised %v, want %v", name, got, c.want)
			}
		}
		if l.Held() == 0 && !l.RemainingCost.IsZero() {
			t.Errorf("%s: flat, yet %s of cost remains", name, l.RemainingCost)
		}
	}
}

// INV-15, against arithmetic that shares nothing with ours: whatever is bought
// and sold, the cost removed and the cost remaining are the cost bought, and
// each removal is the exact share rounded half-even to eight places.
func TestCostIsNeitherMadeNorLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var l Ledger
		removed, sellFees := decimal.Zero, decimal.Zero
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			quantity := rapid.IntRange(1, 20).Draw(t, "quantity")
			notional := decimal.New(rapid.Int64Range(0, 5_000_000).Draw(t, "notional"), -4)
			fees := decimal.New(rapid.Int64Range(0, 500).Draw(t, "fees"), -2)
			if l.Held() == 0 || rapid.Bool().Draw(t, "buy") {
				l = l.Buy(quantity, notional, fees, 100)
				continue
			}
			quantity = min(quantity, l.Held())
			want := exactShare(l, quantity)
			var cost decimal.Decimal
			l, cost, _ = l.Sell(quantity, notional, fees, 100)
			removed, sellFees = removed.Add(cost), sellFees.Add(fees)
			if cost.StringFixed(places) != want {
				t.Fatalf("removed %s, exactly %s", cost, want)
			}
		}
		if !removed.Add(l.RemainingCost).Equal(l.CostBought) {
			t.Fatalf("%s removed + %s remaining ≠ %s bought", removed, l.RemainingCost, l.CostBought)
		}
		if !l.Proceeds.Sub(removed).Sub(sellFees).Equal(l.Realized) {
			t.Fatalf("realised %s is not proceeds %s - cost %s - fees %s", l.Realized, l.Proceeds, removed, sellFees)
		}
	})
}

// exactShare is remaining × quantity ÷ held as a rational, rounded half-even.
func exactShare(l Ledger, quantity int) string {
	r, _ := new(big.Rat).SetString(l.RemainingCost.String())
	r.Mul(r, big.NewRat(int64(quantity), int64(l.Held())))
	r.Mul(r, big.NewRat(100_000_000, 1))
	whole, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	switch twice := rest.Lsh(rest, 1).Cmp(r.Denom()); {
	case twice > 0, twice == 0 && whole.Bit(0) == 1:
		whole.Add(whole, big.NewInt(1))
	}
	return decimal.NewFromBigInt(whole, -places).StringFixed(places)
}
