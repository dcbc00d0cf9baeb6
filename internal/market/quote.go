package market

import (
	"context"
	"fmt"
	"strings"
	"sync"
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

const (
	quoteAge  = time.Second           // how long a read quote answers others
	batchWait = 10 * time.Millisecond // how long the first waits for others to ask together
	loadTime  = 8 * time.Second
	keptMax   = 20_000 // quotes; beyond it old ones are dropped
)

// board keeps the latest quotes of this process and reads missing ones together:
// many people watching many contracts become one call in flight, not one each. It
// is not in Redis, because at this age a trip there costs as much as it saves.
type board struct {
	load func(ctx context.Context, symbols []string) (map[string]Quote, error)
	work *sync.WaitGroup
	now  func() time.Time
	wait time.Duration

	mu   sync.Mutex
	kept map[string]keptQuote
	next *batch // collecting, not sent yet
}

type keptQuote struct {
	quote  Quote
	quoted bool // false: known to have none
	readAt time.Time
}

// batch is one read for several askers.
type batch struct {
	symbols []string
	wanted  map[string]bool
	done    chan struct{}
	err     error // read after done
}

func (b *board) quotes(ctx context.Context, symbols []string) (map[string]Quote, error) {
	waitFor := b.join(symbols)
	if waitFor != nil {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-waitFor.done:
		}
		if waitFor.err != nil {
			return nil, waitFor.err
		}
	}
	found := make(map[string]Quote, len(symbols))
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, symbol := range symbols {
		if k := b.kept[symbol]; k.quoted {
			found[symbol] = k.quote
		}
	}
	return found, nil
}

// join puts what is missing into the batch being collected; nil when nothing is.
func (b *board) join(symbols []string) *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now() // how long ago we read is real time, whatever the market's clock says
	var missing []string
	for _, symbol := range symbols {
		if k, kept := b.kept[symbol]; !kept || now.Sub(k.readAt) >= quoteAge {
			missing = append(missing, symbol)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if b.next == nil {
		collecting := &batch{wanted: map[string]bool{}, done: make(chan struct{})}
		b.next = collecting
		b.work.Go(func() { b.run(collecting) })
	}
	for _, symbol := range missing {
		if !b.next.wanted[symbol] {
			b.next.wanted[symbol] = true
			b.next.symbols = append(b.next.symbols, symbol)
		}
	}
	return b.next
}

// run waits a moment for company, then reads for all. It does not end with the
// request that began it, because others wait for the same.
func (b *board) run(own *batch) {
	<-time.After(b.wait)
	b.mu.Lock()
	b.next = nil
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), loadTime)
	defer cancel()
	loaded, err := b.load(ctx, own.symbols)
	if err == nil {
		b.keep(own.symbols, loaded)
	}
	own.err = err
	close(own.done)
}

func (b *board) keep(symbols []string, loaded map[string]Quote) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if len(b.kept) > keptMax {
		clear(b.kept)
	}
	for _, symbol := range symbols {
		q, quoted := loaded[symbol]
		b.kept[symbol] = keptQuote{quote: q, quoted: quoted, readAt: now}
	}
}

// compact is the unpadded symbol Alpaca uses.
func compact(symbol string) string { return strings.ReplaceAll(symbol, " ", "") }
