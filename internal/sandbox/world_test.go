package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testClient = "ALERTSIFY-TEST"
	testKey    = "ck_test_3f9c1a77"
	testUser   = "0b0c1a77-0000-4000-8000-000000001001"
	testOption = "AAPL  270115C00200000"
)

// testNow is a Wednesday morning in New York; the clock of a test world ticks on from it.
var testNow = time.Date(2026, 11, 18, 15, 0, 0, 0, time.UTC)

// testWorld is a running sandbox with an application behind its webhooks.
type testWorld struct {
	*World
	t      *testing.T
	hooks  *hookServer
	secret string
}

// hookServer is the application's webhook door.
type hookServer struct {
	mu     sync.Mutex
	status int
	got    []hookCall
}

type hookCall struct {
	Signature string
	Body      []byte
}

func (h *hookServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, hookCall{r.Header.Get("Signature"), body})
	w.WriteHeader(h.status)
}

func (h *hookServer) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

// events lists the received event types, in order.
func (h *hookServer) events() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	types := []string{}
	for _, call := range h.got {
		types = append(types, call.text("eventType"))
	}
	return types
}

func (h *hookServer) calls() []hookCall {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]hookCall{}, h.got...)
}

func (c hookCall) text(key string) string {
	var object map[string]any
	if json.Unmarshal(c.Body, &object) != nil {
		return ""
	}
	text, _ := object[key].(string)
	return text
}

func (c hookCall) signed() bool {
	text, err := canonical(c.Body)
	return err == nil && signature(testKey, text) == c.Signature
}

// openWorld opens a world without a journal folder.
func openWorld(t *testing.T, change ...func(*Options)) *testWorld {
	t.Helper()
	door := &hookServer{status: http.StatusOK}
	app := httptest.NewServer(door)
	t.Cleanup(app.Close)
	started := time.Now()
	options := Options{
		ClientID: testClient, ConsumerKey: testKey, WebhookURL: app.URL + "/webhooks/snaptrade", Seed: 7,
		Now: func() time.Time { return testNow.Add(time.Since(started)) },
	}
	for _, c := range change {
		c(&options)
	}
	world, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- world.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := world.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	w := &testWorld{World: world, t: t, hooks: door}
	w.must(http.MethodPost, "/_sandbox/market", `{"frozen":true}`, nil)
	return w
}

// readyWorld is openWorld with a registered user and a trading account.
func readyWorld(t *testing.T, change ...func(*Options)) (w *testWorld, account string) {
	t.Helper()
	w = openWorld(t, change...)
	w.register()
	return w, w.connectBroker("ALPACA-PAPER")
}

func (w *testWorld) register() {
	w.t.Helper()
	var user struct{ UserSecret string }
	w.snap(http.MethodPost, "/snapTrade/registerUser", nil, map[string]string{"userId": testUser}, http.StatusOK, &user)
	w.secret = user.UserSecret
}

// connectBroker finishes the portal and returns the new account's id.
func (w *testWorld) connectBroker(slug string) string {
	w.t.Helper()
	var made struct{ Data struct{ Accounts []string } }
	w.must(http.MethodPost, "/_sandbox/connect", `{"user":"`+testUser+`","broker":"`+slug+`"}`, &made)
	return made.Data.Accounts[0]
}

// must does a control call that has to answer 200.
func (w *testWorld) must(method, path, body string, into any) {
	w.t.Helper()
	if status, raw := w.plain(method, path, body); status != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s", method, path, status, raw)
	} else if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			w.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
}

