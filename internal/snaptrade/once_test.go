package snaptrade

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

func dec(text string) *decimal.Decimal {
	d := decimal.RequireFromString(text)
	return &d
}

func limitOrder() OptionOrder {
	return OptionOrder{
		Symbol: "SPXW  260925P05000000", Action: BuyToOpen, Units: 2,
		Type: TypeLimit, LimitPrice: dec("1.25"), TimeInForce: Day,
	}
}

// trading are the three calls that are made exactly once.
var trading = map[string]func(context.Context, *bench) error{
	"place": func(ctx context.Context, b *bench) error {
		_, err := b.PlaceOption(ctx, b.user, "acc-1", limitOrder())
		return err
	},
	"cancel": func(ctx context.Context, b *bench) error {
		return b.CancelOrder(ctx, b.user, "acc-1", "order-1")
	},
	"replace": func(ctx context.Context, b *bench) error {
		_, err := b.ReplaceOption(ctx, b.user, "acc-1", Replacement{
			OrderID: "order-1", Symbol: "SPXW  260925P05000000", Action: SellToClose, Units: 1,
			Type: TypeStopLimit, LimitPrice: dec("31.50"), StopPrice: dec("32"), TimeInForce: GoodTilCancelled,
		})
		return err
	},
}

const own = `{"detail":"No.","status_code":400,"code":"1076"}`

