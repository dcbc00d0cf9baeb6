package auth

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/go-chi/chi/v5"
)

func TestRules(t *testing.T) {
	t.Parallel()
	now := time.Now()
	session := func(role users.Role, age time.Duration) Principal {
		return Principal{User: users.User{Role: role}, Method: MethodSession, AuthTime: now.Add(-age)}
	}
	token := func(role users.Role, scope string) Principal {
		return Principal{User: users.User{Role: role}, Method: MethodToken, Scope: scope}
	}
	nobody := Principal{}
	const stale = 16 * time.Minute
	for _, c := range []struct {
		name    string
		rule    Rule
		who     Principal
		changes bool
		want    string // code, empty for allowed
	}{
		{"no rule lets nobody in", 0, session(users.Admin, 0), false, "forbidden"},
		{"a flag is no rule", StepUp, session(users.Admin, 0), false, "forbidden"},
		{"an invented rule", 99, session(users.Admin, 0), false, "forbidden"},
		{"public", Public, nobody, true, ""},
		{"webhook", Webhook, nobody, true, ""},
		{"open", Open, nobody, true, ""},

		{"nobody where one signs in", SignedIn, nobody, false, "unauthenticated"},
		{"nobody at the console", Operator, nobody, false, "unauthenticated"},
		{"a subscriber", SignedIn, session(users.Subscriber, stale), true, ""},
		{"a subscriber where traders go", TraderOnly, session(users.Subscriber, 0), false, "forbidden"},
		{"a trader", TraderOnly, session(users.Trader, stale), true, ""},
		{"an admin where traders go", TraderOnly, session(users.Admin, stale), true, ""},
		{"a trader at the console", Operator, session(users.Trader, 0), false, "forbidden"},
		{"an admin", Operator, session(users.Admin, 0), true, ""},
		{"an admin who signed in long ago", Operator, session(users.Admin, stale), false, "reauth_required"},
		{"an invented role", SignedIn, session("owner", 0), false, "forbidden"},

		{"fresh", SignedIn | StepUp, session(users.Subscriber, 15*time.Minute), true, ""},
		{"stale", SignedIn | StepUp, session(users.Subscriber, stale), true, "reauth_required"},
		{"role before freshness", TraderOnly | StepUp, session(users.Subscriber, stale), true, "forbidden"},

		{"a read token reads", SignedIn, token(users.Subscriber, ScopeRead), false, ""},
		{"a read token changes", SignedIn, token(users.Subscriber, ScopeRead), true, "forbidden"},
		{"a read token previews", SignedIn | ReadOnly, token(users.Subscriber, ScopeRead), true, ""},
		{"a trade token changes", SignedIn, token(users.Subscriber, ScopeTrade), true, ""},
		{"a trade token passed step-up", SignedIn | StepUp, token(users.Subscriber, ScopeTrade), true, ""},
		{"a read token did not", SignedIn | StepUp, token(users.Subscriber, ScopeRead), false, "forbidden"},
		{"a trade token makes tokens", SignedIn | StepUp | SessionOnly, token(users.Subscriber, ScopeTrade), true, "forbidden"},
		{"an admin token makes tokens", SignedIn | StepUp | SessionOnly, token(users.Admin, ScopeAdmin), true, "forbidden"},
		{"a trade token at the console", Operator, token(users.Admin, ScopeTrade), false, "forbidden"},
		{"an admin token at the console", Operator, token(users.Admin, ScopeAdmin), true, ""},
		{"an admin token of a former admin", Operator, token(users.Trader, ScopeAdmin), true, "forbidden"},
		{"an invented scope", SignedIn, token(users.Admin, "all"), false, "forbidden"},
	} {
		err := c.rule.check(c.who, c.who.Method != "", c.changes, now)
		got := ""
		if err != nil {
			got = fault.CodeOf(err)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestARouteWithoutARuleIsNotMounted(t *testing.T) {
	t.Parallel()
	g := &Guard{}
	if err := g.Mount(chi.NewRouter(), []Route{{Method: "GET", Pattern: "/x"}}); err == nil {
		t.Error("a route without a rule was mounted")
	}
}

func TestARouteWithoutAClassIsNotMounted(t *testing.T) {
	t.Parallel()
	g := &Guard{}
	if err := g.Mount(chi.NewRouter(), []Route{{Method: "GET", Pattern: "/x", Rule: Open}}); err == nil {
		t.Error("a route without a class was mounted")
	}
}

func TestWhoIsNotSignedInIsToldInTheirWay(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser()
	if got := b.get("/api/me", "Accept", "text/html"); got.status != http.StatusUnauthorized || codeOf(t, got) != "unauthenticated" {
		t.Errorf("a program = %d %s", got.status, got.body)
	}
	if got := b.get("/orders?view=today"); got.status != http.StatusSeeOther || got.location != "/login?return_to=%2Forders%3Fview%3Dtoday" {
		t.Errorf("a page = %d %q", got.status, got.location)
	}
	if got := b.do("POST", "/orders", url.Values{}, "Referer", h.url+"/ticket?x=1"); got.location != "/login?return_to=%2Fticket%3Fx%3D1" {
		t.Errorf("a form = %d %q", got.status, got.location)
	}
	if got := b.do("POST", "/orders", url.Values{}, "Referer", "https://evil.example/x"); got.location != "/login" {
		t.Errorf("a form of elsewhere = %d %q", got.status, got.location)
	}
	got := b.get("/orders", "HX-Request", "true", "Referer", h.url+"/dashboard")
	if got.status != http.StatusUnauthorized || got.header.Get("HX-Redirect") != "/login?return_to=%2Fdashboard" {
		t.Errorf("a piece of page = %d %v", got.status, got.header)
	}
	if got := b.get("/metrics"); got.status != http.StatusOK || got.header.Get("Vary") != "" {
		t.Errorf("an open route = %d %v", got.status, got.header)
	}
}
