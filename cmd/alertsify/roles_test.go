package main

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
)

// visitor is somebody as a route sees them.
type visitor struct {
	name    string
	role    int    // 0 nobody, 1 subscriber, 2 trader, 3 admin
	scope   string // of a token; empty: a browser, or nobody
	stale   bool   // the browser signed in more than 15 minutes ago
	client  *http.Client
	headers []string
	looks   bool // is also let in where a route lets in and only reads
}

// visitors are everybody there is: nobody, each role in a browser and with a token of each
// scope, an operator who signed in long ago, and who was suspended.
func (s *show) visitors(t *testing.T) []visitor {
	t.Helper()
	bearer := func(user, scope string) []string { return []string{"Authorization: Bearer " + s.token(user, scope)} }
	dora := s.suspended(t)
	stale := s.signIn("root")
	s.ageSessions(16 * time.Minute)
	return []visitor{
		{name: "nobody", client: s.browser(), looks: true},
		{name: "a wrong token", client: s.browser(), headers: []string{"Authorization: Bearer alf_guess"}},
		{name: "somebody suspended", client: dora.client, headers: dora.headers},
		{name: "a subscriber", role: 1, client: s.signIn("ben")},
		{name: "a trader", role: 2, client: s.signIn("ava"), looks: true},
		{name: "an operator of long ago", role: 3, stale: true, client: stale},
		{name: "a subscriber's read token", role: 1, scope: "read", client: s.browser(), headers: bearer("ben", "read"), looks: true},
		{name: "a subscriber's trade token", role: 1, scope: "trade", client: s.browser(), headers: bearer("ben", "trade")},
		{name: "a trader's read token", role: 2, scope: "read", client: s.browser(), headers: bearer("ava", "read")},
		{name: "an admin's trade token", role: 3, scope: "trade", client: s.browser(), headers: bearer("root", "trade")},
		{name: "an admin's token", role: 3, scope: "admin", client: s.browser(), headers: bearer("root", "admin")},
		{name: "an operator", role: 3, client: s.signIn("root"), looks: true},
	}
}

// suspended is cara, who has a token of scope trade and is suspended.
func (s *show) suspended(t *testing.T) visitor {
	t.Helper()
	v := visitor{client: s.browser(), headers: []string{"Authorization: Bearer " + s.token("cara", "trade")}}
	s.exec(`update users set status = 'suspended' where id = $1`, s.people["cara"])
	if _, err := s.app.Post().SyncMailboxes(t.Context(), time.Time{}); err != nil { // as the program does by itself, a moment later
		t.Fatal(err)
	}
	return v
}

// refusal is what the rule of a route says to a visitor: the code, empty where they may.
// It is the table of the design (rule 14), not the program's own reading of it.
func (v visitor) refusal(r auth.Route) string {
	least := map[auth.Rule]int{auth.SignedIn: 1, auth.TraderOnly: 2, auth.Operator: 3}[r.Rule&0xff]
	changes := r.Method != http.MethodGet
	switch {
	case least == 0:
		return "" // public, open, or a webhook
	case v.role == 0:
		return "unauthenticated"
	case v.role < least:
		return "forbidden"
	case v.scope == "" && v.stale && (least == 3 || r.Rule&auth.StepUp != 0):
		return "reauth_required"
	case v.scope == "":
		return ""
	case r.Rule&auth.SessionOnly != 0, least == 3 && v.scope != "admin":
		return "forbidden"
	case v.scope == "read" && (r.Rule&auth.StepUp != 0 || changes && r.Rule&auth.ReadOnly == 0):
		return "forbidden"
	}
	return ""
}

