package market

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Symbol is an underlying with options.
type Symbol struct {
	Symbol string `json:"symbol"`
	Name   string `json:"name"`
}

const (
	symbolsMax  = 20
	assetsAge   = 6 * time.Hour
	assetsRetry = time.Minute
)

// assets keeps the list of all underlyings in the process: it is the same for
// everybody, changes daily, and is searched at every keystroke.
type assets struct {
	reading chan struct{} // holds the one who reads
	mu      sync.Mutex
	kept    []Symbol
	until   time.Time
}

// Symbols searches underlyings by ticker and name, best first: the ticker itself,
// tickers that begin so, names with a word that begins so. At most 20.
func (m *Market) Symbols(ctx context.Context, query string) ([]Symbol, error) {
	if err := m.Off(); err != nil {
		return nil, err
	}
	query = strings.ToUpper(strings.TrimSpace(query))
	if query == "" {
		return []Symbol{}, nil
	}
	all, err := m.allSymbols(ctx)
	if err != nil {
		return nil, err
	}
	found := search(all, query)
	if len(found) == 0 { // indexes are no assets but have options
		return m.exact(ctx, query)
	}
	return found, nil
}

// exact finds what is not in the list but has options under just this ticker.
func (m *Market) exact(ctx context.Context, query string) ([]Symbol, error) {
	if !tickerForm.MatchString(query) {
		return []Symbol{}, nil
	}
	days, err := m.Expirations(ctx, query)
	if err != nil || len(days) == 0 {
		return []Symbol{}, err
	}
	return []Symbol{{Symbol: query, Name: query}}, nil
}

func search(all []Symbol, query string) []Symbol {
	ranked := [3][]Symbol{}
	for _, s := range all {
		switch {
		case s.Symbol == query:
			ranked[0] = append(ranked[0], s)
		case strings.HasPrefix(s.Symbol, query):
			ranked[1] = append(ranked[1], s)
		case strings.Contains(" "+strings.ToUpper(s.Name), " "+query):
			ranked[2] = append(ranked[2], s)
		}
	}
	found := []Symbol{}
	for _, rank := range ranked {
		found = append(found, rank...)
	}
	return found[:min(len(found), symbolsMax)]
}

// allSymbols gives the kept list; an old one serves while a fresh one cannot be
// had. One at a time reads it; the others wait and find it read.
func (m *Market) allSymbols(ctx context.Context) ([]Symbol, error) {
	if kept, fresh := m.assets.current(); fresh {
		return kept, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case m.assets.reading <- struct{}{}:
	}
	defer func() { <-m.assets.reading }()
	kept, fresh := m.assets.current()
	if fresh {
		return kept, nil
	}
	all, err := m.alpaca.optionable(ctx)
	if statusOf(err) == http.StatusNotFound { // a key without the trading API: exact tickers still work
		all, err = []Symbol{}, nil
	}
	if err != nil && kept == nil {
		return nil, away("list underlyings", err)
	}
	return m.assets.keep(all, err), nil
}

func (a *assets) current() (kept []Symbol, fresh bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.kept, a.kept != nil && time.Now().Before(a.until)
}

// keep notes a reading; after a failed one the old list stands a while longer.
func (a *assets) keep(all []Symbol, err error) []Symbol {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.until = time.Now().Add(assetsRetry)
		return a.kept
	}
	a.kept, a.until = all, time.Now().Add(assetsAge)
	return all
}
