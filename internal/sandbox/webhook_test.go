package sandbox

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

var connectEvents = []string{
	"USER_REGISTERED", "CONNECTION_ATTEMPTED", "CONNECTION_ADDED", "NEW_ACCOUNT_AVAILABLE",
	"ACCOUNT_TRANSACTIONS_INITIAL_UPDATE", "ACCOUNT_HOLDINGS_UPDATED",
}

func TestConnectingSendsSignedWebhooksInOrder(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	eventually(t, "all events", func() bool { return slices.Equal(w.hooks.events(), connectEvents) })
	for _, call := range w.hooks.calls() {
		if !call.signed() {
			t.Errorf("not signed: %s", call.Body)
		}
		if !bytes.Contains(call.Body, []byte(`", "eventType": "`)) {
			t.Errorf("not Python's spacing: %s", call.Body)
		}
	}
	if got := w.hooks.calls()[3].text("accountId"); got != account {
		t.Errorf("account %s, want %s", got, account)
	}
	// The receiver has the last one a moment before the sender knows how it was answered.
	eventually(t, "all events in the log", func() bool { return len(w.deps.log.List("webhook", 0)) == len(connectEvents) })
	for _, logged := range w.deps.log.List("webhook", 0) {
		if logged.Status != http.StatusOK {
			t.Errorf("log %+v", logged)
		}
	}
}

func TestUndeliveredWebhooksAreSentThreeTimesMore(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.must(http.MethodPost, "/_sandbox/webhooks", `{"retryScale":0.00001}`, nil)
	w.hooks.answer(http.StatusBadRequest)
	w.register()
	eventually(t, "four attempts", func() bool { return len(w.hooks.calls()) == 4 })
	calls := w.hooks.calls()
	for _, call := range calls[1:] {
		if !bytes.Equal(call.Body, calls[0].Body) {
			t.Errorf("a re-send differs: %s", call.Body)
		}
	}
}

func TestEveryTwoHundredOneTwoFourIsDelivered(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{200: true, 201: true, 202: true, 204: true, 203: false, 302: false, 401: false, 500: false, 0: false} {
		if delivered(status) != want {
			t.Errorf("delivered(%d) = %v", status, !want)
		}
	}
}

func TestWebhookFaults(t *testing.T) {
	t.Parallel()
	refresh := func(w *testWorld) {
		c := w.snaptrade.registry.connectionsOf(testUser)[0]
		w.snap(http.MethodPost, "/authorizations/"+c.ID+"/refresh", nil, nil, http.StatusOK, nil)
	}
	for mode, check := range map[string]func(*testing.T, *testWorld) bool{
		faultDuplicateWebhook: func(_ *testing.T, w *testWorld) bool {
			calls := w.hooks.calls()
			return len(calls) == 8 && bytes.Equal(calls[6].Body, calls[7].Body)
		},
		faultBadSignature: func(_ *testing.T, w *testWorld) bool {
			calls := w.hooks.calls()
			return len(calls) == 7 && calls[6].Signature != "" && !calls[6].signed()
		},
		faultStaleWebhook: func(_ *testing.T, w *testWorld) bool {
			calls := w.hooks.calls()
			if len(calls) != 7 {
				return false
			}
			at, err := time.Parse(time.RFC3339, calls[6].text("eventTimestamp"))
			return err == nil && w.options.Now().Sub(at) > 9*time.Minute && calls[6].signed()
		},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w, _ := readyWorld(t)
			eventually(t, "connected", func() bool { return len(w.hooks.calls()) == 6 })
			w.fault(Fault{Target: "webhook", Match: "HOLDINGS", Mode: mode, Count: 1})
			refresh(w)
			eventually(t, mode, func() bool { return check(t, w) })
		})
	}
}

func TestReorderedWebhooksAreOvertaken(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	w.fault(Fault{Target: "snaptrade", Match: "CONNECTION_ADDED", Mode: faultReorderWebhooks, Count: 1})
	w.connectBroker("WEBULL")
	eventually(t, "all events", func() bool { return len(w.hooks.events()) == len(connectEvents) })
	got := w.hooks.events()
	if slices.Index(got, "CONNECTION_ADDED") < slices.Index(got, "NEW_ACCOUNT_AVAILABLE") {
		t.Errorf("order %s", strings.Join(got, " "))
	}
}

func TestTradeUpdatesAreOffUntilSwitchedOn(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.mode(account, modeImmediate)
	w.place(account, "BUY_TO_OPEN", 1, "1.00")
	w.must(http.MethodPost, "/_sandbox/webhooks", `{"tradeUpdates":true}`, nil)
	w.place(account, "BUY_TO_OPEN", 1, "1.00")
	eventually(t, "both kinds", func() bool {
		got := w.hooks.events()
		return slices.Contains(got, "TRADE_UPDATE") && slices.Contains(got, "TRADE_DETECTION")
	})
	detections := 0
	for _, kind := range w.hooks.events() {
		if kind == "TRADE_DETECTION" {
			detections++
		}
	}
	if detections != 1 {
		t.Errorf("%d detections, want that of the second order only", detections)
	}
}

func TestRawEventsCarryTheSignatureTheyAreGiven(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.hooks.answer(http.StatusUnauthorized)
	var answer struct{ Data struct{ Status int } }
	w.must(http.MethodPost, "/_sandbox/snaptrade/event", `{"raw":"{\"a\": 1}","signature":"forged"}`, &answer)
	calls := w.hooks.calls()
	if len(calls) != 1 || calls[0].Signature != "forged" || string(calls[0].Body) != `{"a": 1}` || answer.Data.Status != http.StatusUnauthorized {
		t.Errorf("calls %+v, answer %+v", calls, answer)
	}
	w.must(http.MethodPost, "/_sandbox/snaptrade/event", `{"raw":"{\"a\": 1.0}"}`, nil)
	if calls = w.hooks.calls(); !calls[len(calls)-1].signed() {
		t.Error("a raw event without a signature is not signed rightly")
	}
}

func TestEventsChangeTheStateTheyTellOf(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	send := func(kind string) {
		w.must(http.MethodPost, "/_sandbox/snaptrade/event", `{"eventType":"`+kind+`","user":"`+testUser+`","account":"`+account+`"}`, nil)
	}
	disabled := func() bool { return w.snaptrade.registry.connectionsOf(testUser)[0].Disabled != nil }
	send("CONNECTION_BROKEN")
	if !disabled() {
		t.Error("CONNECTION_BROKEN left the connection working")
	}
	send("CONNECTION_FIXED")
	if disabled() {
		t.Error("CONNECTION_FIXED left the connection broken")
	}
	send("ACCOUNT_REMOVED")
	w.snap(http.MethodGet, "/accounts/"+account, nil, nil, http.StatusNotFound, nil)
	if status, _ := w.plain(http.MethodPost, "/_sandbox/snaptrade/event", `{"eventType":"CONNECTION_BROKEN","user":"nobody"}`); status != http.StatusNotFound {
		t.Errorf("an unknown user: %d", status)
	}
}
