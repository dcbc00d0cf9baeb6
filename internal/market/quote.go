package market

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// Quote is what a contract costs, per share; nil where nobody bids, asks or has
// traded. At is when the exchange made it, by the market's clock.
type Quote struct {
	Symbol string       `json:"symbol"` // OCC, 21 characters; a ticker for an underlying
	Bid    *money.Price `json:"bid"`
	Ask    *money.Price `json:"ask"`
	Last   *money.Price `json:"last"`
	At     time.Time    `json:"at"`
}

// Mark is what a holding is worth: the middle of bid and ask, else the last price,
// else nil.
func (q Quote) Mark() *money.Price {
	if q.Bid == nil || q.Ask == nil {
		return q.Last
	}
	return &money.Price{Decimal: decimal.Avg(q.Bid.Decimal, q.Ask.Decimal)}
}

// Spread is ask less bid in percent of their middle; not valid without both.
func (q Quote) Spread() decimal.NullDecimal {
	if q.Bid == nil || q.Ask == nil {
		return decimal.NullDecimal{}
	}
	return money.Percent(q.Ask.Sub(q.Bid.Decimal), decimal.Avg(q.Bid.Decimal, q.Ask.Decimal))
}

// Quote gives the quote of one contract, at most a second after it was read;
// ErrNoQuote when there is none, ErrOff without market data.
func (m *Market) Quote(ctx context.Context, symbol string) (Quote, error) {
	found, err := m.Quotes(ctx, []string{symbol})
	if err != nil {
		return Quote{}, err
	}
	for _, q := range found {
		return q, nil
	}
	return Quote{}, fmt.Errorf("%w for %s", ErrNoQuote, symbol)
}

// QuotesMax is how many contracts one call may ask for.
const QuotesMax = 500

// Quotes gives the quotes of several contracts by their OCC symbol of 21
// characters; those nobody quotes are left out.
func (m *Market) Quotes(ctx context.Context, symbols []string) (map[string]Quote, error) {
	if err := m.Off(); err != nil {
		return nil, err
	}
	if len(symbols) > QuotesMax {
		return nil, fault.Field("symbols", fmt.Sprintf("Ask for at most %d contracts at once.", QuotesMax))
	}
	padded, err := padAll(symbols)
	if err != nil {
		return nil, err
	}
	found, err := m.board.quotes(ctx, padded)
	if err != nil {
		return nil, away("read quotes", err)
	}
	return found, nil
}

func (m *Market) loadQuotes(ctx context.Context, symbols []string) (map[string]Quote, error) {
	return m.alpaca.quotes(ctx, symbols)
}

// compact is the unpadded symbol Alpaca uses.
func compact(symbol string) string { return strings.ReplaceAll(symbol, " ", "") }
