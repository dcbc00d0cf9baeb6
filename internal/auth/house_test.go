package auth

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/users"
	"github.com/go-chi/chi/v5"
)

// house is a small program around a guard: real HTTP, a real database, the
// sandbox's OpenID provider, a clock in the test's hand.
type house struct {
	t      *testing.T
	db     *postgres.DB
	users  *users.Directory
	guard  *Guard
	server *httptest.Server
	url    string       // by a name, not a number: passkeys need one
	ahead  atomic.Int64 // nanoseconds the guard's clock is ahead
}

func (h *house) now() time.Time          { return time.Now().Add(time.Duration(h.ahead.Load())) }
func (h *house) advance(d time.Duration) { h.ahead.Add(int64(d)) }

// open starts a house; change may be nil.
func open(t *testing.T, change func(*Options)) *house {
	t.Helper()
	db := pgtest.New(t)
	h := &house{t: t, db: db, users: users.New(db), server: httptest.NewUnstartedServer(nil)}
	_, port, _ := strings.Cut(h.server.Listener.Addr().String(), ":")
	h.url = "http://localhost:" + port
	appURL := h.url
	o := Options{
		DB: db, Users: h.users, AppURL: appURL, Now: h.now,
		Alerts: alerts.New(alerts.Options{DB: db, AppURL: appURL, Now: h.now, Logger: slog.New(slog.DiscardHandler)}),
	}
	world := playProviders(t, appURL)
	for _, name := range []string{sandboxName, "google", "discord", "github"} {
		at := world + "/signin/" + name
		if name == sandboxName {
			at = world + "/openid"
		}
		o.Providers = append(o.Providers, ProviderConfig{Name: name, ClientID: "alertsify", ClientSecret: secret.New("not a secret"), Issuer: at})
	}
	if change != nil {
		change(&o)
	}
	var err error
	if h.guard, err = New(o); err != nil {
		t.Fatal(err)
	}
	front, err := httpio.Front(httpio.FrontOptions{AppURL: appURL, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h.server.Config.Handler = front(h.routes())
	h.server.Start()
	t.Cleanup(h.server.Close)
	return h
}

// playProviders starts the sandbox and returns its address.
func playProviders(t *testing.T, appURL string) string {
	t.Helper()
	world, err := sandbox.Open(sandbox.Options{
		OpenIDClientID: "alertsify", OpenIDClientSecret: "not a secret",
		RedirectURIs: []string{
			appURL + "/api/auth/callback/sandbox", appURL + "/api/auth/callback/google",
			appURL + "/api/auth/callback/discord", appURL + "/api/auth/callback/github",
		},
		People: []sandbox.Person{
			{Subject: "ava", Username: "ava", Name: "Ava Stone", Email: "ava@example.com", EmailVerified: true},
			{Subject: "ben", Username: "ben", Name: "Ben Reed", Email: "ben@example.com", EmailVerified: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- world.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := world.Close(context.Background()); err != nil {
			t.Errorf("close sandbox: %v", err)
		}
		<-served
	})
	return world.URL()
}

func (h *house) routes() http.Handler {
	r := chi.NewRouter()
	me := func(w http.ResponseWriter, r *http.Request) error {
		p, _ := From(r.Context())
		return httpio.Answer(w, http.StatusOK, p.User.Username)
	}
	err := h.guard.Mount(r, []Route{
		{"POST", "/auth/logout", Public, httpio.Vital, h.guard.SignOut},
		{"POST", "/auth/{provider}", Public, httpio.Vital, h.guard.Begin},
		{"GET", "/api/auth/callback/{provider}", Public, httpio.Vital, h.guard.Callback},
		{"POST", "/passkeys/options", SignedIn | StepUp | SessionOnly, httpio.Vital, func(w http.ResponseWriter, r *http.Request) error {
			options, err := h.guard.BeginAddPasskey(r)
			return answered(w, options, err)
		}},
		{"POST", "/passkeys", SignedIn | StepUp | SessionOnly, httpio.Vital, func(w http.ResponseWriter, r *http.Request) error {
			return answered(w, "added", h.guard.AddPasskey(r, r.FormValue("name"), []byte(r.FormValue("credential"))))
		}},
		{"POST", PasskeyPath + "/options", Public, httpio.Vital, func(w http.ResponseWriter, r *http.Request) error {
			options, err := h.guard.BeginPasskey(w, r)
			return answered(w, options, err)
		}},
		{"POST", PasskeyPath, Public, httpio.Vital, func(w http.ResponseWriter, r *http.Request) error {
			to, err := h.guard.ShowPasskey(w, r, []byte(r.FormValue("credential")), r.FormValue("return_to"))
			return answered(w, to, err)
		}},
		{"GET", "/", Public, httpio.Vital, me},
		{"GET", "/orders", SignedIn, httpio.Vital, me},
		{"POST", "/orders", SignedIn, httpio.Vital, me},
		{"GET", "/api/me", SignedIn, httpio.Vital, me},
		{"POST", "/api/orders", SignedIn, httpio.Vital, me},
		{"POST", "/api/orders/preview", SignedIn | ReadOnly, httpio.Vital, me},
		{"POST", "/api/brokers", SignedIn | StepUp, httpio.Vital, me},
		{"GET", "/brokers", SignedIn | StepUp, httpio.Vital, me},
		{"POST", "/api/tokens", SignedIn | StepUp | SessionOnly, httpio.Vital, me},
		{"GET", "/api/alerts", TraderOnly, httpio.Vital, me},
		{"GET", "/api/admin/users", Operator, httpio.Vital, me},
		{"GET", "/metrics", Open, httpio.Vital, me},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func answered(w http.ResponseWriter, data any, err error) error {
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, data)
}

// browser is one person's browser: its own cookies, no redirect followed.
type browser struct {
	h      *house
	client *http.Client
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	// Its own connections: whoever ends a test server closes those of the default transport, also
	// under an answer without a body that is on its way.
	connections := new(http.Transport)
	h.t.Cleanup(connections.CloseIdleConnections)
	return &browser{h: h, client: &http.Client{
		Jar: jar, Timeout: 20 * time.Second, Transport: connections,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what came back.
type answer struct {
	status   int
	location string
	body     string
	header   http.Header
}

func (b *browser) do(method, address string, form url.Values, headers ...string) answer {
	b.h.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.h.url + address
	}
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.h.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	got, err := b.client.Do(r)
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header.Get("Location"), string(body), got.Header}
}

func (b *browser) get(path string, headers ...string) answer {
	b.h.t.Helper()
	return b.do("GET", path, nil, headers...)
}

// begin presses the sandbox's sign-in button and returns the provider's address.
func (b *browser) begin(fields ...string) string {
	b.h.t.Helper()
	return b.beginAt(sandboxName, fields...)
}

func (b *browser) beginAt(provider string, fields ...string) string {
	b.h.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	got := b.do("POST", "/auth/"+provider, form)
	if got.status != http.StatusSeeOther {
		b.h.t.Fatalf("beginning a sign-in = %d %s", got.status, got.body)
	}
	return got.location
}

// consent answers the provider's page and returns the callback's address. claims
// beyond person are those of "custom".
func (b *browser) consent(address, person string, claims ...string) string {
	b.h.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		b.h.t.Fatal(err)
	}
	form := u.Query()
	form.Set("person", person)
	for i := 0; i < len(claims); i += 2 {
		form.Set(claims[i], claims[i+1])
	}
	u.RawQuery = ""
	got := b.do("POST", u.String(), form)
	if got.status != http.StatusSeeOther {
		b.h.t.Fatalf("the provider answered %d %s", got.status, got.body)
	}
	return got.location
}

// signIn goes the whole way and returns the callback's answer.
func (b *browser) signIn(person string, claims ...string) answer {
	b.h.t.Helper()
	return b.get(b.consent(b.begin(), person, claims...))
}

// as signs in and insists that it worked.
func (b *browser) as(person string, claims ...string) *browser {
	b.h.t.Helper()
	if got := b.signIn(person, claims...); got.status != http.StatusSeeOther || strings.HasPrefix(got.location, LoginPath) {
		b.h.t.Fatalf("signing in as %s = %d %s %s", person, got.status, got.location, got.body)
	}
	return b
}

// name is who the program takes this browser for; empty for nobody.
func (b *browser) name() string {
	b.h.t.Helper()
	var body struct{ Data string }
	if err := json.Unmarshal([]byte(b.get("/api/me").body), &body); err != nil {
		b.h.t.Fatal(err)
	}
	return body.Data
}

func (b *browser) cookie() *http.Cookie {
	b.h.t.Helper()
	u, _ := url.Parse(b.h.url)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == "alertsify_dev" {
			return c
		}
	}
	return nil
}

// carry puts a cookie into the browser, as somebody who got hold of it would.
func (b *browser) carry(c *http.Cookie) *browser {
	u, _ := url.Parse(b.h.url)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/"}})
	return b
}

func (h *house) user(username string) users.User {
	h.t.Helper()
	u, err := h.users.ByUsername(context.Background(), username)
	if err != nil {
		h.t.Fatal(err)
	}
	return u
}

func (h *house) count(sql string, args ...any) (n int) {
	h.t.Helper()
	if err := h.db.Pool().QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func codeOf(t *testing.T, a answer) string {
	t.Helper()
	var body struct{ Code string }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
	return body.Code
}