func (w *testWorld) plain(method, path, body string) (int, []byte) {
	w.t.Helper()
	request, err := http.NewRequest(method, w.URL()+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, raw
}

// snap does a signed SnapTrade call that has to answer a status.
func (w *testWorld) snap(method, path string, query url.Values, body any, want int, into any) http.Header {
	w.t.Helper()
	response, raw, err := w.trySnap(method, path, query, body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	if response.StatusCode != want {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, path, response.StatusCode, want, raw)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			w.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return response.Header
}

func (w *testWorld) trySnap(method, path string, query url.Values, body any) (*http.Response, []byte, error) {
	w.t.Helper()
	request := w.signedRequest(method, path, query, body)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	return response, raw, err
}

func (w *testWorld) signedRequest(method, path string, query url.Values, body any) *http.Request {
	w.t.Helper()
	if query == nil {
		query = url.Values{}
	}
	query.Set("clientId", testClient)
	query.Set("timestamp", strconv.FormatInt(w.options.Now().Unix(), 10))
	if w.secret != "" {
		query.Set("userId", testUser)
		query.Set("userSecret", w.secret)
	}
	var content []byte
	if body != nil {
		content, _ = json.Marshal(body)
	}
	raw := query.Encode()
	text, err := requestText(content, "/snaptrade"+path, raw)
	if err != nil {
		w.t.Fatal(err)
	}
	request, err := http.NewRequest(method, w.URL()+"/snaptrade"+path+"?"+raw, bytes.NewReader(content))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Signature", signature(testKey, text))
	return request
}

// optionBody is a one-leg order.
func optionBody(action string, units int, limit string) map[string]any {
	body := map[string]any{
		"order_type": "MARKET", "time_in_force": "Day",
		"legs": []any{map[string]any{
			"instrument": map[string]any{"symbol": testOption, "instrument_type": "OPTION"}, "action": action, "units": units,
		}},
	}
	if limit != "" {
		body["order_type"], body["limit_price"], body["price_effect"] = "LIMIT", limit, "DEBIT"
	}
	return body
}

// orderV1 is what the tests read of an order.
type orderV1 struct {
	ID        string  `json:"brokerage_order_id"`
	Status    string  `json:"status"`
	Action    string  `json:"action"`
	Total     string  `json:"total_quantity"`
	Open      string  `json:"open_quantity"`
	Filled    string  `json:"filled_quantity"`
	Canceled  string  `json:"canceled_quantity"`
	Price     *string `json:"execution_price"`
	OrderType string  `json:"order_type"`
	TIF       string  `json:"time_in_force"`
}

// place sends an order and returns the record in the answer.
func (w *testWorld) place(account, action string, quantity int, limit string) orderV1 {
	w.t.Helper()
	var made struct{ Orders []orderV1 }
	w.snap(http.MethodPost, "/accounts/"+account+"/trading/options", nil, optionBody(action, quantity, limit), http.StatusOK, &made)
	return made.Orders[0]
}

func (w *testWorld) recent(account string) []orderV1 {
	w.t.Helper()
	var list struct{ Orders []orderV1 }
	w.snap(http.MethodGet, "/accounts/"+account+"/recentOrders", url.Values{"only_executed": {"false"}}, nil, http.StatusOK, &list)
	return list.Orders
}

// detail reads one order.
func (w *testWorld) detail(account, id string) orderV1 {
	w.t.Helper()
	var o orderV1
	w.snap(http.MethodPost, "/accounts/"+account+"/orders/details", nil, map[string]string{"brokerage_order_id": id}, http.StatusOK, &o)
	return o
}

func (w *testWorld) book(account string) []BookRow {
	w.t.Helper()
	var book struct{ Data []BookRow }
	w.must(http.MethodGet, "/_sandbox/broker/orders?account="+account, "", &book)
	return book.Data
}

func (w *testWorld) mode(account, mode string) {
	w.t.Helper()
	w.must(http.MethodPost, "/_sandbox/broker/mode", `{"account":"`+account+`","mode":"`+mode+`"}`, nil)
}

func (w *testWorld) fault(f Fault) {
	w.t.Helper()
	body, _ := json.Marshal(f)
	w.must(http.MethodPost, "/_sandbox/faults", string(body), nil)
}

// eventually waits for something the background work does.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}

func TestOnlyThisMachineIsAnswered(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	for host, want := range map[string]int{
		"localhost:4000": http.StatusOK, "127.0.0.1": http.StatusOK, "[::1]:80": http.StatusOK,
		"evil.example": http.StatusMisdirectedRequest, "127.0.0.1.evil.example:80": http.StatusMisdirectedRequest,
	} {
		request := httptest.NewRequest(http.MethodGet, "/_sandbox/log", nil)
		request.Host = host
		answer := httptest.NewRecorder()
		w.Handler().ServeHTTP(answer, request)
		if answer.Code != want {
			t.Errorf("host %s: %d, want %d", host, answer.Code, want)
		}
	}
}

func TestControlRefusesPagesOfOtherSites(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	request := httptest.NewRequest(http.MethodPost, "/_sandbox/faults", strings.NewReader(`{}`))
	request.Host = "localhost"
	request.Header.Set("Origin", "https://evil.example")
	answer := httptest.NewRecorder()
	w.Handler().ServeHTTP(answer, request)
	if answer.Code != http.StatusForbidden {
		t.Errorf("status %d, want 403", answer.Code)
	}
}
