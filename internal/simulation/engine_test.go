package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/redis"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

const (
	clientID    = "simulation"
	consumerKey = "simulated-consumer-key"
	appURL      = "https://app.example"
)

// engine is one process's rooms: what a crash takes away.
type engine struct {
	broker   *snaptrade.Client
	quotes   *market.Market
	accounts *brokers.Accounts
	desk     *orders.Desk
	copier   *copytrade.Copier
	inbox    *inbox.Inbox
	hooks    http.Handler
}

func (s *simulation) openEngine() {
	s.t.Helper()
	var err error
	s.ring, err = secret.ParseRing(secret.NewKey("k1"))
	s.must(err)
	s.cache, err = redis.Open(s.ctx, redis.Options{InProcess: true})
	s.must(err)
	s.t.Cleanup(func() { _ = s.cache.Close() })
	s.engine, err = s.newEngine()
	s.must(err)
	s.t.Cleanup(func() { s.engine.close() })
}

// newEngine puts the rooms together as the program does.
func (s *simulation) newEngine() (*engine, error) {
	log := slog.New(slog.NewTextHandler(&s.warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))
	e := &engine{}
	queue, err := postgres.NewQueue(s.db)
	if err != nil {
		return nil, err
	}
	gate, err := billing.New(billing.Options{DefaultPlan: billing.PlanTrader})
	if err != nil {
		return nil, err
	}
	key := []secret.Text{secret.New(consumerKey)}
	e.broker, err = snaptrade.New(snaptrade.Config{BaseURL: s.wire.URL + "/snaptrade", ClientID: clientID, ConsumerKeys: key, Now: s.time.Now, Logger: log})
	if err != nil {
		return nil, err
	}
	e.quotes = market.New(market.Options{
		BaseURL: "http://127.0.0.1/alpaca", Key: "key", Secret: secret.New("secret"), Cache: s.cache, DB: s.db, Clock: s.market,
		HTTP: &http.Client{Transport: inProcess{s.world.Handler()}}, Logger: log, Now: s.time.Now, Hurry: true,
	})
	announcer := alerts.New(alerts.Options{DB: s.db, AppURL: appURL, Now: s.time.Now, Logger: log})
	e.accounts, err = brokers.New(brokers.Options{DB: s.db, Client: e.broker, Ring: s.ring, Alerts: announcer, AppURL: appURL, Now: s.time.Now, Logger: log})
	if err != nil {
		return nil, err
	}
	rules := risk.New(s.db, s.market, s.limits(), s.time.Now)
	e.desk = orders.New(orders.Options{
		DB: s.db, Queue: queue, Rules: rules, Accounts: e.accounts, Market: e.quotes, Broker: e.broker, Alerts: announcer,
		Gate: gate, Clock: s.market, Now: s.time.Now, Logger: log, Crash: s.crash, NewID: s.newID,
	})
	e.copier = copytrade.New(copytrade.Options{
		DB: s.db, Queue: queue, Desk: e.desk, Rules: rules, Market: e.quotes, Alerts: announcer, Gate: gate, Clock: s.market, Now: s.time.Now, Logger: log,
		Crash: s.crash, Random: s.random,
	})
	e.inbox = inbox.New(inbox.Options{DB: s.db, Logger: log})
	e.hooks = httpio.Handler(hooks.New(hooks.Options{Inbox: e.inbox, Snaptrade: e.broker, Crash: s.crash}).Snaptrade)
	return e, nil
}

func (e *engine) close() {
	e.inbox.Close()
	e.quotes.Close()
	e.broker.Close()
}

// limits are the program's own but for those a day's trading of a hundred people
// would use up: these few trade for all of them. With three answers in ten lost the
// breakers would keep copies off all day, so most worlds go without.
func (s *simulation) limits() risk.Limits {
	l := risk.Defaults()
	if s.seed%4 != 0 {
		l.Breakers = risk.Breakers{}
	}
	l.EntriesPerMinute, l.ExitsPerMinute = 30, 90
	l.DayPremium, l.DayCopyPremium = money.MustAmount("5000000"), money.MustAmount("5000000")
	return l
}

// inProcess answers requests without a network: market data is no part of what is
// put to the test.
type inProcess struct{ handler http.Handler }

// RoundTrip lets the handler answer.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	p.handler.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// control tells the sandbox something through its own door.
func (s *simulation) control(path string, body any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	s.must(err)
	request := httptest.NewRequestWithContext(s.ctx, http.MethodPost, "http://127.0.0.1"+path, bytes.NewReader(text))
	answer := httptest.NewRecorder()
	s.world.Handler().ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, answer.Code, answer.Body)
	}
}

// crashed is what the end of a process looks like from outside.
type crashed struct{ point string }

// Error names the point.
func (c crashed) Error() string { return "the process died at " + c.point }

// crash ends the process at a named point now and then.
func (s *simulation) crash(point string) {
	s.time.Now() // what happened on the wire is seen here
	if s.script.diesAt(point) || !s.calm && s.dice.permille(6) {
		s.tally.crashes[point]++
		if len(s.sight.looks) > 0 { // its place is taken until its claim has passed
			s.sight.kept("", s.time.Now())
		}
		panic(crashed{point})
	}
}

// claimsLast is when the last claim of a process that died has run out: an order's, its
// deadline and five seconds (a look's is shorter).
const claimsLast = 50 * time.Second

// call lets the engine do something, as one process of several: it may die in it.
// Its memory is then gone, and the next process begins with a sweep; what the dead one
// had claimed is free only later, and by night it is long until somebody sweeps by
// himself. Afterwards everything it committed is seen.
func (s *simulation) call(name string, do func(ctx context.Context) error) error {
	began := s.time.Now()
	if err := s.time.show(s.ctx); err != nil {
		return err
	}
	err := s.mortal(do)
	var died crashed
	if errors.As(err, &died) {
		s.in(s.dice.between(time.Second, 5*time.Second), "rise and sweep", s.sweep)
		s.in(s.dice.between(claimsLast, claimsLast+20*time.Second), "sweep what was claimed", s.sweep)
	}
	if seen := s.observe(began); seen != nil {
		return fmt.Errorf("after %s: %w", name, seen)
	}
	return err
}

func (s *simulation) mortal(do func(ctx context.Context) error) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		died, planned := p.(crashed)
		if !planned {
			panic(p)
		}
		err = died
		fresh, failed := s.newEngine()
		if failed != nil {
			err = fmt.Errorf("rise: %w", failed)
			return
		}
		s.engine.close()
		s.engine = fresh
	}()
	defer s.time.Now() // what happened on the wire is seen from here on
	return do(timeless{s.ctx})
}
