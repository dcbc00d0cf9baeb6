package market

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/shopspring/decimal"
)

const symbol = "AAPL  270115C00200000"

// stage is a Market asking the sandbox's Alpaca over real HTTP.
type stage struct {
	t      *testing.T
	ctx    context.Context
	market *Market
	clock  *exchange.Clock
	url    string
	calls  *counting
}

// counting counts calls by a part of their path, and refuses those with a header
// that must not be sent.
type counting struct {
	paths  sync.Map
	refuse string
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.refuse != "" && r.Header.Get(c.refuse) != "" {
		return nil, errors.New("the header " + c.refuse + " was sent")
	}
	n, _ := c.paths.LoadOrStore(r.URL.Path, new(atomic.Int64))
	n.(*atomic.Int64).Add(1) //nolint:forcetypeassert // nothing else is in there
	return http.DefaultTransport.RoundTrip(r)
}

func (c *counting) of(part string) (total int64) {
	c.paths.Range(func(path, n any) bool {
		if strings.Contains(path.(string), part) { //nolint:forcetypeassert // nothing else is in there
			total += n.(*atomic.Int64).Load() //nolint:forcetypeassert // as above
		}
		return true
	})
	return total
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, ctx: context.Background(), clock: exchange.NewClock(time.Now), calls: &counting{}}
	world, err := sandbox.Open(sandbox.Options{ClientID: "test", ConsumerKey: "ck", AlpacaKey: "AK", AlpacaSecret: "AS", Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- world.Serve(s.ctx) }()
	t.Cleanup(func() {
		if err := world.Close(s.ctx); err != nil {
			t.Errorf("close sandbox: %v", err)
		}
		<-served
	})
	s.url = world.URL()
	s.control("/_sandbox/market", map[string]any{"frozen": true})
	s.market = s.open("AS")
	return s
}

func (s *stage) open(key string) *Market {
	s.t.Helper()
	cache, err := redis.Open(s.ctx, redis.Options{InProcess: true})
	if err != nil {
		s.t.Fatal(err)
	}
	m := New(Options{
		BaseURL: s.url + "/alpaca", Key: "AK", Secret: secret.New(key), Cache: cache, Clock: s.clock,
		HTTP: &http.Client{Transport: s.calls, Timeout: 5 * time.Second},
	})
	s.t.Cleanup(func() {
		m.Close()
		if err := cache.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return m
}

func (s *stage) control(path string, body any) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.Post(s.url+path, "application/json", bytes.NewReader(raw)) //nolint:noctx // a test
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		s.t.Fatalf("%s: %d %s", path, answer.StatusCode, text)
	}
}

func (s *stage) pin(symbol, bid, ask, last string) {
	s.t.Helper()
	s.control("/_sandbox/market", map[string]any{"symbol": symbol, "bid": bid, "ask": ask, "last": last, "frozen": true})
}

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
	if _, err := s.market.Quote(s.ctx, "AAPL  270115C00200001"); !errors.Is(err, ErrNoQuote) {
		t.Errorf("an unlisted contract: %v", err)
	}
	if _, err := s.market.Quote(s.ctx, "nonsense"); fault.CodeOf(err) != "validation_failed" {
		t.Errorf("no contract at all: %v", err)
	}
	found, err := s.market.Quotes(s.ctx, []string{symbol, "AAPL  270115C00200001"})
	if _, there := found[symbol]; err != nil || len(found) != 1 || !there {
		t.Errorf("%v, %v", found, err)
	}
	// Any spelling of a contract is the same contract.
	if q, err := s.market.Quote(s.ctx, "AAPL270115C00200000"); err != nil || q.Symbol != symbol {
		t.Errorf("%+v, %v", q, err)
	}
}

