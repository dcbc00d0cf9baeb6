package auth

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/google/uuid"
)

func TestWhatStopsTheStart(t *testing.T) {
	t.Parallel()
	good := ProviderConfig{Name: sandboxName, ClientID: "x", ClientSecret: secret.New("y"), Issuer: "http://127.0.0.1:1/openid"}
	for name, c := range map[string]struct {
		o     Options
		words []string
	}{
		"production without a provider": {Options{Production: true}, []string{"no sign-in provider"}},
		"the sandbox in production":     {Options{Production: true, Providers: []ProviderConfig{good}}, []string{"sandbox", "production"}},
		"two problems at once": {
			Options{Providers: []ProviderConfig{{Name: "myspace", ClientID: "x", ClientSecret: secret.New("y")}, {Name: sandboxName, ClientID: "x"}}},
			[]string{"myspace", "client secret"},
		},
	} {
		_, err := New(c.o)
		if err == nil {
			t.Errorf("%s: the guard was made", name)
			continue
		}
		for _, words := range c.words {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %q does not say %q", name, err, words)
			}
		}
	}
	g, err := New(Options{Providers: []ProviderConfig{good}, AppURL: "http://localhost:8080"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(g.Providers(), []string{"sandbox"}) || !slices.Equal(g.FormTargets(), []string{"http://127.0.0.1:1"}) {
		t.Errorf("providers %v, form targets %v", g.Providers(), g.FormTargets())
	}
}

// A copied development database must not open production.
func TestProductionRefusesIdentitiesOfTheSandbox(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	b := h.browser().as("ava")
	h.guard.production = true
	if b.name() != "" {
		t.Error("a session that began in the sandbox goes on")
	}
	if got := h.browser().signIn("ava"); got.location != "/login?problem=not_possible" {
		t.Errorf("a known identity = %d %q", got.status, got.location)
	}
	if _, err := h.guard.EnsurePerson(t.Context(), sandboxName, "eve", users.NewUser{Username: "eve"}); err == nil {
		t.Error("production was seeded with a person of the sandbox")
	}
}

// oddProvider answers the token request with claims of the test's choice.
func oddProvider(t *testing.T, claims map[string]any) (provider, attempt) {
	t.Helper()
	a := newAttempt(sandboxName, intentLogin, "/", time.Now())
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	all := map[string]any{
		"iss": server.URL, "aud": "alertsify", "sub": "ava", "nonce": a.Nonce, "exp": time.Now().Add(time.Hour).Unix(),
		"email": "ava@example.com", "email_verified": true, "name": "Ava",
	}
	maps.Copy(all, claims)
	for name, value := range all {
		if value == nil {
			delete(all, name)
		}
	}
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": "x", "token_type": "Bearer", "expires_in": 60,
			"id_token": "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".sig",
		})
	})
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"sub": all["sub"]})
	})
	p, err := openSandbox(ProviderConfig{Name: sandboxName, ClientID: "alertsify", ClientSecret: secret.New("s"), Issuer: server.URL},
		"http://localhost/api/auth/callback/sandbox", providerClient())
	if err != nil {
		t.Fatal(err)
	}
	if _, a.Notes, err = p.begin(a); err != nil {
		t.Fatal(err)
	}
	return p, a
}

func TestOddAnswersOfAProviderSignNobodyIn(t *testing.T) {
	t.Parallel()
	for name, claims := range map[string]map[string]any{
		"another nonce":     {"nonce": "stolen"},
		"no nonce":          {"nonce": nil},
		"no expiry: panics": {"exp": nil},
		"expiry as text":    {"exp": "tomorrow"},
		"expired":           {"exp": 1},
		"another audience":  {"aud": "somebody"},
		"another issuer":    {"iss": "https://evil.example"},
		"no subject":        {"sub": nil},
		"empty subject":     {"sub": ""},
		"odd subject":       {"sub": "a\x00b"},
		"number as subject": {"sub": 7},
		"endless subject":   {"sub": strings.Repeat("x", 256)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, a := oddProvider(t, claims)
			if who, err := p.finish("code", a); err == nil {
				t.Errorf("signed in %+v", who)
			}
		})
	}
}

