package whop

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

// newClient asks a server that answers like this, without waiting between tries.
func newClient(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	c := New(Options{
		BaseURL: server.URL + "/api/v1/", Key: secret.New("the-key"), Account: "biz_1",
		HTTP: httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{server.Listener.Addr().String()}}),
	})
	c.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return c
}

func TestARequestIsAsWhopWantsIt(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for name, want := range map[string]string{
			"Authorization": "Bearer the-key", "Api-Version-Date": "2026-09-29", "Idempotency-Key": "k-1", "Content-Type": "application/json",
		} {
			if r.Header.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, r.Header.Get(name), want)
			}
		}
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/memberships/mem_1/cancel" || string(body) != `{"cancel_at_period_end":true}` {
			t.Errorf("%s %s %s", r.Method, r.URL, body)
		}
		_, _ = io.WriteString(w, `{"id":"mem_1","status":"canceling"}`)
	})
	if m, err := c.CancelAtPeriodEnd(t.Context(), "mem_1", "k-1"); err != nil || m.Status != "canceling" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWhatIsRepeatedAndWhatIsNot(t *testing.T) {
	t.Parallel()
	read := func(c *Client) error { _, err := c.Membership(context.Background(), "mem_1"); return err }
	write := func(c *Client) error {
		_, err := c.CancelAtPeriodEnd(context.Background(), "mem_1", "k")
		return err
	}
	careless := func(c *Client) error {
		_, err := c.CancelAtPeriodEnd(context.Background(), "mem_1", "")
		return err
	}
	for _, c := range []struct {
		name   string
		status int
		ask    func(*Client) error
		tries  int
		away   bool
	}{
		{"timeout", 408, read, 3, true},
		{"in flight", 409, write, 3, true},
		{"too many", 429, read, 3, true},
		{"down", 500, write, 3, true},
		{"busy", 503, read, 3, true},
		{"a POST without a key", 503, careless, 1, true},
		{"bad", 400, read, 1, false},
		{"key", 401, read, 1, false},
		{"permission", 403, read, 1, false},
		{"missing", 404, read, 1, false},
		{"invalid", 422, write, 1, false},
		{"elsewhere", 307, read, 1, false},
	} {
		tries := 0
		client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			tries++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, `{"error":{"type":"some_type","message":"some words"}}`)
		})
		err := c.ask(client)
		if err == nil || tries != c.tries || IsAway(err) != c.away || IsNotFound(err) != (c.status == 404) {
			t.Errorf("%s: %v after %d tries, want %d; away %v", c.name, err, tries, c.tries, IsAway(err))
		}
		if strings.Contains(err.Error(), "the-key") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("the error says %q", err)
		}
	}
}

func TestAnAnswerThatCannotBeReadIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"html": "<html>", "cut off": `{"id":"mem_1"`, "two": `{"id":"mem_1"}{}`, "of another form": `{"id":7}`,
		"too large": `{"id":"` + strings.Repeat("x", answerMax) + `"}`,
	} {
		c := newClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		if _, err := c.Membership(t.Context(), "mem_1"); err == nil || !IsAway(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dropped := newClient(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := dropped.Membership(t.Context(), "mem_1"); !IsAway(err) {
		t.Errorf("dropped: %v", err)
	}
}

func TestWhoKeepsFailingIsLeftAlone(t *testing.T) {
	t.Parallel()
	calls, status := 0, 500
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"id":"mem_1"}`)
	})
	now := time.Now()
	c.breaker = httpio.NewBreaker(httpio.BreakerOptions{Failures: 6, Window: time.Minute, Pause: 20 * time.Second, InARow: true, Now: func() time.Time { return now }})
	for range 4 {
		if _, err := c.Membership(t.Context(), "mem_1"); !IsAway(err) {
			t.Fatal(err)
		}
	}
	if calls != 6 {
		t.Errorf("%d calls, want 6 and then silence", calls)
	}
	now, status = now.Add(21*time.Second), 200
	if _, err := c.Membership(t.Context(), "mem_1"); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestAMembershipIsReadInBothShapes(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 12, 20, 15, 0, 0, 0, time.UTC)
	want := Membership{
		ID: "mem_1", Status: "active", User: "user_1", Product: "prod_1", Plan: "plan_1", Account: "biz_1", Person: "p-1",
		PeriodEnd: end, CancelAtPeriodEnd: true, ManageURL: "https://whop.com/m",
	}
	for name, body := range map[string]string{
		"present": `{"id":"mem_1","status":"active","user_id":"user_1","account":{"id":"biz_1","title":"A"},"product_id":"prod_1","plan_id":"plan_1",
			"current_period_end":"2026-12-20T15:00:00.000Z","cancel_at_period_end":true,"canceled_at":null,"manage_url":"https://whop.com/m",
			"metadata":{"alertsify_user_id":"p-1","other":3},"new_field":[]}`,
		"original": `{"id":"mem_1","status":"active","user":{"id":"user_1","email":"x@example.com"},"company":{"id":"biz_1"},"product":{"id":"prod_1"},
			"plan":{"id":"plan_1","metadata":{}},"renewal_period_end":"2026-12-20T15:00:00Z","cancel_at_period_end":true,"manage_url":"https://whop.com/m",
			"metadata":{"alertsify_user_id":"p-1"}}`,
	} {
		var got Membership
		if err := decode([]byte(body), &got); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	var bare Membership
	if err := decode([]byte(`{"id":"mem_1","user_id":null,"user":null,"metadata":{"alertsify_user_id":7},"current_period_end":null}`), &bare); err != nil || bare != (Membership{ID: "mem_1"}) {
		t.Errorf("with nothing in it: %+v, %v", bare, err)
	}
}

func TestWhichStatusGrants(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]Access{
		"trialing": Granted, "active": Granted, "completed": Granted, "canceling": GrantedUntilEnd, "past_due": AskAccess,
		"canceled": Denied, "expired": Denied, "unresolved": Denied, "drafted": Denied, "paused": Denied, "": Unknown, "Active": Unknown, "gifted": Unknown,
	} {
		if got := (Membership{Status: status}).Access(); got != want {
			t.Errorf("%q: %d, want %d", status, got, want)
		}
	}
}

func TestAPaymentIsReadInBothShapes(t *testing.T) {
	t.Parallel()
	want := Payment{
		ID: "pay_1", Status: "paid", Substatus: "succeeded", Reason: "subscription_cycle", Membership: "mem_1", User: "user_1", Product: "prod_1",
		Plan: "plan_1", Account: "biz_1", Total: Money{4910, "usd", 2}, Refunded: Money{0, "usd", 2}, PaidAt: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC),
	}
	for name, body := range map[string]string{
		"present": `{"id":"pay_1","account_id":"biz_1","status":"paid","substatus":"succeeded","billing_reason":"subscription_cycle","membership_id":"mem_1",
			"plan_id":"plan_1","product_id":"prod_1","currency":"usd","total":{"amount":"49.10","currency":"usd","decimals":2},"refunded_amount":{},
			"paid_at":"2026-11-20T15:00:00Z","user":{"id":"user_1"},"customer_email":"x@example.com"}`,
		"original": `{"id":"pay_1","company":{"id":"biz_1"},"status":"paid","substatus":"succeeded","billing_reason":"subscription_cycle","membership":{"id":"mem_1"},
			"plan":{"id":"plan_1"},"product":{"id":"prod_1"},"currency":"usd","total":49.1,"refunded_amount":0,"paid_at":"2026-11-20T15:00:00Z","user":{"id":"user_1"}}`,
	} {
		var got Payment
		if err := decode([]byte(body), &got); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if !got.Paid() || got.Failed() {
			t.Errorf("%s: paid %v, failed %v", name, got.Paid(), got.Failed())
		}
	}
}

func TestMoneyIsExactOrRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		total string
		want  Money
		bad   bool
	}{
		{`{"amount":"0.07","currency":"USD","decimals":2}`, Money{7, "usd", 2}, false},
		{`{"amount":"1000","currency":"jpy"}`, Money{1000, "jpy", 0}, false},
		{`{"amount":19.99}`, Money{1999, "usd", 2}, false},
		{`19.990000`, Money{1999, "usd", 2}, false},
		{`90071992547409.93`, Money{9007199254740993, "usd", 2}, false}, // no float holds it
		{`-5`, Money{-500, "usd", 2}, false},
		{`null`, Money{0, "usd", 2}, false},
		{`0.001`, Money{}, true},
		{`1e3`, Money{}, true},
		{`{"amount":"many"}`, Money{}, true},
		{`"` + strings.Repeat("9", 30) + `"`, Money{}, true},
		{`[]`, Money{}, true},
	} {
		var p Payment
		err := decode([]byte(`{"id":"pay_1","currency":"usd","total":`+c.total+`}`), &p)
		if (err != nil) != c.bad || p.Total != c.want && !c.bad {
			t.Errorf("%s: %+v, %v", c.total, p.Total, err)
		}
	}
}

func TestPagesFollowTheCursor(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("account_id") != "biz_1" || q.Get("first") != "100" {
			t.Errorf("asked with %s", r.URL.RawQuery)
		}
		if q.Get("after") == "" {
			_, _ = io.WriteString(w, `{"data":[{"id":"mem_1"}],"page_info":{"end_cursor":"c/1","has_next_page":true}}`)
			return
		}
		if q.Get("after") != "c/1" {
			t.Errorf("after %q", q.Get("after"))
		}
		_, _ = io.WriteString(w, `{"data":[{"id":"mem_2"}],"page_info":{"end_cursor":"c/2","has_next_page":false}}`)
	})
	first, next, err := c.Memberships(t.Context(), "")
	if err != nil || len(first) != 1 || next != "c/1" {
		t.Fatalf("%v %q %v", first, next, err)
	}
	second, next, err := c.Memberships(t.Context(), next)
	if err != nil || len(second) != 1 || second[0].ID != "mem_2" || next != "" {
		t.Fatalf("%v %q %v", second, next, err)
	}
}
