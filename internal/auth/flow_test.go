package auth

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/users"
)

func TestSigningIn(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser()
	if b.name() != "" || b.cookie() != nil {
		t.Fatal("a stranger has a name or a cookie")
	}
	got := b.get(b.consent(b.begin("return_to", "/orders?view=today"), "ava"))
	if got.status != http.StatusSeeOther || got.location != "/orders?view=today" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("callback = %d to %q, %v", got.status, got.location, got.header)
	}
	cookies := got.header.Values("Set-Cookie")
	if len(cookies) != 1 || !strings.Contains(cookies[0], "HttpOnly; SameSite=Lax") || !strings.Contains(cookies[0], "Path=/;") {
		t.Errorf("cookies = %q", cookies)
	}
	if b.name() != "ava_stone" {
		t.Errorf("signed in as %q", b.name())
	}
	u := h.user("ava_stone")
	if u.Email != "ava@example.com" || !u.EmailVerified || u.Role != users.Subscriber {
		t.Errorf("user = %+v", u)
	}
	if again := h.browser().as("ava"); again.name() != "ava_stone" || h.count("select count(*) from users") != 1 {
		t.Error("the second sign-in made another user")
	}
	if h.count("select count(*) from sign_ins") != 2 {
		t.Error("two browsers must be two sign-ins")
	}
}

func TestTheAuthorizationRequestIsBound(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	u, err := url.Parse(h.browser().begin())
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if len(q.Get("state")) != 43 || len(q.Get("nonce")) != 22 || len(q.Get("code_challenge")) != 43 || q.Get("code_challenge_method") != "S256" {
		t.Errorf("request = %v", q)
	}
	if q.Get("redirect_uri") != h.url+"/api/auth/callback/sandbox" || q.Get("prompt") != "" {
		t.Errorf("request = %v", q)
	}
}

// Contract §3.1 and §11: whatever is wrong with the state, nobody gets in. The rest of what
// can be wrong with it is in TestEveryRoundByAProvider.
func TestACallbackNeedsItsOwnFreshState(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(h *house, b *browser, callback string) answer{
		"wrong": func(_ *house, b *browser, callback string) answer {
			return b.get(edit(callback, "state", randomText(32)))
		},
		"reused in the same session": func(h *house, b *browser, callback string) answer {
			b.get(edit(callback, "code", "nonsense")) // fails at the provider, yet the state is spent
			return b.get(callback)
		},
		"expired": func(h *house, b *browser, callback string) answer {
			h.advance(attemptLife + time.Second)
			return b.get(callback)
		},
		"in a browser with a sign-in of its own": func(h *house, _ *browser, callback string) answer {
			other := h.browser()
			other.begin()
			return other.get(callback)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, nil)
			b := h.browser()
			got := play(h, b, b.consent(b.begin(), "ava"))
			if got.status != http.StatusBadRequest || codeOf(t, got) != "sign_in_expired" {
				t.Errorf("answer = %d %s", got.status, got.body)
			}
			if b.name() != "" {
				t.Error("somebody is signed in")
			}
		})
	}
}

func edit(address, name, value string) string {
	u, _ := url.Parse(address)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestTwoTabsMaySignInAtOnceButNotSix(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser()
	var tabs []string
	for range 6 {
		tabs = append(tabs, b.begin())
	}
	if got := b.get(b.consent(tabs[0], "ava")); got.status != http.StatusBadRequest {
		t.Errorf("the first of six tabs = %d, want 400", got.status)
	}
	if got := b.get(b.consent(tabs[1], "ben")); got.status != http.StatusSeeOther || b.name() != "ben_reed" {
		t.Errorf("the second tab = %d, signed in as %q", got.status, b.name())
	}
}

func TestAProvidersRefusalEndsOnTheSignInPage(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser()
	got := b.get(b.consent(b.begin("return_to", "/orders"), "deny"))
	if got.location != "/login?problem=denied&return_to=%2Forders" || Problem("denied") == "" {
		t.Errorf("denied = %d %q", got.status, got.location)
	}
	failed := edit(b.consent(b.begin(), "deny"), "error", "server_error")
	if got := b.get(edit(failed, "error_description", "<b>call 555-1234")); got.location != "/login?problem=failed" {
		t.Errorf("failed = %d %q", got.status, got.location)
	}
	if got := b.get(edit(b.consent(b.begin(), "ava"), "code", "stolen")); got.location != "/login?problem=failed" {
		t.Errorf("a wrong code = %d %q", got.status, got.location)
	}
	if Problem("call 555-1234") != "" || b.name() != "" {
		t.Error("words of a stranger reach the page, or somebody is signed in")
	}
}

// A code of the attacker's own sign-in does not fit the victim's verifier and nonce.
func TestACodeOfAnotherSignInIsWorthless(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	attacker, victim := h.browser(), h.browser()
	stolen, _ := url.Parse(attacker.consent(attacker.begin(), "ben"))
	callback := edit(victim.consent(victim.begin(), "ava"), "code", stolen.Query().Get("code"))
	if got := victim.get(callback); got.location != "/login?problem=failed" || victim.name() != "" {
		t.Errorf("answer = %d %q, signed in as %q", got.status, got.location, victim.name())
	}
}

func TestUnknownProvidersAndGetsAreNotThere(t *testing.T) {
	t.Parallel()
	b := open(t, nil).browser()
	if got := b.do("POST", "/auth/myspace", url.Values{}); got.status != http.StatusNotFound {
		t.Errorf("an unknown provider = %d", got.status)
	}
	for _, path := range []string{"/auth/sandbox", "/auth/logout"} { // a link must not sign in or out
		if got := b.get(path); got.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s = %d", path, got.status)
		}
	}
}

func TestSignInsFromOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	for _, path := range []string{"/auth/sandbox", "/auth/logout", "/api/orders"} {
		got := b.do("POST", path, url.Values{}, "Sec-Fetch-Site", "same-site", "Origin", "http://blog.127.0.0.1")
		if got.status != http.StatusForbidden || codeOf(t, got) != "csrf_failed" {
			t.Errorf("%s = %d %s", path, got.status, got.body)
		}
	}
	if b.name() == "" {
		t.Error("another site signed somebody out")
	}
}

func TestSignInsAreCounted(t *testing.T) {
	t.Parallel()
	left := 2
	h := open(t, func(o *Options) { o.Allow = countdown(&left) })
	b := h.browser()
	b.begin()
	b.begin()
	if got := b.do("POST", "/auth/sandbox", url.Values{}); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("the third sign-in = %d", got.status)
	}
}

func TestTheSubjectDecidesWhateverTheAddressSays(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.browser().as("ava")
	h.browser().as("ben")
	b := h.browser().as("custom", "sub", "ava", "name", "Someone", "email", "ben@example.com", "email_verified", "true")
	if u := h.user("ava_stone"); b.name() != "ava_stone" || u.Email != "ava@example.com" {
		t.Errorf("signed in as %q, user %+v", b.name(), u)
	}
}

func TestOneNewPersonInTwoBrowsersIsOneUser(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	var callbacks []func() answer
	for range 4 {
		b := h.browser()
		address := b.consent(b.begin(), "ava")
		callbacks = append(callbacks, func() answer { return b.get(address) })
	}
	var all sync.WaitGroup
	for _, callback := range callbacks {
		all.Go(func() {
			if got := callback(); got.location != "/" {
				t.Errorf("callback = %d %q", got.status, got.location)
			}
		})
	}
	all.Wait()
	if n := h.count("select count(*) from users"); n != 1 {
		t.Errorf("%d users", n)
	}
}

func TestTheSuspendedStayOutAndAreNotToldWhy(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	for _, status := range []string{"suspended", "deleted"} {
		if _, err := h.db.Pool().Exec(context.Background(), "update users set status = $1", status); err != nil {
			t.Fatal(err)
		}
		h.advance(recentAge)
		if b.name() != "" {
			t.Errorf("a %s user's session goes on", status)
		}
		if got := h.browser().signIn("ava"); got.location != "/login?problem=not_possible" {
			t.Errorf("%s: %q", status, got.location)
		}
	}
}

func TestReturnPathsStayHere(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/%2fevil.example/ x": "/", "/%2F%2Fevil.example": "/", "/%5Cevil.example": "/", "/a%0d%0ab": "/", "/a%2Fb?c=%2F": "/a%2Fb?c=%2F", // once written anew
		"/":                             "/",
		"/orders":                       "/orders",
		"/orders?view=a&x=%2F#top":      "/orders?view=a&x=%2F#top",
		"":                              "/",
		"orders":                        "/",
		"//evil.example":                "/",
		`/\evil.example`:                "/",
		`\/evil.example`:                "/",
		"/orders\\..":                   "/",
		"https:evil.example":            "/",
		"https://evil.example/":         "/",
		"javascript:alert(1)":           "/",
		"/\t/evil.example":              "/",
		"/\n/evil.example":              "/",
		"/%zz":                          "/",
		"/login?return_to=/":            "/",
		" /orders":                      "/",
		"/" + strings.Repeat("a", 3000): "/",
	} {
		if got := LocalPath(path); got != want {
			t.Errorf("%q leads to %q, want %q", path, got, want)
		}
	}
}

func TestSeededPeopleSignInThroughTheSandbox(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := context.Background()
	n := users.NewUser{Username: "ava", Name: "Ava", Email: "ava@example.com", EmailVerified: true, Role: users.Trader}
	first, err := h.guard.EnsurePerson(ctx, sandboxName, "ava", n)
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.guard.EnsurePerson(ctx, sandboxName, "ava", n)
	if err != nil || again.ID != first.ID {
		t.Errorf("seeding again made %s, %v", again.ID, err)
	}
	if b := h.browser().as("ava"); b.name() != "ava" || b.get("/api/alerts").status != http.StatusOK {
		t.Errorf("signed in as %q", b.name())
	}
}