// Every route, asked by everybody there is: who may not is refused as its rule says, and
// nothing is written; who may and only reads is let in. Every answer of every kind carries
// what browsers must hold against us. The routes come from the table, so that a new one is
// held to this too.
func TestIsolationEveryRouteAsksWhoItIs(t *testing.T) {
	t.Parallel()
	s := open(t)
	visitors := s.visitors(t)
	before, refused, let := s.settled(), 0, 0
	for _, route := range s.app.Routes() {
		if route.Pattern == "/api/events" || strings.HasPrefix(route.Pattern, "/gallery") { // a stream does not end; the gallery is no part of the product
			continue
		}
		path := concrete(route.Pattern)
		for _, v := range visitors {
			want := v.refusal(route)
			if want == "" && (route.Method != http.MethodGet || !v.looks || strings.HasPrefix(path, "/api/cron/")) {
				continue // what may change something, or has a word of its own, is not tried out here
			}
			headers := append([]string{"Sec-Fetch-Site: same-origin"}, v.headers...)
			a := s.send(v.client, route.Method, path, bodyFor(route), headers...)
			s.guarded(t, route.Method+" "+path, a)
			switch got := said(a); {
			case want == "" && (got == "unauthenticated" || got == "forbidden" || got == "reauth_required" || a.status >= 500):
				t.Errorf("%s %s keeps %s out: %d %s", route.Method, path, v.name, a.status, got)
			case want != "" && got != want:
				t.Errorf("%s %s says %d %q to %s, and should say %q", route.Method, path, a.status, got, v.name, want)
			case want != "":
				refused++
			default:
				let++
			}
		}
	}
	delete(before, "sign_ins") // says when somebody was seen last
	now := s.tally()
	delete(now, "sign_ins")
	if !maps.Equal(before, now) {
		t.Errorf("something was written: %v, then %v", before, now)
	}
	if refused < 600 || let < 200 {
		t.Errorf("only %d were refused and %d let in", refused, let)
	}
	s.noOtherOrigin(t)
}

// concrete is a path of a pattern that leads to nothing.
func concrete(pattern string) string {
	return regexp.MustCompile(`\{(\w+)[^}]*\}`).ReplaceAllStringFunc(pattern, func(name string) string {
		if name == "{id}" {
			return uuid.NewString()
		}
		return "nothing"
	})
}

func bodyFor(r auth.Route) string {
	if r.Method != http.MethodGet && strings.HasPrefix(r.Pattern, "/api/") {
		return "{}"
	}
	return ""
}

// said is the code of a refusal: in JSON, or for people the way to the sign-in page, or the
// page that says no.
func said(a answer) string {
	to, _ := url.Parse(a.header.Get("Location"))
	switch {
	case a.code() != "":
		return a.code()
	case to != nil && to.Path == auth.LoginPath && to.Query().Get("reauth") != "":
		return "reauth_required"
	case to != nil && to.Path == auth.LoginPath:
		return "unauthenticated"
	case a.status == http.StatusForbidden:
		return "forbidden"
	}
	return ""
}

var inline = regexp.MustCompile(`(?i)<script(\s[^>]*)?>[^<]*\S[^<]*</script>|<style[\s>]|\sstyle="|\son[a-z]+="|javascript:`)

// guarded holds an answer to what every one of ours carries.
func (s *show) guarded(t *testing.T, what string, a answer) {
	t.Helper()
	policy := a.header.Get("Content-Security-Policy")
	for _, must := range []string{"default-src 'self'", "script-src 'self'", "style-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, must) {
			t.Errorf("%s: the policy %q does not say %s", what, policy, must)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Errorf("%s: the policy is %q", what, policy)
	}
	among := "same-origin"
	if strings.HasSuffix(what, "/card.png") && a.header.Get("Content-Type") == "image/png" {
		among = "cross-origin" // pictures of links are made to stand on pages of others
	}
	for name, value := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": among, "Access-Control-Allow-Origin": "",
	} {
		if got := a.header.Get(name); got != value {
			t.Errorf("%s: %s is %q", what, name, got)
		}
	}
	kind := a.header.Get("Content-Type")
	if strings.HasPrefix(kind, "text/html") {
		if found := inline.FindString(string(a.body)); found != "" {
			t.Errorf("%s has something inline: %.120s", what, found)
		}
	}
	personal := strings.HasPrefix(kind, "text/html") || strings.HasPrefix(kind, "application/json") && !strings.Contains(what, "openapi")
	if cache := a.header.Get("Cache-Control"); personal && !strings.Contains(what, "/api/docs") && !strings.Contains(cache, "no-store") && !strings.Contains(cache, "private") {
		t.Errorf("%s may be kept by anybody: Cache-Control is %q", what, cache)
	}
}

// noOtherOrigin: no page elsewhere may read an answer, nor learn by asking whether it might.
func (s *show) noOtherOrigin(t *testing.T) {
	t.Helper()
	for _, method := range []string{http.MethodOptions, http.MethodGet} {
		a := s.send(s.browser(), method, "/api/positions", "", "Origin: https://evil.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
		for name := range a.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s is %q", method, name, a.header.Get(name))
			}
		}
	}
	for _, path := range []string{"/nothing", "/api/nothing"} {
		s.guarded(t, path, s.send(s.browser(), "GET", path, "").want(t, 404))
		s.guarded(t, path, s.send(s.browser(), "DELETE", path, "", "Sec-Fetch-Site: cross-site").want(t, 403))
	}
}
