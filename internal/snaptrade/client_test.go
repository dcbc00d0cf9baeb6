package snaptrade

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

const (
	canaryUser = "sec-canary/user+secret=1"
	canaryKey  = "ck-canary&consumer key"
)

// bench is a client, the played service behind it, and what both saw.
type bench struct {
	*Client
	user User

	mu       sync.Mutex
	requests []seen
	calls    []Call
	pauses   []time.Duration
	logs     bytes.Buffer
}

// seen is one request as it arrived.
type seen struct {
	method, target, proto, remote, body string
	header                              http.Header
}

func newBench(t *testing.T, baseURL string) *bench {
	t.Helper()
	b := &bench{user: User{ID: "u-1001", Secret: secret.New(canaryUser)}}
	second := int64(1790000000)
	c, err := New(Config{
		BaseURL: baseURL + "/snaptrade", ClientID: "ALERTSIFY-TEST", ConsumerKeys: []secret.Text{secret.New(canaryKey)},
		Now:     func() time.Time { second++; return time.Unix(second, 0) },
		Logger:  slog.New(slog.NewTextHandler(&b.logs, nil)),
		Observe: func(call Call) { b.calls = append(b.calls, call) },
	})
	if err != nil {
		t.Fatal(err)
	}
	c.pause = func(ctx context.Context, d time.Duration) error { b.pauses = append(b.pauses, d); return ctx.Err() }
	c.jitter = func(d time.Duration) time.Duration { return d }
	b.Client = c
	t.Cleanup(c.Close)
	return b
}

// serve plays SnapTrade with an ordinary handler.
func serve(t *testing.T, answer http.HandlerFunc) *bench {
	t.Helper()
	var b *bench
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.keep(r)
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	b = newBench(t, srv.URL)
	return b
}

// serveRaw plays a service that misbehaves below HTTP: it reads a request and
// writes whatever it likes.
func serveRaw(t *testing.T, answer func(net.Conn)) *bench {
	t.Helper()
	var b *bench
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				// The client may dial a connection that it never uses.
				_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				r.RemoteAddr = conn.RemoteAddr().String()
				b.keep(r)
				answer(conn)
			})
		}
	})
	b = newBench(t, "http://"+listener.Addr().String())
	t.Cleanup(func() { b.Close(); listener.Close(); open.Wait() })
	return b
}

func (b *bench) keep(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, seen{r.Method, r.RequestURI, r.Proto, r.RemoteAddr, string(body), r.Header.Clone()})
}

func (b *bench) arrived() []seen {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]seen(nil), b.requests...)
}

