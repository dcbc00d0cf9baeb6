package whop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

// SignInOptions configure a SignIn.
type SignInOptions struct {
	BaseURL  string // of the API; the sign-in lies beside it
	ClientID string // app_…
	Secret   secret.Text
	Redirect string // where Whop sends people back to, exactly as registered there
	HTTP     *http.Client
}

// SignIn finds out who somebody is at Whop: OAuth 2.1, code flow with PKCE. Tokens are
// dropped once that is known.
type SignIn struct {
	base, id, redirect string
	secret             secret.Text
	http               *http.Client
}

// NewSignIn makes it; nothing is asked.
func NewSignIn(o SignInOptions) *SignIn {
	base := strings.TrimRight(o.BaseURL, "/")
	if base == "" {
		base = DefaultBaseURL
	}
	return &SignIn{base: strings.TrimSuffix(base, "/api/v1") + "/oauth", id: o.ClientID, secret: o.Secret, redirect: o.Redirect, http: o.HTTP}
}

// Address is where somebody signs in. state comes back; verifier stays here.
func (s *SignIn) Address(state, nonce, verifier string) string {
	challenge := sha256.Sum256([]byte(verifier))
	return s.base + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {s.id}, "redirect_uri": {s.redirect}, "scope": {"openid"}, "state": {state}, "nonce": {nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode()
}

// ErrSignIn says that Whop did not tell who somebody is.
var ErrSignIn = errors.New("whop: sign-in")

// User is who came back with a code: user_….
func (s *SignIn) User(ctx context.Context, code, verifier string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	given, err := json.Marshal(map[string]string{
		"grant_type": "authorization_code", "code": code, "redirect_uri": s.redirect, "client_id": s.id, "client_secret": s.secret.Reveal(),
		"code_verifier": verifier,
	})
	if err != nil {
		return "", fmt.Errorf("%w: encode", ErrSignIn)
	}
	var token struct {
		Access string `json:"access_token"`
	}
	if err := s.ask(ctx, http.MethodPost, "/token", given, "", &token); err != nil {
		return "", err
	}
	var who struct {
		Subject string `json:"sub"`
	}
	if err := s.ask(ctx, http.MethodGet, "/userinfo", nil, token.Access, &who); err != nil {
		return "", err
	}
	if !strings.HasPrefix(who.Subject, "user_") || len(who.Subject) > idMax {
		return "", fmt.Errorf("%w: it names nobody", ErrSignIn)
	}
	return who.Subject, nil
}

// ask makes one call; a code is good once, so nothing is repeated. Errors name neither
// code nor token.
func (s *SignIn) ask(ctx context.Context, method, path string, body []byte, token string, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: build request", ErrSignIn)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSignIn, path, httpio.WithoutURL(err))
	}
	defer resp.Body.Close()
	answer, err := httpio.ReadBounded(resp.Body, httpio.AnswerMax)
	if err != nil {
		return fmt.Errorf("%w: %s: read the answer: %w", ErrSignIn, path, err)
	}
	if resp.StatusCode != http.StatusOK {
		var refusal struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(answer, &refusal) // without a word the status says enough
		return fmt.Errorf("%w: %s: status %d %s", ErrSignIn, path, resp.StatusCode, cut(refusal.Error, 60))
	}
	if err := decode(answer, out); err != nil {
		return fmt.Errorf("%w: %s: the answer is not as described", ErrSignIn, path)
	}
	return nil
}
