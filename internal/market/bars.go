package market

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/redis"
)

// Bar is what a contract cost over a while, per share. At is when it began, by the
// market's clock.
type Bar struct {
	At     time.Time   `json:"t"`
	Open   money.Price `json:"o"`
	High   money.Price `json:"h"`
	Low    money.Price `json:"l"`
	Close  money.Price `json:"c"`
	Volume int64       `json:"v"` // contracts
}

// Frame is how long a bar is.
type Frame string

// The frames of charts.
const (
	FiveMinutes Frame = "5Min"
	HalfHours   Frame = "30Min"
	Days        Frame = "1Day"
)

const (
	barsMax  = 2000             // of one chart
	barsAge  = 30 * time.Second // of a chart whose last bar still grows
	pastAge  = time.Hour        // of one that is over
	barDelay = 20 * time.Minute // a plan without OPRA may not ask for the last quarter of an hour, and refuses an end within it
	noneAge  = 10 * time.Minute // how long a contract counts as not traded on a past day
)

// Bars gives what a contract cost on the trading days from one to another, oldest
// first, at most 2,000 bars; what nobody traded has none.
func (m *Market) Bars(ctx context.Context, symbol string, frame Frame, from, to exchange.Date) ([]Bar, error) {
	if err := m.Off(); err != nil {
		return nil, err
	}
	padded, err := padAll([]string{symbol})
	if err != nil {
		return nil, err
	}
	if to.Before(from) {
		return nil, fault.Field("to", "must not be before the first day")
	}
	age := pastAge
	if !to.Before(m.clock.Today()) {
		age = barsAge
	}
	key := strings.Join([]string{"market:bars", compact(padded[0]), string(frame), from.String(), to.String()}, ":")
	return redis.Cached(ctx, m.cache, key, age, func(ctx context.Context) ([]Bar, error) {
		bars, err := m.alpaca.bars(ctx, padded, frame, from, m.endOf(to))
		if err != nil {
			return nil, away("read the history of "+padded[0], err)
		}
		return bars[padded[0]], nil
	})
}

// endOf is the end of a day; zero, which is as far as we may ask, while it is not over for long.
func (m *Market) endOf(day exchange.Date) time.Time {
	end := day.AddDays(1).At(0, 0)
	if end.After(m.clock.Now().Add(-barDelay)) {
		return time.Time{}
	}
	return end.Add(-time.Second)
}

// Closes gives the price of each contract's last trade on a past day; those nobody
// traded then are left out. They do not change any more, so each is read once a day.
func (m *Market) Closes(ctx context.Context, symbols []string, day exchange.Date) (map[string]money.Price, error) {
	if err := m.Off(); err != nil {
		return nil, err
	}
	if !day.Before(m.clock.Today()) {
		return nil, fault.Field("day", "must be over")
	}
	padded, err := padAll(symbols)
	if err != nil {
		return nil, err
	}
	missing := m.closes.missing(day, padded, time.Now())
	if len(missing) > 0 {
		read := m.closes.flight.DoChan(day.String()+strings.Join(missing, ","), func() (any, error) {
			m.work.Add(1)
			defer m.work.Done()
			return nil, m.readCloses(missing, day)
		})
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case done := <-read:
			if done.Err != nil {
				return nil, away("read closing prices", done.Err)
			}
		}
	}
	return m.closes.of(day, padded), nil
}

// readCloses does not end with the request that began it: others wait for the same.
func (m *Market) readCloses(symbols []string, day exchange.Date) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	bars, err := m.alpaca.bars(ctx, symbols, Days, day, m.endOf(day))
	if err != nil {
		return err
	}
	m.closes.keep(day, symbols, bars, time.Now())
	return nil
}

// closes keeps the closing prices of one day.
type closes struct {
	flight singleflight.Group

	mu    sync.Mutex
	day   exchange.Date
	found map[string]keptClose // by padded symbol
}

type keptClose struct {
	price  *money.Price // nil: not traded on that day
	readAt time.Time
}

// missing are the contracts to be read, in order and each once.
func (c *closes) missing(day exchange.Date, symbols []string, now time.Time) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for _, symbol := range symbols {
		kept, known := c.found[symbol]
		if c.day != day || !known || (kept.price == nil && now.Sub(kept.readAt) > noneAge) {
			list = append(list, symbol)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (c *closes) keep(day exchange.Date, symbols []string, bars map[string][]Bar, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.day != day || len(c.found) > keptMax {
		c.day, c.found = day, map[string]keptClose{}
	}
	for _, symbol := range symbols {
		kept := keptClose{readAt: now}
		for _, b := range bars[symbol] {
			if exchange.TradingDay(b.At) == day {
				kept.price = &b.Close
			}
		}
		c.found[symbol] = kept
	}
}

func (c *closes) of(day exchange.Date, symbols []string) map[string]money.Price {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]money.Price{}
	for _, symbol := range symbols {
		if kept := c.found[symbol]; c.day == day && kept.price != nil {
			out[symbol] = *kept.price
		}
	}
	return out
}
