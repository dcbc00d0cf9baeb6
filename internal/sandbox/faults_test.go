package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// placeTry places with whatever answer the fault leaves.
func (w *testWorld) placeTry(account string) (status int, body []byte, err error) {
	w.t.Helper()
	response, raw, err := w.trySnap(http.MethodPost, "/accounts/"+account+"/trading/options", nil, optionBody("BUY_TO_OPEN", 1, "1.00"))
	if err != nil {
		return 0, nil, err
	}
	return response.StatusCode, raw, nil
}

// What each HTTP fault does to a placement: whether the caller sees an answer,
// and whether the broker has the order.
func TestHTTPFaultsOfPlacing(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]struct {
		status int // 0: the connection is dropped
		orders int
		json   bool
	}{
		faultError:         {http.StatusInternalServerError, 0, true},
		faultThrottle:      {http.StatusTooManyRequests, 0, true},
		faultDropBefore:    {0, 0, false},
		faultAcceptDrop:    {0, 1, false},
		faultAcceptError:   {http.StatusInternalServerError, 1, true},
		faultAcceptGarbage: {http.StatusOK, 1, false},
		faultDelay:         {http.StatusOK, 1, true},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w, account := readyWorld(t)
			w.fault(Fault{Target: "snaptrade", Match: "POST /accounts/" + account + "/trading", Mode: mode, Count: 1, DelayMs: 20})
			status, body, err := w.placeTry(account)
			if status != want.status || (err == nil) != (want.status != 0) {
				t.Errorf("status %d, %v; want %d", status, err, want.status)
			}
			if err == nil && json.Valid(body) != want.json {
				t.Errorf("body %q", body)
			}
			if got := len(w.book(account)); got != want.orders {
				t.Errorf("%d orders in the book, want %d", got, want.orders)
			}
			if status, _, err := w.placeTry(account); status != http.StatusOK {
				t.Errorf("the fault was not used up: %d %v", status, err)
			}
		})
	}
}

func TestADelayHoldsTheAnswer(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.fault(Fault{Target: "snaptrade", Match: "balances", Mode: faultDelay, Count: 1, DelayMs: 150})
	began := time.Now()
	w.snap(http.MethodGet, "/accounts/"+account+"/balances", nil, nil, http.StatusOK, nil)
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("answered after %s", took)
	}
}

func TestAThrottleCarriesTheRateHeaders(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.fault(Fault{Target: "snaptrade", Match: "balances", Mode: faultThrottle, Count: 1})
	header := w.snap(http.MethodGet, "/accounts/"+account+"/balances", nil, nil, http.StatusTooManyRequests, nil)
	if header.Get("X-RateLimit-Remaining") != "0" || header.Get("X-RateLimit-Reset") == "" {
		t.Errorf("headers %v", header)
	}
}

func TestAnErrorTakesItsStatus(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.fault(Fault{Target: "snaptrade", Match: "recentOrders", Mode: faultError, Status: http.StatusNotImplemented})
	var refusal struct{ Error string }
	w.snap(http.MethodGet, "/accounts/"+account+"/recentOrders", nil, nil, http.StatusNotImplemented, &refusal)
	if refusal.Error == "" {
		t.Error("501 without the error key")
	}
	w.snap(http.MethodGet, "/accounts/"+account+"/recentOrders", nil, nil, http.StatusNotImplemented, nil)
	w.must(http.MethodDelete, "/_sandbox/faults", "", nil)
	w.recent(account)
}

func TestAFaultKeepsToItsAccount(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	other := w.connectBroker("TASTYTRADE")
	w.fault(Fault{Target: "snaptrade", Match: "balances", Account: account, Mode: faultError, Status: http.StatusServiceUnavailable})
	w.snap(http.MethodGet, "/accounts/"+other+"/balances", nil, nil, http.StatusOK, nil)
	w.snap(http.MethodGet, "/accounts/"+account+"/balances", nil, nil, http.StatusServiceUnavailable, nil)
	w.must(http.MethodDelete, "/_sandbox/faults", "", nil)
	if err := w.Name(testUser, "ava"); err != nil {
		t.Fatal(err)
	}
	w.fault(Fault{Target: "snaptrade", Account: "ava", Mode: faultError, Status: http.StatusServiceUnavailable})
	w.snap(http.MethodGet, "/accounts/"+other+"/balances", nil, nil, http.StatusServiceUnavailable, nil)
	w.snap(http.MethodGet, "/accounts", nil, nil, http.StatusServiceUnavailable, nil)
	w.snap(http.MethodGet, "/brokerages", url.Values{"userId": {"x"}}, nil, http.StatusServiceUnavailable, nil)
}

// still is the clock of a world whose time passes only when the test says so: however
// long a busy machine takes, no instant is missed.
type still struct{ passed atomic.Int64 }

