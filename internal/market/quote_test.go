package market

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
)

// Rule 13: what Alpaca sends as a float is the decimal it meant.
func TestAQuoteIsExact(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.pin(symbol, "3.40", "3.50", "3.45")
	q, err := s.market.Quote(s.ctx, symbol)
	if err != nil {
		t.Fatal(err)
	}
	if q.Symbol != symbol || q.Bid.String() != "3.40" || q.Ask.String() != "3.50" || q.Last.String() != "3.45" || q.Mark().String() != "3.45" {
		t.Errorf("quote %+v", q)
	}
	if !q.Fresh(s.market.Now()) || q.Fresh(q.At.Add(16*time.Second)) || !q.Fresh(q.At.Add(15*time.Second)) {
		t.Errorf("freshness of a quote of %v", q.At)
	}
	raw, err := json.Marshal(q)
	if err != nil || !strings.Contains(string(raw), `"bid":"3.40"`) {
		t.Errorf("JSON %s, %v", raw, err)
	}
}

func TestNobodyQuotesWhatIsNotListed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if _, err := s.market.Quote(s.ctx, "AAPL  "+expiryCode+"C00200001"); !errors.Is(err, ErrNoQuote) {
		t.Errorf("an unlisted contract: %v", err)
	}
	if _, err := s.market.Quote(s.ctx, "nonsense"); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("no contract at all: %v", err)
	}
	found, err := s.market.Quotes(s.ctx, []string{symbol, "AAPL  " + expiryCode + "C00200001"})
	if _, there := found[symbol]; err != nil || len(found) != 1 || !there {
		t.Errorf("%v, %v", found, err)
	}
	// Any spelling of a contract is the same contract.
	if q, err := s.market.Quote(s.ctx, "AAPL"+expiryCode+"C00200000"); err != nil || q.Symbol != symbol {
		t.Errorf("%+v, %v", q, err)
	}
}

// Many people watching the same contracts are one call, not one each.
func TestManyAskersShareOneCall(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	contracts := []string{symbol, "AAPL  " + expiryCode + "P00200000", "AAPL  " + expiryCode + "C00190000"}
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			<-start
			if _, err := s.market.Quote(s.ctx, contracts[i%3]); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
	if n := s.calls.of("/snapshots"); n > 3 {
		t.Errorf("60 askers made %d calls", n)
	}
}

// More than one call takes: every contract is asked for.
func TestALongListIsAskedInParts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	c, err := s.market.Chain(s.ctx, "SPY", s.expiration("SPY", 0), 0)
	if err != nil {
		t.Fatal(err)
	}
	var symbols []string
	for _, r := range c.Strikes {
		symbols = append(symbols, r.Call.Symbol, r.Put.Symbol)
	}
	symbols = symbols[:min(len(symbols), QuotesMax)]
	found, err := s.market.Quotes(s.ctx, symbols)
	if err != nil || len(found) != len(symbols) || len(symbols) <= symbolsPerCall {
		t.Errorf("%d of %d quotes, %v", len(found), len(symbols), err)
	}
	if _, err := s.market.Quotes(s.ctx, make([]string, QuotesMax+1)); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("too many: %v", err)
	}
}

func (s *stage) expiration(underlying string, i int) exchange.Date {
	s.t.Helper()
	days, err := s.market.Expirations(s.ctx, underlying)
	if err != nil || len(days) <= i {
		s.t.Fatalf("expirations %v, %v", days, err)
	}
	return days[i]
}

// A failed call is everybody's error and nobody's quote; the next ask tries again.
func TestAFailedCallIsNotKept(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.control("/_sandbox/faults", map[string]any{"target": "alpaca", "match": "snapshots", "mode": "error", "count": 1, "status": 500})
	_, err := s.market.Quote(s.ctx, symbol)
	if fault.CodeOf(err) != "unavailable" || !IsAway(err) {
		t.Errorf("%v", err)
	}
	if _, err := s.market.Quote(s.ctx, symbol); err != nil {
		t.Errorf("asked again: %v", err)
	}
}

func TestAnAskerWhoLeavesStopsNobody(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.control("/_sandbox/faults", map[string]any{"target": "alpaca", "match": "snapshots", "mode": "delay", "count": 1, "delayMs": 300})
	leaving, leave := context.WithCancel(s.ctx)
	left := make(chan error, 1)
	go func() {
		_, err := s.market.Quote(leaving, symbol)
		left <- err
	}()
	stays := make(chan error, 1)
	go func() {
		_, err := s.market.Quote(s.ctx, symbol)
		stays <- err
	}()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left: %v", err)
	}
	if err := <-stays; err != nil {
		t.Errorf("the one who stayed: %v", err)
	}
}

func TestWithoutKeysEveryAnswerSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	m := New(Options{Clock: exchange.NewClock(time.Now)})
	ctx := context.Background()
	_, err1 := m.Quote(ctx, symbol)
	_, err2 := m.Chain(ctx, "AAPL", exchange.MustDate(expiryDate), 0)
	_, err3 := m.Expirations(ctx, "AAPL")
	_, err4 := m.Listed(ctx, exchange.Contract{})
	_, err5 := m.Symbols(ctx, "A")
	_, err6 := m.Spot(ctx, "AAPL")
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		if !errors.Is(err, ErrOff) || IsAway(err) || fault.Of(err).Status != http.StatusServiceUnavailable ||
			!strings.Contains(fault.Of(err).Public, "ALPACA_API_KEY") {
			t.Errorf("answer %d: %v", i+1, err)
		}
	}
	m.Close()
}

func TestAWrongKeyIsAnOutageNotAQuote(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := s.open("guess")
	if _, err := m.Quote(s.ctx, symbol); fault.CodeOf(err) != "unavailable" || strings.Contains(err.Error(), "guess") {
		t.Errorf("%v", err)
	}
}

func TestSpotIsThePriceOfTheUnderlying(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	q, err := s.market.Spot(s.ctx, "AAPL")
	if err != nil || q.Last == nil || !q.Fresh(s.market.Now()) {
		t.Errorf("%+v, %v", q, err)
	}
	if _, err := s.market.Spot(s.ctx, "ZZZZ"); !errors.Is(err, ErrNoQuote) {
		t.Errorf("an unknown one: %v", err)
	}
}

func TestNoPriceIsNil(t *testing.T) {
	t.Parallel()
	zero := 0.0
	for _, f := range []float64{0, -1, zero / zero, 1 / zero} {
		if got := price(f); got != nil {
			t.Errorf("%v is %v", f, got)
		}
	}
	for f, want := range map[float64]string{0.1: "0.10", 3.45: "3.45", 1234.565: "1234.565", 0.01: "0.01", 5920: "5920.00"} {
		if got := price(f); got == nil || got.String() != want {
			t.Errorf("%v is %v, want %s", f, got, want)
		}
	}
}

// Alpaca's client would take a token it finds in the environment over our key.
//
//nolint:paralleltest // it changes the environment
func TestATokenInTheEnvironmentIsNotUsed(t *testing.T) {
	t.Setenv("APCA_API_OAUTH", "somebody-elses")
	s := newStage(t)
	s.calls.refuse = "Authorization"
	if _, err := s.market.Quote(s.ctx, symbol); err != nil {
		t.Errorf("%v", err)
	}
}
