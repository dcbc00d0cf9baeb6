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
	"runtime"
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

// tell has a client report failures, and gives what became of them once it has ended. It ends
// when something became of each: what waits then has seconds only, too few for many on a busy machine.
func tell(t *testing.T, rc *receiver, now func() time.Time, failures ...Failure) (outcomes map[string]int) {
	t.Helper()
	told := make(chan string, 2*len(failures))
	c := telling(t, rc, now, func(outcome string) { told <- outcome })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	for _, f := range failures {
		c.Report(f)
	}
	outcomes = map[string]int{}
	for range failures {
		select {
		case outcome := <-told:
			outcomes[outcome]++
		case <-time.After(time.Minute):
			t.Fatalf("of %d: %v", len(failures), outcomes)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for len(told) > 0 { // more than there were failures
		outcomes[<-told]++
	}
	return outcomes
}

// telling is a client whose failures arrive at rc.
func telling(t *testing.T, rc *receiver, now func() time.Time, observe func(outcome string)) *Client {
	t.Helper()
	server := httptest.NewServer(rc)
	t.Cleanup(server.Close)
	dsn, err := ParseDSN(secret.New(strings.Replace(server.URL, "://", "://public@", 1) + "/sub/42"))
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		DSN: dsn, Release: "v1", Environment: "test", Instance: "i", Now: now, Logger: slog.New(slog.DiscardHandler),
		HTTP:    httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{strings.TrimPrefix(server.URL, "http://")}}),
		Observe: observe,
	})
}

func TestWhatWaitsIsSentAtTheEnd(t *testing.T) {
	t.Parallel()
	var rc receiver
	var sent atomic.Int64
	c := telling(t, &rc, time.Now, func(outcome string) {
		if outcome == "sent" {
			sent.Add(1)
		}
	})
	c.Report(Failure{Kind: "job", Where: "a", Err: errors.New("x")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx); err != nil {
		t.Error(err)
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if sent.Load() != 1 || len(rc.events) != 1 {
		t.Errorf("%d sent, %d arrived", sent.Load(), len(rc.events))
	}
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

// The queue writes the stack of a panic without arguments. It is read too, so that two panics
// of one kind of job are two failures.
func TestTwoPanicsOfOneKindOfJobAreTwoFailures(t *testing.T) {
	t.Parallel()
	failure := func(work func()) Failure {
		return Failure{Kind: "job", Where: "order_send", Err: errors.New("panic: x"), Stack: caught(work), Panic: true}
	}
	one, other := failure(breaksHere), failure(breaksThere)
	frames := framesOf(one.Stack)
	if len(frames) < 2 || frames[0].Function != "breaksHere" || !frames[0].Ours || frames[0].Line == 0 {
		t.Fatalf("%s is read as %+v", one.Stack, frames)
	}
	if again := failure(breaksHere); one.fingerprint() == other.fingerprint() || one.fingerprint() != again.fingerprint() {
		t.Errorf("%q, %q, and again %q", one.fingerprint(), other.fingerprint(), again.fingerprint())
	}
}

func breaksHere() { panic("x") }

func breaksThere() { panic("x") }

// caught is the stack of a panic as River v0.51 writes it (captureStackTraceSkipFrames of its
// job executor): from where it panicked on, for each frame a line of the function and one of its place.
func caught(work func()) (stack []byte) {
	defer func() {
		_ = recover()
		callers := make([]uintptr, 100)
		frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
		for {
			frame, more := frames.Next()
			stack = fmt.Appendf(stack, "%s\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
			if !more {
				return
			}
		}
	}()
	work()
	return nil
}

// The program ends seconds after it was told to, however much waits and whatever Sentry does.
func TestTheEndDoesNotWaitForSentry(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }))
	defer server.Close()
	defer close(hung)
	dsn, err := ParseDSN(secret.New(strings.Replace(server.URL, "://", "://public@", 1) + "/42"))
	if err != nil {
		t.Fatal(err)
	}
	var lost atomic.Int64
	c := New(Options{DSN: dsn, HTTP: server.Client(), Observe: func(string) { lost.Add(1) }, Logger: slog.New(slog.DiscardHandler)})
	const waiting = perMinute // one after the other, each as long as it may, they would take a minute
	for i := range waiting {
		c.Report(Failure{Kind: "job", Where: fmt.Sprintf("kind_%d", i), Err: errors.New("x")})
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel) // while the first is on its way
	began := time.Now()
	if err := c.Run(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > endWithin+20*time.Second || lost.Load() != waiting {
		t.Errorf("it took %s, and %d are lost", took, lost.Load())
	}
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
	if d, err := ParseDSN(secret.New("https://k@o1.ingest.sentry.io/42")); err != nil || d.url.String() != "https://o1.ingest.sentry.io/api/42/envelope/" || !d.Secure() || d.Port() != "443" || d.Local() {
		t.Errorf("%+v, %v", d, err)
	}
	for text, port := range map[string]string{"https://k@sentry.example:9000/1": "9000", "http://k@sentry.example/1": "80"} {
		if d, err := ParseDSN(secret.New(text)); err != nil || d.Port() != port {
			t.Errorf("%s leads to port %s, %v", text, d.Port(), err)
		}
	}
}