// T5, T6 and T7: what is known after one attempt. In every case exactly one
// request arrives, whatever the service does.
func TestATradingCallIsMadeOnceAndItsOutcomeIsNeverTooSure(t *testing.T) {
	t.Parallel()
	handlers := map[string]struct {
		answer http.HandlerFunc
		want   Outcome
	}{
		"400 in SnapTrade's words":    {status(400, own), Refused},
		"400 as a default_detail":     {status(400, `{"default_detail":"x","default_code":1076}`), Refused},
		"401":                         {status(401, own), Refused},
		"402":                         {status(402, own), Refused},
		"403":                         {status(403, own), Refused},
		"404":                         {status(404, own), Refused},
		"410":                         {status(410, own), Refused},
		"400 without a body":          {status(400, ""), Unknown},
		"400 as a proxy's page":       {status(400, "<html>bad request</html>"), Unknown},
		"403 as an empty object":      {status(403, "{}"), Unknown},
		"403 as a list":               {status(403, `["no"]`), Unknown},
		"400 longer than 8 KiB":       {status(400, `{"detail":"`+strings.Repeat("x", errorMax)+`"}`), Unknown},
		"405":                         {status(405, own), Unknown},
		"408":                         {status(408, own), Unknown},
		"409":                         {status(409, own), Unknown},
		"422":                         {status(422, own), Unknown},
		"425":                         {status(425, own), Unknown},
		"500":                         {status(500, own), Unknown},
		"501":                         {status(501, own), Unknown},
		"502":                         {status(502, "<html>"), Unknown},
		"503":                         {status(503, own), Unknown},
		"504":                         {status(504, ""), Unknown},
		"200 with garbage":            {status(200, "\x00\x01{{{"), Unknown},
		"200 with nothing":            {status(200, ""), Unknown},
		"200 cut off":                 {status(200, `{"brokerage_order_id":"1"`), Unknown},
		"301":                         {status(301, "", "Location", "/snaptrade/elsewhere"), Unknown},
		"307 that would re-send":      {status(307, "", "Location", "/snaptrade/elsewhere"), Unknown},
		"308 that would re-send":      {status(308, "", "Location", "/snaptrade/elsewhere"), Unknown},
		"429 throttled":               {status(429, `{"detail":"Request was throttled. Expected available in 7 seconds.","status_code":429,"code":"0000"}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "7"), NotSent},
		"429 without a word":          {status(429, ""), NotSent},
		"200 longer than we can read": {status(200, `{"brokerage_order_id":"1","x":"`+strings.Repeat("x", listMax)+`"}`), Unknown},
	}
	for call, make := range trading {
		for name, c := range handlers {
			t.Run(call+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := serve(t, c.answer)
				checkOutcome(t, b, make(t.Context(), b), c.want, 1)
			})
		}
	}
}

func TestATradingCallSurvivesBrokenConnections(t *testing.T) {
	t.Parallel()
	cases := map[string]func(net.Conn){
		"taken, then dropped":   func(net.Conn) {},
		"taken, then reset":     func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"garbage for an answer": func(c net.Conn) { _, _ = io.WriteString(c, "garbage\r\n\r\n") },
		"half a header":         func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-") },
		"half a body": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"brokerage_order_id\":\"1\"")
		},
		"half a refusal": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 500\r\n\r\n"+own)
		},
		"a chunk that never ends": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"det")
		},
	}
	for call, make := range trading {
		for name, answer := range cases {
			t.Run(call+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := serveRaw(t, answer)
				err := make(t.Context(), b)
				checkOutcome(t, b, err, Unknown, 1)
				if !errors.Is(err, ErrNoAnswer) {
					t.Errorf("%v is not ErrNoAnswer", err)
				}
			})
		}
	}
}

func TestATradingCallWithoutAnAnswerEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for call, make := range trading {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			b := serveUntil(t, cancel)
			err := make(ctx, b)
			checkOutcome(t, b, err, Unknown, 1)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v hides that the context ended", err)
			}
		})
	}
}

// serveUntil plays a service that never answers, and calls back once the
// request is there.
func serveUntil(t *testing.T, arrived func()) *bench {
	t.Helper()
	return serveRaw(t, func(c net.Conn) {
		arrived()
		_, _ = io.Copy(io.Discard, c) // until the client hangs up
	})
}

func TestNothingWrittenMeansNotSent(t *testing.T) {
	t.Parallel()
	plain := func(t *testing.T) *bench { return serve(t, status(200, `{"brokerage_order_id":"1"}`)) }
	cases := map[string]struct {
		bench func(t *testing.T) *bench
		ctx   func(context.Context) (context.Context, context.CancelFunc)
	}{
		"connection refused": {func(t *testing.T) *bench { return newBench(t, "http://127.0.0.1:1") }, context.WithCancel},
		"TLS fails": {func(t *testing.T) *bench {
			b := plain(t)
			b.base.Scheme = "https"
			return b
		}, context.WithCancel},
		"certificate is not trusted": {func(t *testing.T) *bench {
			srv := httptest.NewUnstartedServer(status(200, `{"brokerage_order_id":"1"}`))
			srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			srv.StartTLS()
			t.Cleanup(srv.Close)
			return newBench(t, srv.URL)
		}, context.WithCancel},
		"time is over": {plain, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, time.Unix(1, 0))
		}},
		"process was frozen: deadline over, timer late": {plain, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return frozen{ctx}, func() {}
		}},
	}
	for call, make := range trading {
		for name, c := range cases {
			t.Run(call+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := c.bench(t)
				ctx, cancel := c.ctx(t.Context())
				defer cancel()
				checkOutcome(t, b, make(ctx, b), NotSent, 0)
			})
		}
	}
}

// frozen is a context whose deadline has passed without its timer having fired.
type frozen struct{ context.Context }

func (frozen) Deadline() (time.Time, bool) { return time.Unix(1, 0), true }

func checkOutcome(t *testing.T, b *bench, err error, want Outcome, requests int) {
	t.Helper()
	var failed *PlaceError
	if !errors.As(err, &failed) {
		t.Fatalf("%v is not a PlaceError", err)
	}
	if failed.Outcome != want {
		t.Errorf("outcome %s, want %s: %v", failed.Outcome, want, err)
	}
	if got := len(b.arrived()); got != requests {
		t.Errorf("%d requests arrived, want %d", got, requests)
	}
}

func TestTradingRequestsUseAFreshConnectionAndNoIdempotencyHeader(t *testing.T) {
	t.Parallel()
	b := serve(t, status(200, `{"brokerage_order_id":"1","status":"PENDING"}`))
	if _, err := b.Accounts(t.Context(), b.user); err == nil {
		t.Error("an object passed for a list")
	}
	remotes := map[string]bool{}
	for _, make := range trading {
		if err := make(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range b.arrived() {
		remotes[r.remote] = true
		if trades := strings.Contains(r.target, "/trading/"); trades && r.header.Get("Connection") != "close" {
			t.Errorf("%s would keep its connection", r.target)
		}
		if r.proto != "HTTP/1.1" || r.header.Get("Idempotency-Key") != "" || r.header.Get("X-Idempotency-Key") != "" {
			t.Errorf("%s with %v", r.proto, r.header)
		}
	}
	if len(remotes) != len(trading)+1 {
		t.Errorf("%d connections for %d calls", len(remotes), len(trading)+1)
	}
}

func TestPlacingSpeaksHTTP1OverTLS(t *testing.T) {
	t.Parallel()
	var proto string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto = r.Proto
		status(200, `{"brokerage_order_id":"1"}`)(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	b := newBench(t, srv.URL)
	b.tls = &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	if _, err := b.PlaceOption(t.Context(), b.user, "acc-1", limitOrder()); err != nil || proto != "HTTP/1.1" {
		t.Errorf("%s %v", proto, err)
	}
}

func TestA429SaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header []string
		want   time.Duration
	}{
		{[]string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "7"}, 7 * time.Second},
		{[]string{"X-RateLimit-Remaining", "9", "X-RateLimit-Reset", "7", "X-RateLimit-Account-Remaining", "0", "X-RateLimit-Account-Reset", "2.2"}, 3 * time.Second},
		{[]string{"Retry-After", "4"}, 4 * time.Second},
		{nil, blindPause},
		{[]string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "99999999999999999999"}, resetMax},
		{[]string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "-3"}, blindPause},
		{[]string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "soon"}, blindPause},
	} {
		b := serve(t, status(429, "", c.header...))
		_, err := b.PlaceOption(t.Context(), b.user, "acc-1", limitOrder())
		var failed *PlaceError
		if !errors.As(err, &failed) || failed.Err.RetryAfter != c.want {
			t.Errorf("%v: %+v, want %s", c.header, failed, c.want)
		}
	}
}

func TestARefusalKeepsTheBrokersText(t *testing.T) {
	t.Parallel()
	b := serve(t, status(403, `{"detail":"Insufficient buying power.","code":1141}`, "X-Request-ID", "req-9"))
	_, err := b.PlaceOption(t.Context(), b.user, "acc-1", limitOrder())
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e.Status != 403 || e.Code != "1141" || e.Message != "Insufficient buying power." || e.RequestID != "req-9" || !strings.Contains(e.Body, "buying power") {
		t.Errorf("%+v", *e)
	}
}

// The transport's writer may come to the gate after the call has returned.
func TestNothingPassesAGateThatIsShut(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	client, server := net.Pipe()
	defer server.Close()
	_ = client.SetWriteDeadline(time.Now().Add(time.Second)) // a write that got through would wait for ever
	g := &gate{ctx: ctx}
	conn, err := g.wrap(func(context.Context, string, string) (net.Conn, error) { return client, nil })(ctx, "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if g.shut() {
		t.Error("a new gate says that something passed")
	}
	if n, err := conn.Write([]byte("POST")); n != 0 || !errors.Is(err, errGateShut) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if g.shut() {
		t.Error("a refused write counts as written")
	}
}

func TestAnErrorThatNobodyJudgedIsUnknown(t *testing.T) {
	t.Parallel()
	if OutcomeOf(errors.New("x")) != Unknown || OutcomeOf((&PlaceError{Err: &Error{}})) != Unknown {
		t.Error("not unknown")
	}
}
