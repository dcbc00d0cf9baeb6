package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// whopReceiver notes the events that come, and answers as it is told to.
type whopReceiver struct {
	mu     sync.Mutex
	ids    []string
	bodies []string
	stamps []string
	signed int
	status int
}

const whopTestSecret = "ws_0123"

func (r *whopReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	id, stamp := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	mac := hmac.New(sha256.New, []byte(whopTestSecret))
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	if req.Header.Get("webhook-signature") == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		r.signed++
	}
	r.ids, r.bodies, r.stamps = append(r.ids, id), append(r.bodies, string(body)), append(r.stamps, stamp)
	w.WriteHeader(r.status)
}

func (r *whopReceiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *whopReceiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ids)
}

func (r *whopReceiver) wait(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); r.count() < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d events came of %d", r.count(), n)
		}
	}
}

// shop is a sandbox whose Whop has a receiver.
func shop(t *testing.T) (*World, *whopReceiver) {
	t.Helper()
	receiver := &whopReceiver{status: http.StatusOK}
	server := httptest.NewServer(receiver)
	w, err := Open(Options{Seed: 2, WhopWebhookURL: server.URL, WhopWebhookSecret: whopTestSecret})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
		server.Close()
	})
	return w, receiver
}

func askWhop(t *testing.T, w *World, method, path, body string, headers ...string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+WhopKey)
	r.Header.Set("Api-Version-Date", "2026-09-29")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, _ := io.ReadAll(resp.Body)
	var out map[string]any
	if err := json.Unmarshal(bytes.TrimSpace(raw), &out); err != nil {
		t.Fatalf("%s %s: %s", method, path, raw)
	}
	return resp.StatusCode, out
}

func TestWhopHoldsTheKeyAndTheVersion(t *testing.T) {
	t.Parallel()
	w, _ := shop(t)
	for name, c := range map[string]struct {
		headers []string
		want    int
	}{
		"good": {nil, 200}, "no key": {[]string{"Authorization", ""}, 401}, "wrong key": {[]string{"Authorization", "Bearer x"}, 401},
		"unknown version": {[]string{"Api-Version-Date", "2030-01-01"}, 400}, "no version": {[]string{"Api-Version-Date", ""}, 200},
	} {
		if got, body := askWhop(t, w, "GET", "/whop/api/v1/memberships?account_id="+WhopAccount, "", c.headers...); got != c.want {
			t.Errorf("%s: %d %v", name, got, body)
		}
	}
}

func TestWhopShowsBothShapesAndItsTrap(t *testing.T) {
	t.Parallel()
	w, r := shop(t)
	_, made := askWhop(t, w, "POST", "/_sandbox/whop/event", `{"type":"membership.activated","user":"ben"}`)
	id := made["data"].(map[string]any)["membership"].(string)
	license := made["data"].(map[string]any)["license"].(string)
	_, now := askWhop(t, w, "GET", "/whop/api/v1/memberships/"+id, "")
	_, then := askWhop(t, w, "GET", "/whop/api/v1/memberships/"+license, "", "Api-Version-Date", "")
	if now["user_id"] != "user_ben" || now["current_period_end"] == nil || then["user"] == nil || then["renewal_period_end"] != now["current_period_end"] {
		t.Errorf("now %v\nthen %v", now, then)
	}
	status, kept := askWhop(t, w, "POST", "/whop/api/v1/memberships/"+id+"/cancel", `{"cancel_at_period_end":true}`, "Idempotency-Key", "k")
	_, again := askWhop(t, w, "POST", "/whop/api/v1/memberships/"+id+"/cancel", `{"cancel_at_period_end":true}`, "Idempotency-Key", "k")
	other, _ := askWhop(t, w, "POST", "/whop/api/v1/memberships/"+id+"/cancel", `{}`, "Idempotency-Key", "k")
	if status != 200 || kept["status"] != "canceling" || again["status"] != "canceling" || other != 400 {
		t.Errorf("%d %v, again %v, with another body %d", status, kept, again, other)
	}
	if _, atOnce := askWhop(t, w, "POST", "/whop/api/v1/memberships/"+id+"/cancel", `{}`); atOnce["status"] != "canceled" {
		t.Errorf("without an explicit true: %v", atOnce["status"])
	}
	r.wait(t, 3)
	for _, e := range w.deps.log.List("whop", 0) {
		if strings.Contains(e.Path+string(e.Body), license) {
			t.Errorf("the log shows the license key: %s %s", e.Path, e.Body)
		}
	}
}

func TestWhopSendsSignsRepeatsAndReplays(t *testing.T) {
	t.Parallel()
	w, r := shop(t)
	askWhop(t, w, "POST", "/_sandbox/whop/settings", `{"retryFactor":6000}`) // 30 s are 5 ms
	r.answer(http.StatusInternalServerError)
	askWhop(t, w, "POST", "/_sandbox/whop/event", `{"type":"membership.activated","user":"ben"}`)
	r.wait(t, 3)
	r.answer(http.StatusOK)
	r.mu.Lock()
	for _, id := range r.ids {
		if id != r.ids[0] {
			t.Errorf("a repeat has another id: %v", r.ids)
		}
	}
	if r.signed != len(r.ids) {
		t.Errorf("%d of %d are signed", r.signed, len(r.ids))
	}
	r.mu.Unlock()
	status, out := askWhop(t, w, "POST", "/whop/api/v1/webhooks/hook_sandbox/replay", `{"sent_after":"2020-01-01T00:00:00Z"}`)
	if status != 200 || out["replayed"] != 1.0 {
		t.Errorf("%d %v", status, out)
	}
	askWhop(t, w, "POST", "/_sandbox/whop/settings", `{"duplicates":2,"shuffle":true}`)
	before := r.count()
	for _, kind := range []string{"payment.succeeded", "payment.failed"} {
		askWhop(t, w, "POST", "/_sandbox/whop/event", `{"type":"`+kind+`","user":"ben"}`)
	}
	r.wait(t, before+6)
}

func TestWhopSwitchesADeadEndpointOff(t *testing.T) {
	t.Parallel()
	w, r := shop(t)
	askWhop(t, w, "POST", "/_sandbox/whop/settings", `{"retryFactor":6000000}`) // 72 h are 43 ms
	r.answer(http.StatusInternalServerError)
	for range 3 {
		askWhop(t, w, "POST", "/_sandbox/whop/event", `{"type":"membership.updated","user":"ben"}`)
	}
	off := func() bool {
		_, list := askWhop(t, w, "GET", "/whop/api/v1/webhooks", "")
		hook := list["data"].([]any)[0].(map[string]any)
		return hook["enabled"] == false && hook["disabled_reason"] == "delivery_failures"
	}
	for end := time.Now().Add(10 * time.Second); !off(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is still on")
		}
	}
	n := r.count()
	askWhop(t, w, "POST", "/_sandbox/whop/event", `{"type":"membership.updated","user":"ben"}`)
	if r.count() != n {
		t.Error("a dead endpoint was asked")
	}
	r.answer(http.StatusOK)
	if _, hook := askWhop(t, w, "PATCH", "/whop/api/v1/webhooks/hook_sandbox", `{"enabled":true}`); hook["enabled"] != true {
		t.Errorf("%v", hook)
	}
	askWhop(t, w, "POST", "/_sandbox/whop/event", `{"type":"membership.updated","user":"ben"}`)
	r.wait(t, n+1)
}
