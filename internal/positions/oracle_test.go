package positions

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/shopspring/decimal"
)

// oracle is the arithmetic of correctness §6 a second time, in exact fractions
// and by other means: nothing in it is shared with Ledger.
type oracle struct {
	bought, sold                                             int64
	costBought, remaining, removed, proceeds, realized, fees *big.Rat
	ties                                                     int // roundings that lay exactly between two digits
}

func newOracle() *oracle {
	return &oracle{
		costBought: new(big.Rat), remaining: new(big.Rat), removed: new(big.Rat),
		proceeds: new(big.Rat), realized: new(big.Rat), fees: new(big.Rat),
	}
}

func (o *oracle) buy(quantity int64, notional, fees *big.Rat, multiplier int64) {
	cost := new(big.Rat).Mul(notional, big.NewRat(multiplier, 1))
	cost.Add(cost, fees)
	o.bought += quantity
	o.costBought.Add(o.costBought, cost)
	o.remaining.Add(o.remaining, cost)
	o.fees.Add(o.fees, fees)
}

// sell gives the cost removed and what was realised.
func (o *oracle) sell(quantity int64, notional, fees *big.Rat, multiplier int64) (cost, realized *big.Rat) {
	held := o.bought - o.sold
	cost = new(big.Rat).Set(o.remaining)
	if quantity < held {
		cost = o.halfEven(new(big.Rat).Mul(o.remaining, big.NewRat(quantity, held)))
	}
	got := new(big.Rat).Mul(notional, big.NewRat(multiplier, 1))
	realized = new(big.Rat).Sub(got, cost)
	realized.Sub(realized, fees)
	o.sold += quantity
	o.remaining.Sub(o.remaining, cost)
	o.removed.Add(o.removed, cost)
	o.proceeds.Add(o.proceeds, got)
	o.realized.Add(o.realized, realized)
	o.fees.Add(o.fees, fees)
	return cost, realized
}

// lateFee is a fee that became known after its fill: of a sell it lowers what was
// realised; of a buy the share of the contracts still held stays, the rest was realised.
func (o *oracle) lateFee(buy bool, fee *big.Rat) {
	o.fees.Add(o.fees, fee)
	gone := fee
	if buy {
		stays := o.halfEven(new(big.Rat).Mul(fee, big.NewRat(o.bought-o.sold, o.bought)))
		gone = new(big.Rat).Sub(fee, stays)
		o.costBought.Add(o.costBought, fee)
		o.remaining.Add(o.remaining, stays)
		o.removed.Add(o.removed, gone)
	}
	o.realized.Sub(o.realized, gone)
}

// halfEven is a fraction that is not negative rounded to 8 places: to the nearer
// one, from the middle to the even one.
func (o *oracle) halfEven(r *big.Rat) *big.Rat {
	unit := big.NewRat(100_000_000, 1)
	scaled := new(big.Rat).Mul(r, unit)
	down := new(big.Int).Div(scaled.Num(), scaled.Denom())
	rest := new(big.Rat).Sub(scaled, new(big.Rat).SetInt(down))
	switch rest.Cmp(big.NewRat(1, 2)) {
	case 1:
		down.Add(down, big.NewInt(1))
	case 0:
		o.ties++
		if down.Bit(0) == 1 {
			down.Add(down, big.NewInt(1))
		}
	}
	return new(big.Rat).Quo(new(big.Rat).SetInt(down), unit)
}

// differs names the first figure in which a ledger is not the oracle's.
func (o *oracle) differs(l Ledger) string {
	for _, c := range []struct {
		name string
		got  decimal.Decimal
		want *big.Rat
	}{
		{"cost bought", l.CostBought, o.costBought}, {"remaining cost", l.RemainingCost, o.remaining}, {"proceeds", l.Proceeds, o.proceeds},
		{"realised", l.Realized, o.realized}, {"fees", l.Fees, o.fees},
	} {
		if c.got.Rat().Cmp(c.want) != 0 {
			return fmt.Sprintf("%s %s, exactly %s", c.name, c.got, c.want.FloatString(12))
		}
	}
	if int64(l.Bought) != o.bought || int64(l.Sold) != o.sold {
		return fmt.Sprintf("%d bought and %d sold, not %d and %d", l.Bought, l.Sold, o.bought, o.sold)
	}
	if kept := new(big.Rat).Add(o.removed, o.remaining); kept.Cmp(o.costBought) != 0 { // INV-15, of the oracle too
		return "the oracle lost cost"
	}
	return ""
}

// INV-15, INV-16: over 100,000 random lives (a fifth of them under the race
// detector) the ledger is the exact arithmetic, rounded at each partial sell, to
// the last digit.
func TestTheLedgerIsTheExactArithmetic(t *testing.T) {
	t.Parallel()
	const seed = 3
	sells, ties := 0, 0
	for life := range uint64(histories) {
		s, n, err := playBoth(rand.New(rand.NewPCG(seed, life)))
		if err != "" {
			t.Fatalf("seed %d, life %d: %s", seed, life, err)
		}
		sells, ties = sells+s, ties+n
	}
	if sells < histories || ties < histories/1000 {
		t.Errorf("only %d sells and %d roundings in the middle: these lives prove little", sells, ties)
	}
}

// playBoth leads one life by the ledger and by the oracle. Premiums are as
// brokers report them: cents, averages of cents, and now and then all 8 places.
func playBoth(r *rand.Rand) (sells, ties int, difference string) {
	var l Ledger
	exact := newOracle()
	multiplier := [...]int{100, 100, 100, 10, 1}[r.IntN(5)]
	places := [...]int32{2, 4, 8}[r.IntN(3)]
	for range 2 + r.IntN(9) {
		if l.Bought > 0 && r.IntN(4) == 0 {
			buy, fee := l.Sold == 0 || r.IntN(2) == 0, decimal.New(1+r.Int64N(700), -[...]int32{2, 5, 8}[r.IntN(3)])
			l, _, _ = l.LateFee(buy, fee)
			exact.lateFee(buy, fee.Rat())
		}
		quantity := 1 + r.IntN(16)
		notional := decimal.New(r.Int64N(100_000_000), -places)
		fees := decimal.New(r.Int64N(700), -[...]int32{2, 5, 8}[r.IntN(3)])
		if held := l.Held(); held == 0 || r.IntN(5) < 2 {
			l = l.Buy(quantity, notional, fees, multiplier)
			exact.buy(int64(quantity), notional.Rat(), fees.Rat(), int64(multiplier))
		} else {
			sells++
			quantity = min(quantity, held)
			var cost, gain decimal.Decimal
			l, cost, gain = l.Sell(quantity, notional, fees, multiplier)
			wantCost, wantGain := exact.sell(int64(quantity), notional.Rat(), fees.Rat(), int64(multiplier))
			if cost.Rat().Cmp(wantCost) != 0 || gain.Rat().Cmp(wantGain) != 0 {
				return sells, exact.ties, fmt.Sprintf("a sell removed %s and realised %s, exactly %s and %s", cost, gain, wantCost.FloatString(12), wantGain.FloatString(12))
			}
		}
	}
	return sells, exact.ties, exact.differs(l)
}
