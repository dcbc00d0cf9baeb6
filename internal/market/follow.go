package market

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// FollowMax is how many contracts one page may follow.
const FollowMax = 100

// followEvery is the shortest time between two batches of one follower: people
// read no more than four changes a second.
const followEvery = 250 * time.Millisecond

// ErrStopped ended a Follower because the Market was closed.
var ErrStopped = errors.New("market data has stopped")

// Follower is one page's view of the quotes it shows. It is used by one goroutine.
type Follower struct {
	stream  *stream
	symbols []string
	next    time.Time // when the next batch may leave

	mu      sync.Mutex
	waiting map[string]Quote // the newest of each that the page has not seen
	ready   chan struct{}
}

// Follow begins to follow contracts by their OCC symbols, FollowMax at most: what
// is known of them comes at once, then what changes. The caller closes it. Errors:
// ErrOff without market data, a fault for what is no symbol.
func (m *Market) Follow(symbols []string) (*Follower, error) {
	if err := m.Off(); err != nil {
		return nil, err
	}
	padded, err := padAll(symbols)
	if err != nil {
		return nil, err
	}
	slices.Sort(padded)
	padded = slices.Compact(padded)
	if len(padded) > FollowMax {
		return nil, fault.Field("symbols", fmt.Sprintf("Follow at most %d contracts at once.", FollowMax))
	}
	return m.stream.follow(padded), nil
}

// padAll brings symbols into their form of 21 characters.
func padAll(symbols []string) ([]string, error) {
	padded := make([]string, len(symbols))
	for i, symbol := range symbols {
		c, err := exchange.ParseSymbol(symbol)
		if err != nil {
			return nil, fault.Field("symbols", err.Error())
		}
		padded[i] = c.Symbol
	}
	return padded, nil
}

// Next waits for quotes that the page has not seen: the newest of each contract,
// in the order of their symbols, at most four batches a second. It ends with the
// context's error, or ErrStopped.
func (f *Follower) Next(ctx context.Context) ([]Quote, error) {
	pause := time.NewTimer(time.Until(f.next))
	defer pause.Stop()
	select { // what changes meanwhile comes along
	case <-pause.C:
	case <-ctx.Done():
	case <-f.stream.ctx.Done():
	}
	select {
	case <-f.ready:
	case <-ctx.Done():
	case <-f.stream.ctx.Done():
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case f.stream.ctx.Err() != nil:
		return nil, ErrStopped
	}
	f.next = time.Now().Add(followEvery)
	return f.take(), nil
}

func (f *Follower) take() []Quote {
	f.mu.Lock()
	defer f.mu.Unlock()
	quotes := make([]Quote, 0, len(f.waiting))
	for _, q := range f.waiting {
		quotes = append(quotes, q)
	}
	clear(f.waiting)
	slices.SortFunc(quotes, func(x, y Quote) int { return strings.Compare(x.Symbol, y.Symbol) })
	return quotes
}

// offer replaces what the page has not seen yet, so that a slow page is late but
// never behind, and holds nobody up.
func (f *Follower) offer(q Quote) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting[q.Symbol] = q
	ring(f.ready)
}

// Close stops following.
func (f *Follower) Close() { f.stream.leave(f) }

// same reports whether two quotes say the same.
func same(x, y Quote) bool {
	return x.At.Equal(y.At) && equal(x.Bid, y.Bid) && equal(x.Ask, y.Ask) && equal(x.Last, y.Last)
}

func equal(x, y *money.Price) bool {
	if x == nil || y == nil {
		return x == y
	}
	return x.Equal(y.Decimal)
}
