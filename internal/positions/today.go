package positions

import (
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
)

// Traded is what of a position filled since a day began.
type Traded struct {
	Bought, Sold   int             // contracts
	Paid, Received decimal.Decimal // price × contracts, per share, before fees
	Fees           decimal.Decimal // dollars, those known so far
}

// Made is what the position won or lost since the day began: what is held is worth
// its mark, what was held overnight began at the close of the trading day before, and
// what was bought or sold since counts at its fill, less fees. So what was sold today
// counts as well. Nil when the mark or, for what was held overnight, that close is not
// known, and for what nobody told a price of.
func (p Position) Made(since Traded, yesterday *money.Price) *money.Amount {
	overnight := p.Held() - since.Bought + since.Sold
	switch {
	case p.Status != Open || p.Missing > 0 || overnight < 0,
		p.Held() > 0 && p.Mark == nil,
		overnight > 0 && yesterday == nil:
		return nil
	}
	perShare := since.Received.Sub(since.Paid)
	if p.Held() > 0 {
		perShare = perShare.Add(p.Mark.Mul(decimal.NewFromInt(int64(p.Held()))))
	}
	if overnight > 0 {
		perShare = perShare.Sub(yesterday.Mul(decimal.NewFromInt(int64(overnight))))
	}
	made := perShare.Mul(decimal.NewFromInt(int64(p.Contract.Multiplier))).Sub(since.Fees)
	return &money.Amount{Decimal: made}
}
