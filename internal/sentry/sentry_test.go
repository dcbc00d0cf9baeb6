package sentry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

// receiver takes envelopes as Sentry does, over real HTTP.
type receiver struct {
	mu     sync.Mutex
	auth   []string
	path   string
	events []map[string]any
	raw    []byte
	answer int
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.auth, rc.path, rc.raw = append(rc.auth, r.Header.Get("X-Sentry-Auth")), r.URL.Path, append(rc.raw, body...)
	if rc.answer != 0 {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(rc.answer)
		return
	}
	parts := bytes.SplitN(body, []byte("\n"), 4)
	var item struct {
		Type   string `json:"type"`
		Length int    `json:"length"`
	}
	var e map[string]any
	if json.Unmarshal(parts[1], &item) == nil && item.Type == "event" && item.Length == len(parts[2]) && json.Unmarshal(parts[2], &e) == nil {
		rc.events = append(rc.events, e)
	}
}

// tell has a client report failures, and gives what arrived once it has ended.
func tell(t *testing.T, rc *receiver, now func() time.Time, failures ...Failure) (outcomes map[string]int) {
	t.Helper()
	server := httptest.NewServer(rc)
	defer server.Close()
	dsn, err := ParseDSN(secret.New(strings.Replace(server.URL, "://", "://public@", 1) + "/sub/42"))
	if err != nil {
		t.Fatal(err)
	}
	outcomes = map[string]int{}
	var mu sync.Mutex
	c := New(Options{
		DSN: dsn, Release: "v1", Environment: "test", Instance: "i", Now: now, Logger: slog.New(slog.DiscardHandler),
		HTTP:    httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{strings.TrimPrefix(server.URL, "http://")}}),
		Observe: func(outcome string) { mu.Lock(); defer mu.Unlock(); outcomes[outcome]++ },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	for _, f := range failures {
		c.Report(f)
	}
	cancel() // what waits is sent all the same
	if err := <-ended; err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return outcomes
}

func TestAFailureIsToldWithWhereItHappenedAndNothingSecret(t *testing.T) {
	t.Parallel()
	const canary = "canary-5f0c9d2e8b7a6c4d"
	var rc receiver
	_, bad := requestTo("https://api.example/" + canary)
	stack := stackOf(canary)
	outcomes := tell(t, &rc, time.Now, Failure{
		Kind: "request", Where: "/api/trading/orders/{id}", RequestID: "0d9a1f5e-2b0e-4d8c-9a57-3f0b7c1d2e4f", Code: "internal", Stack: stack, Panic: true,
		Err: fmt.Errorf("read order 0d9a1f5e-2b0e-4d8c-9a57-3f0b7c1d2e4f: user %q, token=%s, Bearer %s, https://x.example/%s?userSecret=%s, Key (email)=(%s): %w",
			canary, canary, canary, canary, canary, canary, bad),
	})
	if outcomes["sent"] != 1 || len(rc.events) != 1 {
		t.Fatalf("%v, %s", outcomes, rc.raw)
	}
	e := rc.events[0]
	if rc.path != "/sub/api/42/envelope/" || !strings.Contains(rc.auth[0], "sentry_key=public") {
		t.Errorf("sent to %s with %s", rc.path, rc.auth[0])
	}
	tags, _ := e["tags"].(map[string]any)
	if e["transaction"] != "/api/trading/orders/{id}" || e["release"] != "v1" || e["level"] != "fatal" || tags["request_id"] != "0d9a1f5e-2b0e-4d8c-9a57-3f0b7c1d2e4f" {
		t.Errorf("it says %v", e)
	}
	if text := string(rc.raw); strings.Contains(text, canary) || strings.Contains(text, "userSecret") || !strings.Contains(text, "read order 0d9a1f5e-2b0e-4d8c-9a57-3f0b7c1d2e4f: user") {
		t.Errorf("it says %s", text)
	}
	if text := string(rc.raw); !strings.Contains(text, `"function":"stackOf"`) || !strings.Contains(text, `"in_app":true`) || strings.Contains(text, "0xc0") {
		t.Errorf("the stack is %s", text)
	}
}

// stackOf takes a stack in a function that was called with something secret.
func stackOf(string) []byte { return debug.Stack() }

func requestTo(address string) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodGet, address+"%zz", nil)
	return r, err
}

// The same failure is told of once a minute, and no more than twenty of all kinds are; a new
// minute begins anew.
func TestAStormOfFailuresIsThrottled(t *testing.T) {
	t.Parallel()
	var rc receiver
	at := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	var storm []Failure
	for i := range 30 {
		f := Failure{Kind: "job", Where: fmt.Sprintf("kind_%d", i), Err: errors.New("x")}
		storm = append(storm, f, f)
	}
	if outcomes := tell(t, &rc, func() time.Time { return at }, storm...); outcomes["sent"] != perMinute || outcomes["throttled"] != 60-perMinute {
		t.Errorf("%v", outcomes)
	}
	var asked atomic.Int64
	clock := func() time.Time { return at.Add(time.Duration(asked.Add(2)) * time.Minute) }
	if outcomes := tell(t, &receiver{}, clock, storm[0], storm[0], storm[0]); outcomes["sent"] != 3 {
		t.Errorf("minutes apart: %v", outcomes)
	}
}

// What Sentry does not take now is not kept for later, and it is left alone as long as it says.
func TestSentryIsLeftAloneWhenItSaysSo(t *testing.T) {
	t.Parallel()
	rc := receiver{answer: http.StatusTooManyRequests}
	outcomes := tell(t, &rc, time.Now, Failure{Kind: "job", Where: "a", Err: errors.New("x")}, Failure{Kind: "job", Where: "b", Err: errors.New("x")})
	if outcomes["lost"] != 2 || len(rc.auth) != 1 {
		t.Errorf("%v after %d calls", outcomes, len(rc.auth))
	}
}

func TestADSNIsReadOrNotRepeated(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "https://example.com/1", "https://hunter2@example.com", "https://hunter2@example.com/x", "ftp://hunter2@example.com/1", "hunter2"} {
		if _, err := ParseDSN(secret.New(text)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if d, err := ParseDSN(secret.New("https://k@o1.ingest.sentry.io/42")); err != nil || d.url != "https://o1.ingest.sentry.io/api/42/envelope/" || !d.Secure() {
		t.Errorf("%+v, %v", d, err)
	}
}
