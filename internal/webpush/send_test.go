package webpush

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
)

func newClient(t *testing.T, answer http.HandlerFunc) (*Client, Subscription) {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	keys, err := ParseKeys(newPair(t))
	if err != nil {
		t.Fatal(err)
	}
	host := srv.Listener.Addr().String()
	c, err := New(ClientOptions{
		Subject:    "mailto:ops@alertsify.example",
		Keys:       keys,
		ExtraHosts: []string{host},
		HTTP:       httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{host}}),
		Now:        func() time.Time { return time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, browser(t, srv.URL+"/push/abc")
}

func fault(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *webpush.Error", err)
	}
	return e
}

func TestEveryPushCarriesWhatTheServicesInsistOn(t *testing.T) {
	t.Parallel()
	var got http.Header
	var length int
	client, sub := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, length = r.Header, len(b)
		w.WriteHeader(http.StatusCreated)
	})
	send := func(o Options) {
		t.Helper()
		if err := client.Send(context.Background(), sub, []byte(`{"web_push":8030}`), o); err != nil {
			t.Fatal(err)
		}
	}

	send(Options{TTL: 4 * time.Hour, Urgency: High, Topic: "position42"})
	for name, want := range map[string]string{
		"TTL": "14400", "Urgency": "high", "Topic": "position42",
		"Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	if length != 2048 {
		t.Errorf("body of %d bytes; Firefox on Android takes at most 3070", length)
	}
	if sub := jwtClaims(t, got.Get("Authorization"))["sub"]; sub != "mailto:ops@alertsify.example" {
		t.Errorf("subject %q", sub)
	}

	send(Options{TTL: 365 * 24 * time.Hour, Short: true})
	if got.Get("TTL") != "2419200" || got.Get("Urgency") != "normal" || length != 1024 {
		t.Errorf("TTL %s, urgency %s, %d bytes", got.Get("TTL"), got.Get("Urgency"), length)
	}
}

func jwtClaims(t *testing.T, authorization string) map[string]any {
	t.Helper()
	token, _, _ := strings.Cut(strings.TrimPrefix(authorization, "vapid t="), ",")
	middle, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	claims := map[string]any{}
	if err := errors.Join(err, json.Unmarshal(middle, &claims)); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestWhatAnAnswerMeans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		header map[string]string
		want   Outcome
		wait   time.Duration
	}{
		{"redirect", 302, map[string]string{"Location": "http://169.254.169.254/"}, Rejected, 0},
		{"permanent redirect", 308, map[string]string{"Location": "http://169.254.169.254/"}, Rejected, 0},
		{"bad request", 400, nil, Rejected, 0},
		{"token refused", 401, nil, Misconfigured, 0},
		{"key refused", 403, nil, Misconfigured, 0},
		{"unknown endpoint", 404, nil, Gone, 0},
		{"unsubscribed", 410, nil, Gone, 0},
		{"too large", 413, nil, TooLarge, 0},
		{"too many, seconds", 429, map[string]string{"Retry-After": "120"}, Retry, 2 * time.Minute},
		{"too many, date", 429, map[string]string{"Retry-After": "Fri, 20 Nov 2026 14:31:30 GMT"}, Retry, 90 * time.Second},
		{"too many, silent", 429, nil, Retry, 0},
		{"too many, past date", 429, map[string]string{"Retry-After": "Fri, 20 Nov 2026 14:00:00 GMT"}, Retry, 0},
		{"server error", 500, nil, Retry, 0},
		{"unavailable", 503, map[string]string{"Retry-After": "7"}, Retry, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, sub := newClient(t, func(w http.ResponseWriter, r *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, "no: http://"+r.Host+r.URL.Path)
			})
			e := fault(t, client.Send(context.Background(), sub, []byte("{}"), Options{TTL: time.Minute}))
			if e.Outcome != c.want || e.RetryAfter != c.wait || e.Limited != (c.status == 429) {
				t.Errorf("%s, wait %s, limited %v; want %s, %s", e.Outcome, e.RetryAfter, e.Limited, c.want, c.wait)
			}
			if strings.Contains(e.Error(), sub.Endpoint) {
				t.Errorf("endpoint in %q", e)
			}
		})
	}
}

