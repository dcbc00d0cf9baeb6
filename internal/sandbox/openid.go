package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// openID plays an OpenID provider whose page lets a developer be anybody:
// one of the seeded people, or typed claims. Nothing of it outlives the process;
// the signing key is new at each start.
//
// A test signs in without a browser by posting the authorization request's own
// parameters and person=<username> to the authorize address.
type openID struct {
	deps
	at     string // where it stands, "/openid"
	scope  string // without which it signs nobody in
	people []Person
	key    *ecdsa.PrivateKey
	keyID  string

	mu     sync.Mutex
	client openIDClient
	codes  map[string]openIDGrant // by code, waiting to be exchanged
	tokens map[string]openIDGrant // by access token
}

// openIDClient is the one application registered here.
type openIDClient struct {
	ID, Secret   string
	RedirectURIs []string
	ConsoleCode  string // asked for on the page when set
}

// openIDGrant is what a person agreed to, for one code and one access token.
type openIDGrant struct {
	person      Person
	redirectURI string
	scope       string
	nonce       string
	challenge   string // PKCE, S256
	at          time.Time
	token       string // issued for the code; revoked if the code comes again
	used        bool
}

const (
	openIDCodeLife  = time.Minute
	openIDTokenLife = time.Hour
)

func newOpenID(d deps, people []Person) *openID { return newSignIn(d, people, "/openid", "openid") }

// newSignIn makes a provider that stands elsewhere.
func newSignIn(d deps, people []Person, at, scope string) *openID {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("sandbox: no randomness for a signing key: " + err.Error()) // crypto/rand never fails
	}
	return &openID{
		deps: d, at: at, scope: scope, people: people, key: key, keyID: openIDSecret(),
		codes: map[string]openIDGrant{}, tokens: map[string]openIDGrant{},
	}
}

// register sets the application that may sign people in, and the code its
// developer must know. Until then every request is refused.
func (o *openID) register(c openIDClient) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.client = c
}

// allowRedirect adds a redirect URI, once the application's address is known.
func (o *openID) allowRedirect(uri string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Contains(o.client.RedirectURIs, uri) {
		o.client.RedirectURIs = append(slices.Clone(o.client.RedirectURIs), uri)
	}
}

func (o *openID) registered() openIDClient {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.client
}

// routes mounts the issuer.
func (o *openID) routes(r chi.Router) {
	r.Get("/.well-known/openid-configuration", o.discovery)
	r.Get("/jwks", o.jwks)
	r.Get("/authorize", o.askPerson)
	r.Post("/authorize", o.answerPerson)
	r.Post("/token", o.exchange)
	r.Get("/userinfo", o.userinfo)
	r.Post("/userinfo", o.userinfo)
}

func (o *openID) issuer() string { return o.base() + o.at }

func (o *openID) discovery(w http.ResponseWriter, _ *http.Request) {
	issuer := o.issuer()
	reply(w, http.StatusOK, map[string]any{
		"issuer":                                issuer,
		"authorization_endpoint":                issuer + "/authorize",
		"token_endpoint":                        issuer + "/token",
		"userinfo_endpoint":                     issuer + "/userinfo",
		"jwks_uri":                              issuer + "/jwks",
		"response_types_supported":              []string{"code"},
		"grant_types_supported":                 []string{"authorization_code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"scopes_supported":                      []string{"openid", "email", "profile"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":      []string{"S256"},
		"prompt_values_supported":               []string{"login", "select_account", "consent", "none"},
	})
}

func (o *openID) jwks(w http.ResponseWriter, _ *http.Request) {
	point, err := o.key.PublicKey.Bytes() // 0x04, x, y
	if err != nil {
		reply(w, http.StatusInternalServerError, openIDFailure{Error: "server_error"})
		return
	}
	reply(w, http.StatusOK, map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": o.keyID,
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]),
		"y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}}})
}

// openIDFailure is the error body of OAuth (RFC 6749).
type openIDFailure struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// openIDSecret is a random text nobody can guess.
func openIDSecret() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// forgetOld drops what can no longer be used; the caller holds the lock.
func (o *openID) forgetOld() {
	now := o.now()
	for code, g := range o.codes {
		if now.Sub(g.at) > openIDTokenLife {
			delete(o.codes, code)
		}
	}
	for token, g := range o.tokens {
		if now.Sub(g.at) > openIDTokenLife {
			delete(o.tokens, token)
		}
	}
}
