package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/pgtest"
)

// show is the whole product on a stage of its own: a database of its own, the
// sandbox as every provider, the sample people, real HTTP.
type show struct {
	t      *testing.T
	stage  *stage
	app    *app.App
	url    string
	people map[string]uuid.UUID
	tokens map[string]string
	client *http.Client // how do calls

	options stageOptions
	end     func() // stops the program; the stage stays
}

// open raises a show for one test and takes it down with it.
func open(t *testing.T, settings ...string) *show {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("SHOW_LOG") != "" {
		log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	return openLogged(t, log, settings...)
}

// openLogged is open with a log of the test's own.
func openLogged(t *testing.T, log *slog.Logger, settings ...string) *show {
	t.Helper()
	env := map[string]string{"DATABASE_URL": pgtest.URL(t)}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		env[name] = value
	}
	o := stageOptions{Dir: t.TempDir(), Addr: "127.0.0.1:0", SandboxAddr: "127.0.0.1:0", Env: app.Map(env), Log: log}
	s, err := raise(t.Context(), o)
	if err != nil {
		t.Fatalf("raise the stage: %v", err)
	}
	a, err := s.program(t.Context(), o)
	if err != nil {
		s.strike()
		t.Fatalf("build the program: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	end := sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the program ended: %v", err)
		}
	})
	t.Cleanup(func() {
		end()
		a.Close()
		s.strike()
	})
	people, err := s.cast(t.Context(), a)
	if err != nil {
		t.Fatalf("make the sample people: %v", err)
	}
	connections := new(http.Transport) // its own: whoever ends a test server closes those of the default one
	t.Cleanup(connections.CloseIdleConnections)
	up := &show{t: t, stage: s, app: a, url: s.env["APP_URL"], people: people, tokens: map[string]string{}, client: &http.Client{Transport: connections}, options: o, end: end}
	t.Cleanup(up.examine) // before the program is taken down
	return up
}

// token is an access token of a sample person, made once.
func (s *show) token(user, scope string) string {
	s.t.Helper()
	key := user + "/" + scope
	if s.tokens[key] == "" {
		text, _, err := s.app.Guard().MakeToken(s.t.Context(), s.people[user], "test", scope)
		if err != nil {
			s.t.Fatalf("make a token for %s: %v", user, err)
		}
		s.tokens[key] = text.Reveal()
	}
	return s.tokens[key]
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// into reads the answer's data, or its whole body when it has none.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	raw := a.body
	if err := json.Unmarshal(a.body, &envelope); err == nil && envelope.Data != nil {
		raw = envelope.Data
	}
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("read %s: %v", a.body, err)
	}
}

// code is the machine code of a refusal.
func (a answer) code() string {
	var e struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.body, &e)
	return e.Code
}

// do sends one request as a sample person's trade token ("" is nobody); headers
// are "Name: value".
func (s *show) do(user, method, path, body string, headers ...string) answer {
	s.t.Helper()
	if user != "" {
		headers = append([]string{"Authorization: Bearer " + s.token(user, "trade")}, headers...)
	}
	return s.send(s.client, method, path, body, headers...)
}

// send is do as whoever the client and the headers make it.
func (s *show) send(client *http.Client, method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := client.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil && !errors.Is(err, context.Canceled) {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, got}
}

// key is a fresh Idempotency-Key header.
func key() string { return "Idempotency-Key: " + uuid.NewString() }

// sandbox calls the sandbox's control door.
func (s *show) sandbox(method, path string, in, out any) {
	s.t.Helper()
	if err := s.stage.control(s.t.Context(), method, path, in, out); err != nil {
		s.t.Fatalf("sandbox: %v", err)
	}
}

// mode sets how the paper broker fills, for everybody.
func (s *show) mode(mode string) {
	s.t.Helper()
	s.sandbox("POST", "/_sandbox/broker/mode", map[string]string{"account": "*", "mode": mode}, nil)
}

// quote pins a contract's price.
func (s *show) quote(symbol, bid, ask string) {
	s.t.Helper()
	s.sandbox("POST", "/_sandbox/market", map[string]any{"symbol": symbol, "bid": bid, "ask": ask, "last": bid, "frozen": true}, nil)
}

// received lists what the sandbox got for a target.
type received struct {
	Seq          int64
	Target       string
	Method, Path string
	Status       int
	Body         json.RawMessage
}

func (s *show) received(target string) []received {
	s.t.Helper()
	var log struct{ Data []received }
	s.sandbox("GET", "/_sandbox/log?target="+target, nil, &log)
	return log.Data
}

// bookOrder is an order as the paper broker, the referee, has it.
type bookOrder struct {
	BrokerOrderID, Account, User, Symbol, Action, Status, Via, Replaces string
	Quantity, Filled                                                    json.Number
	PlacedAt                                                            time.Time
}

func (s *show) book(account string) []bookOrder {
	s.t.Helper()
	var book struct{ Data []bookOrder }
	s.sandbox("GET", "/_sandbox/broker/orders?account="+account, nil, &book)
	return book.Data
}

// place sends a quick line and returns the order's id.
func (s *show) place(user, line string) string {
	s.t.Helper()
	body, _ := json.Marshal(map[string]string{"line": line})
	a := s.do(user, "POST", "/api/trading/orders", string(body), key())
	if a.status != http.StatusAccepted {
		s.t.Fatalf("place %q: %d %s", line, a.status, a.body)
	}
	var o struct{ ID string }
	a.into(s.t, &o)
	return o.ID
}

// order reads an order.
type shownOrder struct {
	ID, PositionID, State, Reason, BrokerOrderID string
	AveragePrice                                 *string
	FilledQuantity                               int
}

func (s *show) order(user, id string) shownOrder {
	s.t.Helper()
	var o shownOrder
	s.do(user, "GET", "/api/trading/orders/"+id, "").into(s.t, &o)
	return o
}

// fewAtOnce runs the parts of a test, so many at a time and in their order. They share
// the one place that the test has among the others: as parallel tests they would come
// when everything else is done, and would be alone with each other.
func fewAtOnce(t *testing.T, most int) (run func(name string, part func(*testing.T)), wait func()) {
	places := make(chan struct{}, most)
	var all sync.WaitGroup
	return func(name string, part func(*testing.T)) {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			t.Run(name, part)
		})
	}, all.Wait
}

// eventually polls until ok, and fails the test with what after a while.
func (s *show) eventually(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("never: %s", what)
		}
		select {
		case <-s.t.Context().Done():
			s.t.Fatalf("never: %s", what)
		case <-time.After(30 * time.Millisecond):
		}
	}
}

func contains(body []byte, text string) bool { return bytes.Contains(body, []byte(text)) }