func TestSubscriptionsOfAnOldKeyAreSentWithItAndEndWhenItIsRefused(t *testing.T) {
	t.Parallel()
	var used string
	status := http.StatusCreated
	client, sub := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		_, used, _ = strings.Cut(r.Header.Get("Authorization"), "k=")
		w.WriteHeader(status)
	})
	old, err := ParseKeys(newPair(t))
	if err != nil {
		t.Fatal(err)
	}
	client.byID[old.ID()] = old
	sub.KeyID = old.ID()

	if err := client.Send(context.Background(), sub, []byte("{}"), Options{TTL: time.Minute}); err != nil || used != old.Public() {
		t.Errorf("sent with %s: %v", used, err)
	}
	status = http.StatusForbidden
	if e := fault(t, client.Send(context.Background(), sub, []byte("{}"), Options{TTL: time.Minute})); e.Outcome != Gone {
		t.Errorf("old key refused: %s", e.Outcome)
	}
	sub.KeyID = "0000000000000000"
	if e := fault(t, client.Send(context.Background(), sub, []byte("{}"), Options{TTL: time.Minute})); e.Outcome != Gone {
		t.Errorf("key no longer held: %s", e.Outcome)
	}
}

func TestWhatCannotArriveIsNotSent(t *testing.T) {
	t.Parallel()
	client, sub := newClient(t, func(http.ResponseWriter, *http.Request) { t.Error("called") })
	elsewhere := sub
	elsewhere.Endpoint = "https://evil.example/x"
	broken := sub
	broken.P256dh = "AAAA"
	for name, c := range map[string]struct {
		sub     Subscription
		payload string
		o       Options
		want    Outcome
	}{
		"endpoint off the list": {elsewhere, "{}", Options{TTL: time.Minute}, Rejected},
		"broken key":            {broken, "{}", Options{TTL: time.Minute}, Rejected},
		"no time to live":       {sub, "{}", Options{}, Rejected},
		"topic with a colon":    {sub, "{}", Options{TTL: time.Minute, Topic: "order:1"}, Rejected},
		"topic too long":        {sub, "{}", Options{TTL: time.Minute, Topic: strings.Repeat("x", 33)}, Rejected},
		"payload too long":      {sub, strings.Repeat("x", PayloadMax+1), Options{TTL: time.Minute}, TooLarge},
		"too long for short":    {sub, strings.Repeat("x", ShortPayloadMax+1), Options{TTL: time.Minute, Short: true}, TooLarge},
	} {
		if e := fault(t, client.Send(context.Background(), c.sub, []byte(c.payload), c.o)); e.Outcome != c.want {
			t.Errorf("%s: %s, want %s", name, e.Outcome, c.want)
		}
	}
}

func TestSilenceAfterWritingIsUnknownAndBeforeItIsNot(t *testing.T) {
	t.Parallel()
	client, sub := newClient(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if e := fault(t, client.Send(context.Background(), sub, []byte("{}"), Options{TTL: time.Minute})); e.Outcome != Unknown {
		t.Errorf("hung up after the request: %s", e.Outcome)
	}
	client.http = httpio.NewEgress(httpio.EgressOptions{})
	e := fault(t, client.Send(context.Background(), sub, []byte("{}"), Options{TTL: time.Minute}))
	if e.Outcome != Retry || !errors.Is(e, httpio.ErrAddressRefused) || strings.Contains(e.Error(), "/push/") {
		t.Errorf("never connected: %v", e)
	}
}

func TestASubjectMustBeOneAppleTakes(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"mailto:ops@alertsify.example": "ops@alertsify.example",
		"ops@alertsify.example":        "ops@alertsify.example",
		"https://alertsify.example/":   "https://alertsify.example/",
	} {
		if got, err := parseSubject(given); err != nil || got != want {
			t.Errorf("%s: %q, %v", given, got, err)
		}
	}
	for _, given := range []string{"", "mailto:", "mailto:mailto:a@b.example", "a@localhost", "A <a@b.example>", "a b@c.example", "http://a.example"} {
		if _, err := New(ClientOptions{Subject: given}); err == nil {
			t.Errorf("%q was accepted", given)
		}
	}
}
