package positions

import "github.com/shopspring/decimal"

// places is how many decimals of a dollar cost is kept to. Only the cost a
// partial sell removes is ever rounded, half-even.
const places = 8

// Ledger is the arithmetic of one position by average cost: contracts as
// integers, dollars exact. Everything in it is about contracts that really
// traded; reservations are not its business.
type Ledger struct {
	Bought, Sold  int
	CostBought    decimal.Decimal // paid for all contracts bought, buy fees included
	RemainingCost decimal.Decimal // the part of it still open
	Proceeds      decimal.Decimal // received for all contracts sold, before fees
	Realized      decimal.Decimal
	Fees          decimal.Decimal
}

// Leave removes quantity contracts, at most those held, that no order sold, and
// returns the cost that left with them. Nothing is realised: what they brought is
// for the caller to say.
func (l Ledger) Leave(quantity int) (after Ledger, costRemoved decimal.Decimal) {
	costRemoved = l.costOf(quantity)
	l.Sold += quantity
	l.RemainingCost = l.RemainingCost.Sub(costRemoved)
	return l, costRemoved
}

// Held is how many contracts are open.
func (l Ledger) Held() int { return l.Bought - l.Sold }

// Buy adds quantity contracts that cost notional (price per share × quantity)
// and fees dollars.
func (l Ledger) Buy(quantity int, notional, fees decimal.Decimal, multiplier int) Ledger {
	cost := dollars(notional, multiplier).Add(fees)
	l.Bought += quantity
	l.CostBought = l.CostBought.Add(cost)
	l.RemainingCost = l.RemainingCost.Add(cost)
	l.Fees = l.Fees.Add(fees)
	return l
}

// Sell removes quantity contracts, at most those held, and returns the cost
// that left with them and what the sale realised: proceeds - cost - fees. The
// last contract takes all the cost that remains, so that nothing is left over
// by rounding.
func (l Ledger) Sell(quantity int, notional, fees decimal.Decimal, multiplier int) (after Ledger, costRemoved, realized decimal.Decimal) {
	proceeds := dollars(notional, multiplier)
	l, costRemoved = l.Leave(quantity)
	realized = proceeds.Sub(costRemoved).Sub(fees)
	l.Proceeds = l.Proceeds.Add(proceeds)
	l.Realized = l.Realized.Add(realized)
	l.Fees = l.Fees.Add(fees)
	return l, costRemoved, realized
}

func (l Ledger) costOf(quantity int) decimal.Decimal {
	if quantity >= l.Held() {
		return l.RemainingCost
	}
	share := l.RemainingCost.Mul(decimal.NewFromInt(int64(quantity)))
	return divideHalfEven(share, int64(l.Held()))
}

// divideHalfEven is n ÷ d rounded once, half-even, to 8 places. Decimal's own
// Div rounds half away from zero, and rounding its longer answer again would
// round twice.
func divideHalfEven(n decimal.Decimal, d int64) decimal.Decimal {
	quotient, remainder := n.QuoRem(decimal.NewFromInt(d), places)
	twice := remainder.Abs().Mul(decimal.NewFromInt(2))
	unit := decimal.New(1, -places)
	half := unit.Mul(decimal.NewFromInt(d))
	up := twice.GreaterThan(half)
	if twice.Equal(half) {
		up = quotient.Div(unit).Mod(decimal.NewFromInt(2)).Abs().Equal(decimal.NewFromInt(1))
	}
	if !up {
		return quotient
	}
	if n.IsNegative() {
		return quotient.Sub(unit)
	}
	return quotient.Add(unit)
}

// dollars turns price per share × contracts into dollars.
func dollars(notional decimal.Decimal, multiplier int) decimal.Decimal {
	return notional.Mul(decimal.NewFromInt(int64(multiplier)))
}

// LateFee adds a fee that became known after its fill was booked. Of a buy it joins
// the cost as a fee known at once does: the part whose contracts are still held, by
// average, remains cost, rounded half-even; the rest left with contracts that were
// sold since, and lowers what they realised. Of a sell all of it does.
func (l Ledger) LateFee(buy bool, fee decimal.Decimal) (after Ledger, costRemoved, realized decimal.Decimal) {
	l.Fees = l.Fees.Add(fee)
	if !buy {
		l.Realized = l.Realized.Sub(fee)
		return l, decimal.Zero, fee.Neg()
	}
	kept := fee
	if held := l.Held(); held < l.Bought {
		kept = divideHalfEven(fee.Mul(decimal.NewFromInt(int64(held))), int64(l.Bought))
	}
	costRemoved = fee.Sub(kept)
	l.CostBought, l.RemainingCost = l.CostBought.Add(fee), l.RemainingCost.Add(kept)
	l.Realized = l.Realized.Sub(costRemoved)
	return l, costRemoved, costRemoved.Neg()
}
