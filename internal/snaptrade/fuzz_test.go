package snaptrade

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

// Whatever an account, an order, a position or a history says: no panic, nothing without
// an id is taken for an order, and what cannot be read is counted, not dropped.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"orders":[{"brokerage_order_id":"o1","status":"EXECUTED","option_symbol":{"ticker":"AAPL  261218C00240000"},"action":"BUY_OPEN","total_quantity":"2","filled_quantity":2,"execution_price":"3.50","time_placed":"2026-11-20T14:30:00Z","child_brokerage_order_ids":{"a":"o2"}}]}`,
		`[{"brokerage_order_id":7,"filled_quantity":1e400000000,"stop_price":0},{"brokerage_order_id":null},{}]`,
		`{"id":"a1","balance":{"total":{"amount":1.10,"currency":"USD"}},"sync_status":{"holdings":{"initial_sync_completed":true,"last_successful_sync":"2026-11-20"}}}`,
		`{"data_freshness":{"as_of":"2026-11-20T14:30:00Z"},"results":[{"instrument":{"kind":"option","symbol":"AAPL  261218C00240000","strike_price":"240"},"units":"-1"}]}`,
		`{"data":[{"id":"x","type":"BUY","units":-1,"price":1,"amount":-100,"fee":"0.65","trade_date":"2026-11-20T00:00:00Z"}],"pagination":{"total":-9e99}}`,
		`{"redirectURI":"https://app.snaptrade.com/x","sessionId":"s"}`, `{"userId":"u","userSecret":"s"}`, `[]`, `null`, `{"orders":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := Parse(body)
		if err != nil {
			return
		}
		for _, orders := range []Value{v, v.Get("orders")} {
			l, err := readOrders("fuzz", orders, time.Time{})
			if err == nil && len(l.Orders)+l.Unreadable != len(orders.Items()) {
				t.Errorf("%q: %d orders and %d unreadable of %d", body, len(l.Orders), l.Unreadable, len(orders.Items()))
			}
			for _, o := range l.Orders {
				short := o.Filled != nil && o.Total != nil && o.Filled.LessThan(*o.Total)
				if o.ID == "" || o.Status == StatusFilled && short { // without a count it stays looked at
					t.Errorf("%q is read as %+v", body, o)
				}
			}
		}
		if p, err := readPlaced("fuzz", v, answer{}); err == nil && p.OrderID == "" {
			t.Errorf("%q is an order without an id", body)
		}
		if u, ok := readUser(v); ok && (u.ID == "" || u.Secret.IsZero()) {
			t.Errorf("%q is a user without a secret", body)
		}
		if link, ok := readPortalLink(v); ok && link.URL.IsZero() {
			t.Errorf("%q is a link to nowhere", body)
		}
		readAll(v)
		for _, item := range v.Items() {
			readAll(item)
		}
	})
}

// readAll reads a value as everything that it might be.
func readAll(v Value) {
	_, _ = readAccount(v)
	_, _ = readBalance(v)
	_, _ = readPosition(v)
	_, _ = readActivity(v)
	_, _ = readBrokerage(v)
	_, _ = readConnection(v)
	_, _ = readImpact(v)
	if results := v.Get("results"); results.Kind() == Array {
		_, _ = list("fuzz", results, readPosition)
	}
	if data := v.Get("data"); data.Kind() == Array {
		_, _ = list("fuzz", data, readActivity)
	}
}

// Whatever a refusal says, in whatever spelling: neither a user's secret nor our key
// gets into the error, and the error stays short.
func FuzzRefusal(f *testing.F) {
	const canary = "us-canary/+ \"é<0123456789"
	f.Add([]byte(`{"detail":"`), []byte(`","code":"1076"}`), 400, "3")
	f.Add([]byte(strings.Repeat("x", messageMax-4)), []byte(`}`), 500, "1e400000000")
	f.Add([]byte(`{"error":["`+strings.Repeat("y", messageMax-14)), []byte(`"]}`), 429, "-1")
	f.Fuzz(func(t *testing.T, before, after []byte, status int, wait string) {
		hide := newScrubber(secret.New(canary))
		for _, spelling := range spellings(canary) {
			a := answer{
				status: status, body: append(append([]byte(nil), before...), append([]byte(spelling), after...)...),
				header: http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {wait}},
			}
			e := answerError("fuzz", a, hide)
			if strings.Contains(e.Error()+e.Body, "us-canary") {
				t.Errorf("%q shows the secret: %s", a.body, e)
			}
			if e.RetryAfter < 0 || e.RetryAfter > resetMax || len(e.Message) > messageMax+len("…") {
				t.Errorf("%q: wait %s, %d bytes", a.body, e.RetryAfter, len(e.Message))
			}
		}
	})
}
