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
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
)

var symbol = "AAPL  " + expiryCode + "C00200000"

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
		HTTP: &http.Client{Transport: s.calls, Timeout: 30 * time.Second},
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
	answer, err := http.Post(s.url+path, "application/json", bytes.NewReader(raw))
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
