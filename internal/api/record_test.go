package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
)

// Whoever has a network of their own has one share of the records, not one for each address.
func TestRecordsAreCountedByNetwork(t *testing.T) {
	t.Parallel()
	counted := map[string]int{}
	a := New(Options{Allow: func(_ context.Context, key string, _ int) (httpio.Decision, error) {
		counted[key]++
		return httpio.Decision{Reset: time.Now().Add(time.Minute)}, nil
	}})
	front, err := httpio.Front(httpio.FrontOptions{AppURL: "https://app.example", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range []string{"[2001:db8:1:2::1]:1", "[2001:db8:1:2::2]:1", "203.0.113.9:1"} {
		r := httptest.NewRequest(http.MethodGet, "/api/traders/ava/record", nil)
		r.RemoteAddr = peer
		w := httptest.NewRecorder()
		front(httpio.Handler(a.trackRecord)).ServeHTTP(w, r)
		if w.Code != http.StatusTooManyRequests {
			t.Errorf("%s: %d", peer, w.Code)
		}
	}
	if len(counted) != 2 || counted["record:2001:db8:1:2::/64"] != 2 {
		t.Errorf("counted: %v", counted)
	}
}