func TestWhatAProviderSaysAboutAnAddress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		claims   map[string]any
		email    string
		verified bool
	}{
		"verified":          {nil, "ava@example.com", true},
		"verified as text":  {map[string]any{"email_verified": "true"}, "ava@example.com", true},
		"not verified":      {map[string]any{"email_verified": false}, "ava@example.com", false},
		"said as text":      {map[string]any{"email_verified": "false"}, "ava@example.com", false},
		"not said":          {map[string]any{"email_verified": nil}, "ava@example.com", false},
		"a number":          {map[string]any{"email_verified": 1}, "ava@example.com", false},
		"no address":        {map[string]any{"email": nil}, "", false},
		"no address at all": {map[string]any{"email": "ava"}, "", false},
		"odd address":       {map[string]any{"email": "a\nb@example.com"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, a := oddProvider(t, c.claims)
			who, err := p.finish("code", a)
			if err != nil || who.Email != c.email || who.EmailVerified != c.verified || who.Subject != "ava" {
				t.Errorf("identity = %+v, %v", who, err)
			}
		})
	}
}

func TestAProviderThatFailsLeavesNoSecretsInTheLog(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"code hunter2 is unknown"}`))
	}))
	defer server.Close()
	p, err := openSandbox(ProviderConfig{Name: sandboxName, ClientID: "a", ClientSecret: secret.New("s3cret"), Issuer: server.URL}, "http://x", providerClient())
	if err != nil {
		t.Fatal(err)
	}
	a := newAttempt(sandboxName, intentLogin, "/", time.Now())
	if _, a.Notes, err = p.begin(a); err != nil {
		t.Fatal(err)
	}
	_, err = p.finish("hunter2", a)
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), `400 "invalid_grant"`) {
		t.Errorf("error = %v", err)
	}
}

func TestTheStoreKeepsNothingThatHasEnded(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	now := time.Now()
	s := &store{db: pgtest.New(t), now: func() time.Time { return now }}
	id := uuid.NewString()
	for _, step := range []struct {
		name   string
		expiry time.Time
		found  bool
	}{
		{"lives", now.Add(time.Second), true},
		{"ends now", now, false},
		{"lives again", now.Add(time.Minute), true},
		{"ended long ago", now.Add(-time.Hour), false},
	} {
		if err := s.CommitCtx(ctx, id, []byte(step.name), step.expiry); err != nil {
			t.Fatal(err)
		}
		data, found, err := s.FindCtx(ctx, id)
		if err != nil || found != step.found || (found && string(data) != step.name) {
			t.Errorf("%s: %q %v %v", step.name, data, found, err)
		}
	}
	var rows int
	if err := s.db.Pool().QueryRow(ctx, "select count(*) from sessions").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows are left of an ended session, %v", rows, err)
	}
	if err := s.CommitCtx(ctx, id, []byte{}, now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	if _, found, err := s.FindCtx(ctx, id); found || err != nil {
		t.Errorf("found after its end: %v", err)
	}
}

// Google must get a verifier's challenge and a nonce, and no offline access.
func TestGoogleIsAskedThroughOpenID(t *testing.T) {
	t.Parallel()
	c := ProviderConfig{Name: "google", ClientID: "id", ClientSecret: secret.New("shh")}
	p, err := openGoogle(c, "https://app.example/api/auth/callback/google", providerClient())
	if err != nil {
		t.Fatal(err)
	}
	address, _, err := p.begin(newAttempt("google", intentReauth, "/", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Host != "accounts.google.com" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("nonce") == "" ||
		q.Get("redirect_uri") != "https://app.example/api/auth/callback/google" || q.Get("prompt") != "select_account" || q.Has("access_type") {
		t.Errorf("asked %s", address)
	}
}