// Many people watching the same contracts are one call, not one each.
func TestManyAskersShareOneCall(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	contracts := []string{symbol, "AAPL  270115P00200000", "AAPL  270115C00190000"}
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
	_, err2 := m.Chain(ctx, "AAPL", exchange.MustDate("2027-01-15"), 0)
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

func TestAChainIsALadderAroundTheMoney(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	day := exchange.MustDate("2027-01-15")
	whole, err := s.market.Chain(s.ctx, "aapl", day, 0)
	if err != nil {
		t.Fatal(err)
	}
	if whole.Underlying != "AAPL" || whole.Spot == nil || whole.ATM == nil || len(whole.Strikes) < 30 {
		t.Fatalf("chain of %d strikes, spot %v, at the money %v", len(whole.Strikes), whole.Spot, whole.ATM)
	}
	for i, r := range whole.Strikes {
		if r.Call == nil || r.Put == nil || r.Call.Ask == nil || r.Call.Greeks == nil || r.Call.Volume == nil || r.Call.OpenInterest == nil ||
			!r.Call.Strike.Equal(r.Strike) || r.Put.Type != exchange.Put {
			t.Fatalf("strike %s: call %+v, put %+v", r.Strike, r.Call, r.Put)
		}
		if i > 0 && !whole.Strikes[i-1].Strike.LessThan(r.Strike) {
			t.Fatalf("strike %s after %s", r.Strike, whole.Strikes[i-1].Strike)
		}
	}
	near, err := s.market.Chain(s.ctx, "AAPL", day, 3)
	if err != nil || len(near.Strikes) != 7 || !near.Strikes[3].Strike.Equal(*whole.ATM) {
		t.Errorf("%d strikes near %v, %v", len(near.Strikes), near.ATM, err)
	}
	if n := s.calls.of("/snapshots/AAPL"); n != 1 {
		t.Errorf("two looks within five seconds made %d calls", n)
	}
	if _, err := s.market.Chain(s.ctx, "AAPL", exchange.MustDate("2027-01-16"), 0); !errors.Is(err, fault.NotFound()) {
		t.Errorf("a day on which nothing expires: %v", err)
	}
	for _, name := range []string{"", "../v2/account", "AAPL/../X", "TOOLONGNAME"} {
		if _, err := s.market.Chain(s.ctx, name, day, 0); fault.CodeOf(err) != "validation_failed" {
			t.Errorf("underlying %q: %v", name, err)
		}
	}
}

// Without a price of the underlying, as for indexes, the deltas say where the money is.
func TestTheMoneyIsFoundWithoutASpot(t *testing.T) {
	t.Parallel()
	rung := func(strike int64, delta float64) Rung {
		return Rung{Strike: decimal.NewFromInt(strike), Call: &Option{Greeks: &Greeks{Delta: delta}}}
	}
	c := Chain{Strikes: []Rung{rung(90, 0.9), rung(95, 0.72), rung(100, 0.52), rung(105, 0.3), rung(110, 0.1)}}
	c.ATM = atTheMoney(c.Strikes, nil)
	if c.ATM == nil || c.ATM.IntPart() != 100 {
		t.Fatalf("at the money: %v", c.ATM)
	}
	for n, want := range map[int]int{0: 5, 1: 3, 2: 5, 9: 5} {
		if got := len(c.near(n).Strikes); got != want {
			t.Errorf("near %d: %d strikes, want %d", n, got, want)
		}
	}
	if got := atTheMoney(c.Strikes, &money.Price{Decimal: decimal.NewFromInt(92)}); got.IntPart() != 90 {
		t.Errorf("with a spot of 92: %v", got)
	}
	if got := atTheMoney([]Rung{{Strike: decimal.NewFromInt(1)}}, nil); got != nil {
		t.Errorf("with nothing to go by: %v", got)
	}
}

func TestExpirationsAreDaysFromTodayOn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	days, err := s.market.Expirations(s.ctx, "AAPL")
	if err != nil || len(days) < 8 {
		t.Fatalf("%v, %v", days, err)
	}
	for i, day := range days {
		if day.Before(s.clock.Today()) || (i > 0 && !days[i-1].Before(day)) {
			t.Errorf("%s in %v", day, days)
		}
	}
	if none, err := s.market.Expirations(s.ctx, "ZZZZ"); err != nil || len(none) != 0 {
		t.Errorf("an underlying without options: %v, %v", none, err)
	}
}

func TestAContractIsListedAsItIsOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	listed, err := exchange.ParseSymbol(symbol)
	if err != nil {
		t.Fatal(err)
	}
	odd, err := exchange.ParseSymbol("AAPL  270115C00200001")
	if err != nil {
		t.Fatal(err)
	}
	mini := listed
	mini.Multiplier = 10
	for _, tt := range []struct {
		name     string
		contract exchange.Contract
		want     bool
	}{{"listed", listed, true}, {"between the strikes", odd, false}, {"with another multiplier", mini, false}} {
		if got, err := s.market.Listed(s.ctx, tt.contract); err != nil || got != tt.want {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
	if n := s.calls.of("/v2/options/contracts"); n > 2 {
		t.Errorf("%d calls for one expiration", n)
	}
}

func TestSymbolsAreFoundByTickerThenByName(t *testing.T) {
	t.Parallel()
	all := []Symbol{{"AA", "Alcoa"}, {"AAPL", "Apple Inc."}, {"APLE", "Apple Hospitality"}, {"PINE", "Alpine Income"}, {"X", "Pineapple Energy"}}
	for query, want := range map[string]string{
		"AA": "AA,AAPL", "APPLE": "AAPL,APLE", "ALP": "PINE", "INC": "AAPL,PINE", "ZZ": "", "APLE": "APLE",
	} {
		var got []string
		for _, s := range search(all, query) {
			got = append(got, s.Symbol)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s finds %v, want %s", query, got, want)
		}
	}
}

// An index is no asset, yet it has options.
func TestATickerWithOptionsIsFoundThoughItIsNoAsset(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if got, err := s.market.Symbols(s.ctx, "spx"); err != nil || len(got) != 1 || got[0].Symbol != "SPX" {
		t.Errorf("%v, %v", got, err)
	}
	for _, query := range []string{"", "ZZZZ", "no such thing"} {
		if got, err := s.market.Symbols(s.ctx, query); err != nil || got == nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", query, got, err)
		}
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
