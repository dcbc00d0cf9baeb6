package market

import (
	"context"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/redis"
)

// listed is one contract as the exchange lists it.
type listed struct {
	Multiplier   int    `json:"m"`
	OpenInterest *int64 `json:"o,omitempty"` // contracts, of the day before
}

// listing is the contracts of one expiration by OCC symbol.
type listing map[string]listed

// Expirations lists the days on which options of an underlying expire, from today
// on; empty when it has none.
func (m *Market) Expirations(ctx context.Context, underlying string) ([]exchange.Date, error) {
	if err := m.Off(); err != nil {
		return nil, err
	}
	name, err := ticker(underlying)
	if err != nil {
		return nil, err
	}
	today := m.clock.Today()
	key := "market:expirations:" + name + ":" + today.String()
	return redis.Cached(ctx, m.cache, key, listingAge, func(ctx context.Context) ([]exchange.Date, error) {
		days, err := m.alpaca.expirations(ctx, name, today)
		if err != nil {
			return nil, away("list expirations of "+name, err)
		}
		return days, nil
	})
}

// Listed reports whether the exchange lists the contract and it can be traded, with
// the multiplier we count with: a listing that delivers something else is another
// contract, whatever its name.
func (m *Market) Listed(ctx context.Context, c exchange.Contract) (bool, error) {
	if err := m.Off(); err != nil {
		return false, err
	}
	name, err := ticker(c.Underlying)
	if err != nil {
		return false, err
	}
	if l, there := m.lists.find(c.Symbol, time.Now()); there {
		return l.Multiplier == c.Multiplier, nil
	}
	for _, age := range []time.Duration{listingAge, relistAge} {
		known, err := m.listing(ctx, name, c.Expiration, age)
		if err != nil {
			return false, err
		}
		if l, there := known[c.Symbol]; there {
			m.lists.keep(c.Symbol, l, time.Now())
			return l.Multiplier == c.Multiplier, nil
		}
	}
	return false, nil
}

// lists are the contracts that this process found listed lately: to read and decode a
// whole listing again for each order costs more than the rest of its checks.
type lists struct {
	mu    sync.Mutex
	found map[string]foundListed // by OCC symbol
}

type foundListed struct {
	listed listed
	at     time.Time
}

func (l *lists) find(symbol string, now time.Time) (listed, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, there := l.found[symbol]
	return f.listed, there && now.Sub(f.at) < relistAge
}

func (l *lists) keep(symbol string, one listed, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.found == nil || len(l.found) > keptMax {
		l.found = map[string]foundListed{}
	}
	l.found[symbol] = foundListed{one, now}
}

// listing gives a kept listing of at most that age; each age keeps its own.
func (m *Market) listing(ctx context.Context, underlying string, expiration exchange.Date, age time.Duration) (listing, error) {
	key := "market:listing:" + age.String() + ":" + underlying + ":" + expiration.String()
	return redis.Cached(ctx, m.cache, key, age, func(ctx context.Context) (listing, error) {
		known, err := m.alpaca.listing(ctx, underlying, expiration)
		if err != nil {
			return nil, away("list contracts of "+underlying, err)
		}
		return known, nil
	})
}
