package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/alertsify/alertsify/web"
)

// A small machine is not one address's, whatever is set; development is measured from one.
func TestOneAddressHasATwentiethInProduction(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env              string
		total, set, want int
	}{
		{Production, 20_000, 200, 200}, {Production, 768, 200, 38}, {Production, 10, 200, 1}, {Development, 768, 20_000, 20_000},
	} {
		if got := shareOf(c.total, Config{Env: c.env, ConnectionsPerAddress: c.set}); got != c.want {
			t.Errorf("%s, %d in all, %d set: %d", c.env, c.total, c.set, got)
		}
	}
}

// from hands a request to do as the program's front does, which knows who asks.
func from(t *testing.T, peer string, header http.Header, do func(*http.Request)) {
	t.Helper()
	front, err := httpio.Front(httpio.FrontOptions{
		AppURL: "https://app.example", Logger: slog.New(slog.DiscardHandler), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr, r.Header = peer, header
	front(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { do(r) })).ServeHTTP(httptest.NewRecorder(), r)
}

// Metrics are for this machine and its network. Through a proxy that nobody named the whole
// Internet comes from there.
func TestWhoComesThroughAForgottenProxyIsNotNear(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		peer, header, value string
		want                bool
	}{
		{"127.0.0.1:1", "", "", true}, {"10.9.9.9:1", "", "", true}, {"203.0.113.9:1", "", "", false},
		{"127.0.0.1:1", "X-Forwarded-For", "203.0.113.9", false}, {"10.9.9.9:1", "X-Forwarded-For", "127.0.0.1", false},
		{"10.9.9.9:1", "Via", "1.1 proxy", false}, {"[::1]:1", "Forwarded", "for=203.0.113.9", false}, {"172.16.0.9:1", "X-Real-Ip", "203.0.113.9", false},
		{"10.1.0.1:1", "X-Forwarded-For", "203.0.113.9", false}, {"10.1.0.1:1", "X-Forwarded-For", "192.168.0.7", true},
	} {
		header := http.Header{}
		if c.header != "" {
			header.Set(c.header, c.value)
		}
		from(t, c.peer, header, func(r *http.Request) {
			if got := near(r); got != c.want {
				t.Errorf("%s with %s %q: near is %v", c.peer, c.header, c.value, got)
			}
		})
	}
}

// Pages are counted by who asks, an IPv6 customer as one; what leads out of a position never.
func TestPagesAreCountedButForTheWayOut(t *testing.T) {
	t.Parallel()
	vital, others := split((&web.Site{}).Routes())
	if len(vital) < 40 || len(others) < 60 {
		t.Fatalf("%d are vital, %d are not", len(vital), len(others))
	}
	for _, route := range others {
		if route.Class == httpio.Vital || route.Class == httpio.EitherSide {
			t.Errorf("%s %s is counted", route.Method, route.Pattern)
		}
	}
	a := &App{cfg: Config{RateAPI: 100, RateAnon: 60}}
	count := func(peer string, known bool) (key string, rate int) {
		from(t, peer, http.Header{}, func(r *http.Request) {
			if known {
				r = r.WithContext(auth.With(r.Context(), auth.Principal{User: users.User{ID: uuid.MustParse("0b7c8b1e-6f64-4b58-9c2d-0d9bd2f7a111")}}))
			}
			key, rate = a.pageRate(r)
		})
		return key, rate
	}
	if key, rate := count("203.0.113.9:1", true); key != "pages:0b7c8b1e-6f64-4b58-9c2d-0d9bd2f7a111" || rate != 1000 {
		t.Errorf("somebody known: %s, %d", key, rate)
	}
	one, rate := count("[2001:db8:1:2::1]:1", false)
	if another, _ := count("[2001:db8:1:2::ffff]:1", false); one != another || rate != 600 {
		t.Errorf("one customer's addresses: %s and %s, %d", one, another, rate)
	}

	refused := func(context.Context, string, int) (httpio.Decision, error) {
		return httpio.Decision{Reset: time.Now().Add(time.Minute)}, nil
	}
	asked := false
	routes := limited([]auth.Route{{Handler: func(http.ResponseWriter, *http.Request) error { asked = true; return nil }}}, httpio.RateLimit(refused, a.pageRate))
	w := httptest.NewRecorder()
	if err := routes[0].Handler(w, httptest.NewRequest(http.MethodGet, "/traders", nil)); err != nil || w.Code != http.StatusTooManyRequests || asked {
		t.Errorf("over the rate: %v, %d, asked %v", err, w.Code, asked)
	}
}
