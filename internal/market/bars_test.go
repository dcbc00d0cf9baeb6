package market

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
)

// lastSession is the trading day before today.
func lastSession(c *exchange.Clock) exchange.Date {
	day := c.Today().AddDays(-1)
	for !exchange.IsTradingDay(day) {
		day = day.AddDays(-1)
	}
	return day
}

func TestTheHistoryOfAContract(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	day := lastSession(s.clock)
	bars, err := s.market.Bars(s.ctx, symbol, HalfHours, day, day)
	if err != nil || len(bars) == 0 {
		t.Fatalf("%d bars, %v", len(bars), err)
	}
	for i, b := range bars {
		if exchange.TradingDay(b.At) != day || b.Low.GreaterThan(b.Close.Decimal) || b.High.LessThan(b.Open.Decimal) || b.Volume < 1 {
			t.Errorf("bar %+v", b)
		}
		if i > 0 && !b.At.After(bars[i-1].At) {
			t.Errorf("bar of %s after that of %s", b.At, bars[i-1].At)
		}
	}
	for name, ask := range map[string]struct {
		symbol   string
		from, to exchange.Date
	}{
		"no contract": {"AAPL", day, day}, "backwards": {symbol, day, day.AddDays(-1)},
	} {
		if _, err := s.market.Bars(s.ctx, ask.symbol, Days, ask.from, ask.to); fault.Of(err).Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Options{}).Bars(s.ctx, symbol, Days, day, day); !errors.Is(err, ErrOff) {
		t.Errorf("without keys: %v", err)
	}
	if _, err := s.open("another").Bars(s.ctx, symbol, Days, day, day); !IsAway(err) {
		t.Errorf("with a key that is refused: %v", err)
	}
}

// However many ask, a day's history is read once while it is fresh.
func TestAHistoryIsReadOnceForAll(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	day := lastSession(s.clock)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.market.Bars(s.ctx, symbol, FiveMinutes, day, day); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.calls.of("/options/bars"); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// Yesterday's closes are read once; what nobody traded then, or what is not listed,
// has none, and a day that is not over has none yet.
func TestClosesOfThePastDay(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	day := lastSession(s.clock)
	days, err := s.market.Bars(s.ctx, symbol, Days, day, day)
	if err != nil || len(days) != 1 {
		t.Fatalf("%+v, %v", days, err)
	}
	before := s.calls.of("/options/bars")
	unlisted := "ZZZZ  " + expiryCode + "C00200000"
	for range 3 {
		closes, err := s.market.Closes(s.ctx, []string{symbol, unlisted}, day)
		if err != nil || len(closes) != 1 || !closes[symbol].Equal(days[0].Close.Decimal) {
			t.Fatalf("%v, %v, want only %s", closes, err, days[0].Close)
		}
	}
	if n := s.calls.of("/options/bars") - before; n != 1 {
		t.Errorf("%d calls", n)
	}
	if _, err := s.market.Closes(s.ctx, []string{symbol}, s.clock.Today()); fault.Of(err).Status != http.StatusUnprocessableEntity {
		t.Errorf("today: %v", err)
	}
	if closes, err := s.market.Closes(s.ctx, []string{symbol}, day.AddDays(-1)); err != nil {
		t.Errorf("the day before: %v, %v", closes, err)
	}
}
