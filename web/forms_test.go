package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A form's answer never leads away from the site, whatever return_to says.
func TestFormsLeadBackToOurPagesOnly(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"/orders?view=today": "/orders?done=order-taken&view=today", "//evil.example": "/?done=order-taken",
		"https://evil.example/": "/?done=order-taken", `/\evil.example`: "/?done=order-taken", "": "/?done=order-taken",
	} {
		w := httptest.NewRecorder()
		if err := back(w, to, "order-taken"); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("%q: %d %s, want %s", to, w.Code, got, want)
		}
	}
}

func TestAFormKnowsThePageItStoodOn(t *testing.T) {
	t.Parallel()
	for referrer, want := range map[string]string{
		"http://example.com/copy?x=1": "/copy?x=1", "http://example.com/copy?done=kept&x=1": "/copy?x=1", "http://evil.example/copy": "/dashboard", "": "/dashboard", "http://example.com": "/dashboard",
	} {
		r := httptest.NewRequest(http.MethodPost, "http://example.com/stop", nil)
		r.Header.Set("Referer", referrer)
		if got := referer(r); got != want {
			t.Errorf("%q: %s, want %s", referrer, got, want)
		}
	}
}

// What was done is said once, and not again by whoever comes back to the page.
func TestWhatWasDoneIsSaidOnce(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]string{
		"/orders?done=cancel-asked&view=today": "/orders?view=today", "/orders?done=cancel-asked": "/orders", "/orders?view=today": "/orders?view=today", "/orders": "/orders",
	} {
		if got := here(httptest.NewRequest(http.MethodGet, asked, nil)); got != want {
			t.Errorf("%s is come back to as %s, want %s", asked, got, want)
		}
	}
}

// Nobody can put words on our pages with a link.
func TestOnlyOurOwnNoticesAreShown(t *testing.T) {
	t.Parallel()
	if notice("You won! Call this number") != nil {
		t.Error("a notice of somebody else's words")
	}
	if n := notice("order-taken"); n == nil || n.Text == "" {
		t.Error("our own notice is missing")
	}
}

// A form without its key could be sent twice as two orders.
func TestAFormNeedsItsKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "short", strings.Repeat("x", 300)} {
		if _, err := keyOf(values("key", key)); err == nil {
			t.Errorf("key %q was taken", key)
		}
	}
	first, err := keyOf(values("key", newKey(), "return_to", "/orders"))
	if err != nil || len(first.Body) == 0 {
		t.Errorf("a good key was refused: %v", err)
	}
}

// The same form says the same, so that sending it again is a repeat.
func TestTheSameFormIsTheSameRequest(t *testing.T) {
	t.Parallel()
	key := newKey()
	one, _ := keyOf(values("key", key, "a", "1", "b", "2"))
	two, _ := keyOf(values("b", "2", "key", key, "a", "1"))
	if string(one.Body) != string(two.Body) || one.Text != two.Text {
		t.Errorf("%s and %s", one.Body, two.Body)
	}
}
