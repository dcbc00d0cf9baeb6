package auth

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

// played answers a provider's addresses with a test's words.
func played(t *testing.T, name string, answers map[string]string) (provider, attempt) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok && strings.HasSuffix(r.URL.Path, "token") {
			answer, ok = `{"access_token":"x","token_type":"bearer","scope":""}`, true
		}
		if !ok {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	p, err := builders()[name](ProviderConfig{Name: name, ClientID: "id", ClientSecret: secret.New("s3cret"), Issuer: server.URL}, "http://localhost/back", providerClient())
	if err != nil {
		t.Fatal(err)
	}
	a := newAttempt(name, intentLogin, "/", time.Now())
	if _, a.Notes, err = p.begin(a); err != nil {
		t.Fatal(err)
	}
	return p, a
}

func TestWhatDiscordAndGitHubSayOfSomebody(t *testing.T) {
	t.Parallel()
	const me, emails, discord = "/api/user", "/api/user/emails", "/api/v10/users/@me"
	for name, c := range map[string]struct {
		provider string
		answers  map[string]string
		want     Identity
	}{
		"discord, verified": {
			"discord", map[string]string{discord: `{"id":"80351110224678912","username":"ava","global_name":"Ava Stone","email":"ava@example.com","verified":true,"avatar":"a_1"}`},
			Identity{
				Provider: "discord", Subject: "80351110224678912", Name: "Ava Stone", Email: "ava@example.com", EmailVerified: true,
				AvatarURL: "https://cdn.discordapp.com/avatars/80351110224678912/a_1.png",
			},
		},
		"discord, not verified": {
			"discord", map[string]string{discord: `{"id":"1","username":"ava","global_name":null,"email":"ava@example.com","verified":false,"avatar":null}`},
			Identity{Provider: "discord", Subject: "1", Name: "ava", Email: "ava@example.com"},
		},
		"discord, not said": {
			"discord", map[string]string{discord: `{"id":"1","username":"ava","email":"ava@example.com"}`},
			Identity{Provider: "discord", Subject: "1", Name: "ava", Email: "ava@example.com"},
		},
		"discord, no address": {
			"discord", map[string]string{discord: `{"id":"1","username":"ava","email":null,"verified":true}`},
			Identity{Provider: "discord", Subject: "1", Name: "ava"},
		},
		"github, primary and verified": {
			"github", map[string]string{
				me:     `{"id":9007199254740993,"login":"ava","name":"Ava","email":"victim@example.com","avatar_url":"https://x.example/a"}`,
				emails: `[{"email":"old@example.com","primary":false,"verified":true},{"email":"ava@example.com","primary":true,"verified":true}]`,
			},
			Identity{Provider: "github", Subject: "9007199254740993", Name: "Ava", Email: "ava@example.com", EmailVerified: true, AvatarURL: "https://x.example/a"},
		},
		"github, the public address is nobody's word": {
			"github", map[string]string{
				me:     `{"id":7,"login":"ava","name":null,"email":"victim@example.com"}`,
				emails: `[{"email":"victim@example.com","primary":true,"verified":false},{"email":"b@example.com","primary":false,"verified":true}]`,
			},
			Identity{Provider: "github", Subject: "7", Name: "ava"},
		},
		"github, no address": {
			"github", map[string]string{me: `{"id":7,"login":"ava"}`, emails: `[]`},
			Identity{Provider: "github", Subject: "7", Name: "ava"},
		},
	} {
		p, a := played(t, c.provider, c.answers)
		if who, err := p.finish("code", a); err != nil || who != c.want {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

func TestOddAnswersOfDiscordAndGitHubSignNobodyIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		provider string
		answers  map[string]string
	}{
		"discord away":           {"discord", nil},
		"discord without an id":  {"discord", map[string]string{"/api/v10/users/@me": `{"username":"ava"}`}},
		"discord, broken":        {"discord", map[string]string{"/api/v10/users/@me": `{"id":`}},
		"github without an id":   {"github", map[string]string{"/api/user": `{"login":"ava"}`, "/api/user/emails": `[]`}},
		"github, no addresses":   {"github", map[string]string{"/api/user": `{"id":7,"login":"ava"}`}},
		"github, id as text":     {"github", map[string]string{"/api/user": `{"id":"7","login":"ava"}`, "/api/user/emails": `[]`}},
		"github, refused by 200": {"github", map[string]string{"/login/oauth/access_token": `{"error":"bad_verification_code","error_description":"code is stale"}`}},
		"no token":               {"discord", map[string]string{"/api/oauth2/token": `{}`}},
	} {
		p, a := played(t, c.provider, c.answers)
		if who, err := p.finish("hunter2", a); err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

// The real ones are asked for what we need and no more, with a challenge.
func TestHowDiscordAndGitHubAreAsked(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ host, scope, prompt string }{
		"discord": {"discord.com", "identify email", "consent"},
		"github":  {"github.com", "user:email", "select_account"},
	} {
		p, err := builders()[name](ProviderConfig{Name: name, ClientID: "id", ClientSecret: secret.New("secret-of-the-client")}, "https://app.example/back", providerClient())
		if err != nil {
			t.Fatal(err)
		}
		a := newAttempt(name, intentReauth, "/", time.Now())
		address, notes, err := p.begin(a)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if u.Scheme != "https" || u.Host != want.host || q.Get("scope") != want.scope || q.Get("prompt") != want.prompt || q.Get("state") != a.State ||
			len(q.Get("code_challenge")) != 43 || q.Get("code_challenge_method") != "S256" || q.Has("nonce") || q.Get("redirect_uri") != "https://app.example/back" {
			t.Errorf("%s is asked %s", name, address)
		}
		if strings.Contains(address+notes, "secret-of-the-client") || strings.Contains(notes, a.Verifier) {
			t.Errorf("%s: a secret travels: %s %s", name, address, notes)
		}
	}
}