func status(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func TestEveryAttemptIsSignedAsItArrives(t *testing.T) {
	t.Parallel()
	b := serve(t, status(200, `{"brokerage_order_id":"1","orders":[]}`))
	ctx := t.Context()
	if _, err := b.PlaceOption(ctx, b.user, "acc-1", limitOrder()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.RecentOrders(ctx, b.user, "acc-1"); err != nil {
		t.Fatal(err)
	}
	if err := b.RefreshConnection(ctx, b.user, "conn-1"); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.arrived() {
		path, query, _ := strings.Cut(r.target, "?")
		body, err := content([]byte(r.body))
		if err != nil || string(body) != r.body {
			t.Errorf("%s: body is not canonical: %s", path, r.body)
		}
		if got := signature(secret.New(canaryKey), signedText(body, path, query)); got != r.header.Get("Signature") {
			t.Errorf("%s: signature does not match the request as received", path)
		}
		if !strings.HasPrefix(path, "/snaptrade/") {
			t.Errorf("%s: the base's prefix is missing", path)
		}
		for _, key := range []string{"clientId=ALERTSIFY-TEST", "timestamp=179", "userId=u-1001", "userSecret="} {
			if !strings.Contains(query, key) {
				t.Errorf("%s: no %s", path, key)
			}
		}
	}
	if got := b.arrived()[2]; got.body != "" || got.header.Get("Content-Type") != "" {
		t.Errorf("a call without a body sent %q %q", got.body, got.header.Get("Content-Type"))
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	good := Config{BaseURL: "https://api.snaptrade.com", ClientID: "id", ConsumerKeys: []secret.Text{secret.New("k")}}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no base":            func(c *Config) { c.BaseURL = "" },
		"no scheme":          func(c *Config) { c.BaseURL = "api.snaptrade.com" },
		"other scheme":       func(c *Config) { c.BaseURL = "ftp://api.snaptrade.com" },
		"query in base":      func(c *Config) { c.BaseURL += "?a=1" },
		"user in base":       func(c *Config) { c.BaseURL = "https://u:p@api.snaptrade.com" },
		"no client id":       func(c *Config) { c.ClientID = "" },
		"no key":             func(c *Config) { c.ConsumerKeys = nil },
		"only an empty key":  func(c *Config) { c.ConsumerKeys = []secret.Text{secret.New("")} },
		"unparseable":        func(c *Config) { c.BaseURL = "http://[::1" },
		"fragment-only host": func(c *Config) { c.BaseURL = "https:///x" },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// holdsSecret looks for any spelling of the canaries.
func holdsSecret(text string) bool {
	for _, canary := range []string{canaryUser, canaryKey} {
		for _, form := range spellings(canary) {
			if strings.Contains(text, form) {
				return true
			}
		}
	}
	return false
}

func TestSecretsAreInNoErrorLogOrPrint(t *testing.T) {
	t.Parallel()
	echo := canaryUser + " and " + canaryKey
	quoted := quotedJSON(echo)
	servers := map[string]*bench{
		"json detail": serve(t, status(400, `{"detail":`+quoted+`,"code":`+quoted+`}`, "X-Request-ID", echo)),
		"json object": serve(t, status(403, `{"detail":{"a":[`+quoted+`]}}`)),
		"html":        serve(t, status(500, "<p>"+echo+"</p>")),
		"escaped url": serve(t, func(w http.ResponseWriter, r *http.Request) { status(404, r.RequestURI)(w, r) }),
		"redirect":    serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.RequestURI, 307) }),
		"good answer": serve(t, status(200, `{"surprise":`+quoted+`}`, "X-Request-ID", echo)),
		"broken http": serveRaw(t, func(c net.Conn) { fmt.Fprintf(c, "HTP/9 %s\r\n%s\r\n\r\n", echo, echo) }),
		"dropped":     serveRaw(t, func(net.Conn) {}),
		"refused":     newBench(t, "http://127.0.0.1:1"),
		"bad header":  serveRaw(t, func(c net.Conn) { fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%s\r\n\r\n", echo) }),
	}
	for name, b := range servers {
		ctx := t.Context()
		_, placing := b.PlaceOption(ctx, b.user, "acc-1", limitOrder())
		_, reading := b.Accounts(ctx, b.user)
		_, resetting := b.ResetUserSecret(ctx, b.user)
		_, login := b.Login(ctx, b.user, Portal{})
		for _, err := range []error{placing, reading, resetting, login} {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
				if got := fmt.Sprintf(verb, err); holdsSecret(got) {
					t.Errorf("%s: %s shows a secret: %s", name, verb, got)
				}
			}
			for cause := err; cause != nil; cause = unwrapOne(cause) {
				if got := fmt.Sprintf("%+v %#v", cause, cause); holdsSecret(got) {
					t.Errorf("%s: a cause shows a secret: %s", name, got)
				}
			}
		}
		if got := b.logs.String(); got == "" && name != "good answer" || holdsSecret(got) {
			t.Errorf("%s: log: %s", name, got)
		}
		if got := fmt.Sprintf("%v %+v %#v %+v", b.Client, b.Client, b.Client, b.user); holdsSecret(got) {
			t.Errorf("%s: print of the client: %s", name, got)
		}
		if got := fmt.Sprintf("%+v", b.calls); holdsSecret(got) {
			t.Errorf("%s: metrics: %s", name, got)
		}
	}
}

func quotedJSON(text string) string { return string(appendString(nil, text)) }

func unwrapOne(err error) error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return e.Unwrap()
	case interface{ Unwrap() []error }:
		return e.Unwrap()[0]
	}
	return nil
}
