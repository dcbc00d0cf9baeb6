package httpio

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func limited(allow Allow) http.Handler {
	rate := func(r *http.Request) (string, int) { return r.Header.Get("User"), 100 }
	return RateLimit(allow, rate)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
}

func TestRateLimitTellsTheState(t *testing.T) {
	t.Parallel()
	left := 2
	allow := func(_ context.Context, key string, perMinute int) (Decision, error) {
		if key != "ava" || perMinute != 100 {
			t.Errorf("counted %s against %d", key, perMinute)
		}
		left--
		return Decision{Allowed: left >= 0, Remaining: left, Reset: time.Now().Add(30 * time.Second)}, nil
	}
	h := limited(allow)
	for i, want := range []struct {
		status    int
		remaining string
	}{{204, "1"}, {204, "0"}, {429, "0"}} {
		w := call(h, "GET", "/", "User", "ava")
		if w.Code != want.status || w.Header().Get("X-RateLimit-Remaining") != want.remaining ||
			w.Header().Get("X-RateLimit-Limit") != "100" || w.Header().Get("X-RateLimit-Reset") == "" {
			t.Errorf("request %d: %d %v", i, w.Code, w.Header())
		}
		if want.status == 429 && w.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
}

func TestWithoutALimiterRequestsPass(t *testing.T) {
	t.Parallel()
	h := limited(func(context.Context, string, int) (Decision, error) { return Decision{}, errors.New("redis is away") })
	if w := call(h, "GET", "/", "User", "ava"); w.Code != 204 {
		t.Errorf("status = %d, want 204", w.Code)
	}
}

func TestNobodyToCountIsNotCounted(t *testing.T) {
	t.Parallel()
	h := limited(func(context.Context, string, int) (Decision, error) {
		t.Error("counted a request without a key")
		return Decision{}, nil
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
}

func TestSeatsAreBoundedAndGivenBack(t *testing.T) {
	t.Parallel()
	s := NewSeats(4, 2, 3)
	leave1, err := s.Take("ava", "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.Take("ava", "b"); err != nil {
		t.Fatal(err)
	}
	if _, err = s.Take("ava", "c"); err == nil {
		t.Error("a third seat for one user")
	}
	leave1()
	leave1() // leaving twice gives back one seat
	for _, user := range []string{"ben", "cara", "dan"} {
		if _, err = s.Take(user, "a"); err != nil {
			t.Fatalf("%s: %v", user, err)
		}
	}
	if _, err = s.Take("eve", "z"); err == nil {
		t.Error("a fifth seat of four")
	}
	if len(s.users) != 4 || len(s.addrs) != 2 {
		t.Errorf("remembers %v %v", s.users, s.addrs)
	}
}
