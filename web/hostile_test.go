package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/hostile"
)

// No form's answer leads away from the site, whatever return_to says and however it is
// spelled.
func TestNoHostileAddressIsLedBackTo(t *testing.T) {
	t.Parallel()
	ours := &url.URL{Scheme: "https", Host: "app.example", Path: "/orders"}
	addresses := append(hostile.Inside(), hostile.LookAlikes("app.example", "/orders")...)
	if len(addresses) < hostile.Least {
		t.Fatalf("only %d addresses", len(addresses))
	}
	for _, to := range addresses {
		r := httptest.NewRequest(http.MethodPost, "https://app.example/orders", nil)
		r.Header["Referer"] = []string{to}
		if from := referer(r); !strings.HasPrefix(from, "/") || auth.LocalPath(from) != from {
			t.Errorf("whoever comes from %q is led to %q", to, from)
		}
		w := httptest.NewRecorder()
		if err := back(w, to, "written"); err != nil {
			t.Fatal(err)
		}
		location := w.Header().Get("Location")
		u, err := url.Parse(strings.ReplaceAll(location, "\\", "/"))
		if err != nil || w.Code != http.StatusSeeOther || ours.ResolveReference(u).Host != "app.example" || strings.HasPrefix(location, "//") {
			t.Errorf("%q leads to %q", to, location)
		}
	}
}
