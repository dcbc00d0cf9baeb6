package sandbox

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

func TestSnapTradeRefusesWhatIsNotSigned(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	for name, spoil := range map[string]func(*http.Request){
		"no signature":    func(r *http.Request) { r.Header.Del("Signature") },
		"other signature": func(r *http.Request) { r.Header.Set("Signature", "AAAA") },
		"other query":     func(r *http.Request) { r.URL.RawQuery += "&x=1" },
		"other path":      func(r *http.Request) { r.URL.Path = "/snaptrade/authorizations" },
		"reordered query": func(r *http.Request) {
			q := r.URL.Query()
			r.URL.RawQuery = "userId=" + testUser + "&clientId=" + q.Get("clientId") + "&timestamp=" + q.Get("timestamp") + "&userSecret=" + q.Get("userSecret")
		},
	} {
		request := w.signedRequest(http.MethodGet, "/accounts", nil, nil)
		spoil(request)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d, want 401", name, response.StatusCode)
		}
	}
}

func TestSnapTradeRefusesAnOldTimestamp(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	for _, off := range []time.Duration{-301 * time.Second, 302 * time.Second} {
		real := w.options.Now
		w.options.Now = func() time.Time { return real().Add(off) }
		w.snap(http.MethodGet, "/accounts", nil, nil, http.StatusUnauthorized, nil)
		w.options.Now = real
	}
	w.snap(http.MethodGet, "/accounts", nil, nil, http.StatusOK, nil)
}

func TestAWrongUserSecretIsCode0000(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	w.secret = "guess"
	var refusal struct{ Code string }
	w.snap(http.MethodGet, "/accounts", nil, nil, http.StatusUnauthorized, &refusal)
	if refusal.Code != "0000" {
		t.Errorf("code %q, want 0000", refusal.Code)
	}
}

func TestTheRateLimitCountsARollingMinute(t *testing.T) {
	t.Parallel()
	w := openWorld(t, func(o *Options) { o.RatePerMinute = 3 })
	w.register()
	header := w.snap(http.MethodGet, "/accounts", nil, nil, http.StatusOK, nil)
	if got := header.Get("X-RateLimit-Remaining"); got != "1" {
		t.Errorf("remaining %s, want 1", got)
	}
	w.snap(http.MethodGet, "/accounts", nil, nil, http.StatusOK, nil)
	header = w.snap(http.MethodGet, "/accounts", nil, nil, http.StatusTooManyRequests, nil)
	if header.Get("X-RateLimit-Remaining") != "0" || header.Get("X-RateLimit-Limit") != "3" {
		t.Errorf("headers of the refusal: %v", header)
	}
}

func TestUserLifeCycle(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	first := w.secret
	w.snap(http.MethodPost, "/snapTrade/registerUser", nil, map[string]string{"userId": testUser}, http.StatusBadRequest, nil)
	var users []string
	w.snap(http.MethodGet, "/snapTrade/listUsers", nil, nil, http.StatusOK, &users)
	if len(users) != 1 || users[0] != testUser {
		t.Errorf("users %v", users)
	}
	var renewed struct{ UserSecret string }
	w.snap(http.MethodPost, "/snapTrade/resetUserSecret", nil, map[string]string{"userId": testUser, "userSecret": first}, http.StatusOK, &renewed)
	w.snap(http.MethodGet, "/accounts", nil, nil, http.StatusUnauthorized, nil)
	w.secret = renewed.UserSecret
	w.snap(http.MethodGet, "/accounts", nil, nil, http.StatusOK, nil)
	w.snap(http.MethodDelete, "/snapTrade/deleteUser", url.Values{"userId": {testUser}}, nil, http.StatusOK, nil)
	w.snap(http.MethodGet, "/accounts", nil, nil, http.StatusUnauthorized, nil)
	eventually(t, "USER_DELETED", func() bool { return last(w.hooks.events()) == "USER_DELETED" })
}

func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

func TestBrokersOfEveryKindAreListed(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	var list []struct {
		Slug        string
		Enabled     bool
		Maintenance bool `json:"maintenance_mode"`
		Trading     bool `json:"allows_trading"`
	}
	w.snap(http.MethodGet, "/brokerages", nil, nil, http.StatusOK, &list)
	trading, readOnly, off := 0, 0, 0
	for _, b := range list {
		switch {
		case !b.Enabled || b.Maintenance:
			off++
		case b.Trading:
			trading++
		default:
			readOnly++
		}
	}
	if trading < 3 || readOnly < 1 || off < 1 {
		t.Errorf("trading %d, read-only %d, off %d", trading, readOnly, off)
	}
}

func TestAReadOnlyConnectionCannotTrade(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	account := w.connectBroker("ROBINHOOD")
	w.snap(http.MethodPost, "/accounts/"+account+"/trading/options", nil, optionBody("BUY_TO_OPEN", 1, "1.00"), http.StatusForbidden, nil)
	if len(w.book(account)) != 0 {
		t.Error("the book holds an order of a read-only account")
	}
}

func TestABrokerWithoutListsAnswers501(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	account := w.connectBroker("PUBLIC")
	made := w.place(account, "BUY_TO_OPEN", 1, "")
	w.snap(http.MethodGet, "/accounts/"+account+"/recentOrders", nil, nil, http.StatusNotImplemented, nil)
	w.snap(http.MethodGet, "/accounts/"+account+"/orders", nil, nil, http.StatusNotImplemented, nil)
	if got := w.detail(account, made.ID); got.ID != made.ID {
		t.Errorf("details %+v", got)
	}
}

func TestWithdrawnEndpoints(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	w.snap(http.MethodGet, "/accounts/"+account+"/holdings", nil, nil, http.StatusGone, nil)
	var refusal struct {
		Code string `json:"default_code"`
	}
	w.snap(http.MethodGet, "/accounts/"+account+"/quotes/options", url.Values{"symbol": {testOption}}, nil, http.StatusNotFound, &refusal)
	if refusal.Code != "1011" {
		t.Errorf("code %q, want 1011", refusal.Code)
	}
}

func TestTradeDetectionSubscriptions(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	body := map[string]any{"account_id": account, "check_interval_seconds": 300}
	w.snap(http.MethodPost, "/snapTrade/tradeDetection/subscriptions", nil, body, http.StatusCreated, nil)
	var list []struct{ Cost string }
	w.snap(http.MethodGet, "/snapTrade/tradeDetection/subscriptions", nil, nil, http.StatusOK, &list)
	if len(list) != 1 || list[0].Cost != "2.50" {
		t.Errorf("subscriptions %+v", list)
	}
	for range 2 {
		w.snap(http.MethodPost, "/snapTrade/tradeDetection/subscriptions/cancel", nil, map[string]any{"account_id": account}, http.StatusOK, nil)
	}
	w.snap(http.MethodPost, "/snapTrade/tradeDetection/subscriptions", nil, body, http.StatusOK, nil)
}
