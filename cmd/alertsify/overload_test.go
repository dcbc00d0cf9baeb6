package main

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

// cancelsInWork keeps so many cancels of an order waiting for its row, which somebody
// else holds, until stop.
func (s *show) cancelsInWork(person, order string, n int) (stop func()) {
	s.t.Helper()
	tx, err := s.stage.db.Pool().Begin(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	var answered [6]atomic.Int64 // by hundreds
	ended := sync.OnceFunc(func() { _ = tx.Rollback(context.WithoutCancel(s.t.Context())) })
	s.t.Cleanup(func() { // before the program is taken down
		ended()
		if s.t.Failed() {
			s.t.Logf("cancels were answered with 2xx %d times, 4xx %d, 5xx %d", answered[2].Load(), answered[4].Load(), answered[5].Load())
		}
	})
	if _, err := tx.Exec(s.t.Context(), `set local idle_in_transaction_session_timeout = 0`); err != nil {
		s.t.Fatal(err)
	}
	if _, err := tx.Exec(s.t.Context(), `select from orders where id = $1 for update`, order); err != nil {
		s.t.Fatal(err)
	}
	ctx, end := context.WithCancel(s.t.Context())
	token := s.token(person, "trade")
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				r, err := http.NewRequestWithContext(ctx, http.MethodDelete, s.url+"/api/trading/orders/"+order, http.NoBody)
				if err != nil {
					s.t.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("Idempotency-Key", uuid.NewString())
				if answer, err := s.client.Do(r); err == nil {
					answered[answer.StatusCode/100].Add(1)
					_ = answer.Body.Close()
				}
			}
		})
	}
	return func() {
		end()
		all.Wait()
		ended()
	}
}

// Overload is real here: cancels that wait for a lock. First strangers go, then feeds,
// then entries; who wants to sell, cancel or see what they hold is served to the end.
func TestExitsOutliveOverload(t *testing.T) {
	t.Parallel()
	s := open(t, "BUSY_REQUESTS=16")
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.exec(`update subscriptions set status = 'paused'`) // or cara's question runs out in the middle
	bought := s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	position := s.reaches("ava", bought, "filled").PositionID
	s.mode("manual")
	first := s.working("ben", "BTO 1 AAPL 200C "+expiry+" @ 3.40").ID
	second := s.working("ben", "BTO 2 AAPL 200C "+expiry+" @ 3.35").ID
	works := s.working("ava", "BTO 1 AAPL 200C "+expiry+" @ 3.30").ID
	s.settled()
	defer func() {
		if t.Failed() {
			t.Logf("%s", regexp.MustCompile(`(?m)^alertsify_(overload|requests_in).*$`).FindAll(s.do("", "GET", "/metrics", "").body, -1))
		}
	}()
	strangers := func() int { return s.do("", "GET", "/login", "").status + s.do("", "GET", "/", "").status }
	feeds := func() int { return s.do("cara", "GET", "/api/copy-trading/traders", "").status }
	buy := func() answer {
		return s.do("ava", "POST", "/api/trading/orders", `{"line":"BTO 1 AAPL 200C `+expiry+` @ 3.40"}`, key())
	}
	if strangers() != 400 || feeds() != 200 {
		t.Fatalf("quiet: strangers %d, feeds %d", strangers(), feeds())
	}

	stop := s.cancelsInWork("ben", first, 9)
	s.eventually("strangers are refused", func() bool { return s.do("", "GET", "/", "").status == http.StatusServiceUnavailable })
	if feeds() != http.StatusOK {
		t.Error("feeds went with the strangers")
	}
	stop()

	stop = s.cancelsInWork("ben", second, 24)
	defer func() { stop() }()
	s.eventually("entries are refused", func() bool { return contains(s.do("", "GET", "/metrics", "").body, "\nalertsify_overload_level 3\n") })
	before := s.tally()
	if a := buy(); a.status != http.StatusServiceUnavailable || a.code() != "unavailable" || a.header.Get("Retry-After") == "" {
		t.Errorf("an entry: %d %s (Retry-After %q)", a.status, a.body, a.header.Get("Retry-After"))
	}
	if a := s.do("ava", "PATCH", "/api/trading/orders/"+works, `{"limitPrice":"3.20"}`, key()); a.status != http.StatusServiceUnavailable {
		t.Errorf("replacing an entry: %d %s", a.status, a.body)
	}
	if a := s.do("ava", "POST", "/api/trading/orders/preview", `{"line":"BTO 1 AAPL 200C `+expiry+` @ 3.40"}`); a.status != http.StatusServiceUnavailable {
		t.Errorf("looking at an entry: %d %s", a.status, a.body)
	}
	if a := s.do("cara", "POST", "/api/copy-trading/decisions/"+uuid.NewString()+"/approve", "", key()); a.status != http.StatusServiceUnavailable {
		t.Errorf("approving: %d %s", a.status, a.body)
	}
	form := url.Values{
		"key": {uuid.NewString()}, "side": {"BTO"}, "underlying": {"AAPL"}, "optionType": {"call"}, "strike": {"200"}, "expiration": {expiryDate},
		"quantity": {"1"}, "orderType": {"Limit"}, "limitPrice": {"3.40"}, "timeInForce": {"Day"},
	}.Encode()
	if a := s.do("ava", "POST", "/orders", form, "Content-Type: application/x-www-form-urlencoded"); a.status != http.StatusServiceUnavailable ||
		!strings.Contains(string(a.body), "selling and cancelling go on") {
		t.Errorf("an entry by the form: %d %s", a.status, a.body)
	}
	if got := feeds(); got != http.StatusServiceUnavailable {
		t.Errorf("feeds: %d", got)
	}
	s.wroteNothing(t, before)

	for _, path := range []string{"/api/positions", "/api/positions/" + position, "/api/trading/orders/" + works, "/positions", "/dashboard", "/api/health/ready"} {
		if a := s.do("ava", "GET", path, ""); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	exit := `{"line":"STC 1 AAPL 200C ` + expiry + ` @ 3.60"}`
	if a := s.do("ava", "POST", "/api/trading/orders/preview", exit); a.status != http.StatusOK {
		t.Errorf("looking at an exit: %d %s", a.status, a.body)
	}
	sold := s.place("ava", "STC 1 AAPL 200C "+expiry+" @ 3.60")
	s.reaches("ava", sold, "accepted")
	if a := s.do("ava", "PATCH", "/api/trading/orders/"+sold, `{"limitPrice":"3.70"}`, key()); a.status != http.StatusAccepted {
		t.Errorf("replacing an exit: %d %s", a.status, a.body)
	}
	if a := s.do("ava", "DELETE", "/api/trading/orders/"+works, "", key()); a.status != http.StatusAccepted {
		t.Errorf("a cancel: %d %s", a.status, a.body)
	}
	if a := s.do("ava", "POST", "/api/trading/halt", `{"level":"entries"}`); a.status >= 400 {
		t.Errorf("stopping: %d %s", a.status, a.body)
	}
	if !contains(s.do("", "GET", "/metrics", "").body, `alertsify_overload_refused_total{class="entry"} `) {
		t.Error("refusals are not counted")
	}

	stop()
	stop = func() {}
	s.do("ava", "DELETE", "/api/trading/halt", "")
	s.eventually("entries come in again", func() bool { return buy().status == http.StatusAccepted })
	s.eventually("and everybody", func() bool { return strangers() == 400 && feeds() == 200 })
}
