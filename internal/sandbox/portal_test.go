package sandbox

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// openPortal asks for a link.
func (w *testWorld) openPortal(form map[string]any) string {
	w.t.Helper()
	var link struct{ RedirectURI string }
	w.snap(http.MethodPost, "/snapTrade/login", nil, form, http.StatusOK, &link)
	return link.RedirectURI
}

// press submits a portal form and returns the page, or where it redirects.
func (w *testWorld) press(link, button string, form url.Values) (int, *url.URL) {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.PostForm(link+"/"+button, form)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = response.Body.Close()
	next, err := url.Parse(response.Header.Get("Location"))
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, next
}

func TestThePortalConnectsABroker(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	link := w.openPortal(map[string]any{
		"connectionType": "trade-if-available", "immediateRedirect": true, "customRedirect": "https://app.example.test/brokers/return?x=1",
	})
	status, page := w.plain(http.MethodGet, strings.TrimPrefix(link, w.URL()), "")
	if status != http.StatusOK || !strings.Contains(string(page), "tastytrade") || strings.Contains(string(page), "Moomoo") {
		t.Errorf("page %d: %s", status, page)
	}
	status, back := w.press(link, "connect", url.Values{"broker": {"TASTYTRADE"}})
	query := back.Query()
	if status != http.StatusSeeOther || query.Get("status") != "SUCCESS" || query.Get("x") != "1" || back.Host != "app.example.test" {
		t.Errorf("redirect %d %s", status, back)
	}
	var connection struct{ Type string }
	w.snap(http.MethodGet, "/authorizations/"+query.Get("connection_id"), nil, nil, http.StatusOK, &connection)
	if connection.Type != "trade" {
		t.Errorf("connection %+v", connection)
	}
	if status, _ := w.press(link, "connect", url.Values{"broker": {"TASTYTRADE"}}); status != http.StatusGone {
		t.Errorf("the link worked twice: %d", status)
	}
}

func TestThePortalCanBeCancelled(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	link := w.openPortal(map[string]any{"customRedirect": "https://app.example.test/return"})
	if _, back := w.press(link, "cancel", nil); back.Query().Get("status") != "ABANDONED" {
		t.Errorf("redirect %s", back)
	}
}

func TestAPortalLinkLivesFiveMinutes(t *testing.T) {
	t.Parallel()
	offset := time.Duration(0)
	w := openWorld(t)
	w.register()
	link := w.openPortal(map[string]any{"broker": "WEBULL"})
	real := w.portal.now
	w.portal.now = func() time.Time { return real().Add(offset) }
	if status, _ := w.plain(http.MethodGet, strings.TrimPrefix(link, w.URL()), ""); status != http.StatusOK {
		t.Errorf("at once: %d", status)
	}
	offset = 5*time.Minute + time.Second
	if status, _ := w.press(link, "connect", url.Values{"broker": {"WEBULL"}}); status != http.StatusGone {
		t.Errorf("after five minutes: %d", status)
	}
}

func TestTheSameLoginIsTheSameConnection(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	first, second := w.connectBroker("WEBULL"), w.connectBroker("WEBULL")
	if first != second || len(w.snaptrade.registry.connectionsOf(testUser)) != 1 {
		t.Errorf("accounts %s and %s", first, second)
	}
}

func TestReconnectingRepairsTheConnection(t *testing.T) {
	t.Parallel()
	w, account := readyWorld(t)
	broken := w.snaptrade.registry.connectionsOf(testUser)[0]
	w.snap(http.MethodPost, "/authorizations/"+broken.ID+"/disable", nil, nil, http.StatusOK, nil)
	form := map[string]any{
		"reconnect": broken.ID, "connectionType": "trade", "immediateRedirect": true, "customRedirect": "https://app.example.test/return",
	}
	_, back := w.press(w.openPortal(form), "connect", url.Values{"broker": {"ALPACA-PAPER"}, "login": {"somebody else"}})
	if back.Query().Get("error_code") != "1023" {
		t.Errorf("another login: %s", back)
	}
	_, back = w.press(w.openPortal(form), "connect", url.Values{"broker": {"ALPACA-PAPER"}, "login": {"main"}})
	if back.Query().Get("connection_id") != broken.ID {
		t.Errorf("the same login: %s", back)
	}
	w.snap(http.MethodGet, "/accounts/"+account, nil, nil, http.StatusOK, nil)
	eventually(t, "CONNECTION_FIXED", func() bool { return last(w.hooks.events()) == "CONNECTION_FIXED" })
}

func TestATradingConnectionNeedsATradingBroker(t *testing.T) {
	t.Parallel()
	w := openWorld(t)
	w.register()
	link := w.openPortal(map[string]any{"connectionType": "trade", "customRedirect": "https://app.example.test/return"})
	_, back := w.press(link, "connect", url.Values{"broker": {"ROBINHOOD"}})
	if back.Query().Get("error_code") != "1140" || back.Query().Get("status") != "ERROR" {
		t.Errorf("redirect %s", back)
	}
	eventually(t, "CONNECTION_FAILED", func() bool { return last(w.hooks.events()) == "CONNECTION_FAILED" })
}