func (c *still) set(o *Options) {
	o.Now = func() time.Time { return testNow.Add(time.Duration(c.passed.Load())) }
}

func (c *still) pass(d time.Duration) { c.passed.Add(int64(d)) }

func TestALateOrderIsNotListedAtOnce(t *testing.T) {
	t.Parallel()
	var clock still
	w, account := readyWorld(t, clock.set)
	w.fault(Fault{Target: "snaptrade", Mode: faultLateListing, Account: account, Count: 1, DelayMs: 400})
	made := w.place(account, "BUY_TO_OPEN", 1, "1.00")
	if list := w.recent(account); len(list) != 0 {
		t.Errorf("listed at once: %+v", list)
	}
	if len(w.book(account)) != 1 {
		t.Error("the referee does not know the order")
	}
	clock.pass(400 * time.Millisecond)
	eventually(t, "the order is listed", func() bool {
		list := w.recent(account)
		return len(list) == 1 && list[0].ID == made.ID
	})
}

func TestAnIncompleteListLeavesOutTheNewest(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	first := w.place(account, "BUY_TO_OPEN", 1, "1.00")
	w.place(account, "BUY_TO_OPEN", 1, "1.00")
	w.fault(Fault{Target: "snaptrade", Match: "recentOrders", Mode: faultIncompleteListing, Count: 1})
	if list := w.recent(account); len(list) != 1 || list[0].ID != first.ID {
		t.Errorf("list %+v", list)
	}
	if list := w.recent(account); len(list) != 2 {
		t.Errorf("the next list: %+v", list)
	}
}

func TestALowerCumIsAnOlderView(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.mode(account, modeImmediate)
	o := w.place(account, "BUY_TO_OPEN", 3, "1.00")
	w.fault(Fault{Target: "snaptrade", Match: "orders/details", Mode: faultLowerCum, Count: 1})
	if got := w.detail(account, o.ID); got.Filled != "2.000000000" || got.Status != statusPartial {
		t.Errorf("older view %+v", got)
	}
	if got := w.detail(account, o.ID); got.Filled != "3.000000000" || got.Status != statusExecuted {
		t.Errorf("true view %+v", got)
	}
}

func TestAFillCanWinAgainstACancel(t *testing.T) {
	t.Parallel()
	var clock still
	w, account := readyWorld(t, clock.set)
	w.mode(account, modeManual)
	o := w.place(account, "BUY_TO_OPEN", 3, "1.00")
	w.fault(Fault{Target: "snaptrade", Match: "trading/cancel", Mode: faultFillAfterCancel, Count: 1, DelayMs: 300})
	w.snap(http.MethodPost, "/accounts/"+account+"/trading/cancel", nil, map[string]string{"brokerage_order_id": o.ID}, http.StatusOK, nil)
	if got := w.detail(account, o.ID); got.Status != statusCancelPending {
		t.Errorf("right after the cancel: %+v", got)
	}
	clock.pass(300 * time.Millisecond)
	eventually(t, "it fills after all", func() bool {
		got := w.detail(account, o.ID)
		return got.Status == statusExecuted && got.Filled == "3.000000000"
	})
}

func TestAConnectionBreaksOnDemand(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.fault(Fault{Target: "snaptrade", Match: "trading/options", Mode: faultBrokenConnection, Count: 1})
	var refusal struct{ Code string }
	w.snap(http.MethodPost, "/accounts/"+account+"/trading/options", nil, optionBody("BUY_TO_OPEN", 1, "1.00"), http.StatusPaymentRequired, &refusal)
	if refusal.Code != "3003" || len(w.book(account)) != 0 {
		t.Errorf("code %q, %d orders", refusal.Code, len(w.book(account)))
	}
	w.snap(http.MethodPost, "/accounts/"+account+"/trading/options", nil, optionBody("BUY_TO_OPEN", 1, "1.00"), http.StatusPaymentRequired, nil)
	eventually(t, "CONNECTION_BROKEN", func() bool { return last(w.hooks.events()) == "CONNECTION_BROKEN" })
	w.must(http.MethodPost, "/_sandbox/snaptrade/event", `{"eventType":"CONNECTION_FIXED","user":"`+testUser+`"}`, nil)
	if got := w.place(account, "BUY_TO_OPEN", 1, "1.00"); got.Status != statusPending {
		t.Errorf("after the repair: %+v", got)
	}
}

func TestUnknownFaultsAreRefused(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	for _, body := range []string{`{"target":"snaptrade","mode":"explode"}`, `{"target":"snaptrade","mode":"error","status":99}`, `{"mode":"error","colour":"red"}`} {
		if status, raw := w.plain(http.MethodPost, "/_sandbox/faults", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, status, raw)
		}
	}
}
