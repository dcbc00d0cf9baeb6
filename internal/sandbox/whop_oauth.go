package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// The application that people sign in to with Whop.
const (
	WhopClientID     = "app_sandbox"
	WhopClientSecret = "whop_sandbox_secret"
)

// whopGrant is a code that was given out, or the token it was changed for.
type whopGrant struct {
	user, challenge, redirect string
	ends                      time.Time
}

// oauth mounts signing in with Whop.
func (s *whop) oauth(r chi.Router) {
	r.Get("/authorize", s.askWho)
	r.Post("/authorize", s.answerWho)
	r.Post("/token", s.token)
	r.Get("/userinfo", s.userinfo)
}

const whopSignIn = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title>
<meta name="viewport" content="width=device-width"><h1>Simulated Whop</h1>
<form method="post"><label>Who are you? <input name="user" value="user_ben"></label> <button>Sign in</button></form></html>`

// wrongRequest says what is missing in an authorization request, or nothing.
func wrongRequest(q url.Values) string {
	switch {
	case q.Get("client_id") != WhopClientID || q.Get("redirect_uri") == "":
		return "unknown client"
	case q.Get("response_type") != "code" || q.Get("state") == "" || q.Get("nonce") == "":
		return "response_type, state or nonce"
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		return "PKCE with S256 is required"
	}
	return ""
}

func (s *whop) askWho(w http.ResponseWriter, r *http.Request) {
	if wrong := wrongRequest(r.URL.Query()); wrong != "" {
		http.Error(w, wrong, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, whopSignIn)
}

func (s *whop) answerWho(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if wrong := wrongRequest(q); wrong != "" || r.ParseForm() != nil {
		http.Error(w, wrong, http.StatusBadRequest)
		return
	}
	user := r.PostForm.Get("user")
	if !strings.HasPrefix(user, "user_") {
		user = "user_" + user
	}
	code := s.id("code_")
	s.mu.Lock()
	s.given[code] = whopGrant{user: user, challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri"), ends: s.now().Add(time.Minute)}
	s.mu.Unlock()
	s.log.Add("whop", r.Method, "/whop/oauth/authorize", http.StatusSeeOther, map[string]string{"user": user})
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther) //nolint:gosec // the simulation goes where it is told
}

// token changes a code, once, for a token.
func (s *whop) token(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Grant    string `json:"grant_type"`
		Code     string `json:"code"`
		Redirect string `json:"redirect_uri"`
		Client   string `json:"client_id"`
		Secret   string `json:"client_secret"`
		Verifier string `json:"code_verifier"`
	}
	refused := ""
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil || in.Grant != "authorization_code" {
		refused = "invalid_request"
	}
	s.mu.Lock()
	grant, known := s.given[in.Code]
	delete(s.given, in.Code)
	sum := sha256.Sum256([]byte(in.Verifier))
	switch {
	case refused != "":
	case in.Client != WhopClientID || in.Secret != WhopClientSecret:
		refused = "invalid_client"
	case !known || s.now().After(grant.ends) || grant.redirect != in.Redirect || base64.RawURLEncoding.EncodeToString(sum[:]) != grant.challenge:
		refused = "invalid_grant"
	}
	access := s.id("tok_")
	if refused == "" {
		s.given[access] = whopGrant{user: grant.user, ends: s.now().Add(time.Hour)}
	}
	s.mu.Unlock()
	if refused != "" {
		s.log.Add("whop", r.Method, r.URL.Path, http.StatusBadRequest, nil)
		reply(w, http.StatusBadRequest, map[string]string{"error": refused})
		return
	}
	s.log.Add("whop", r.Method, r.URL.Path, http.StatusOK, nil)
	reply(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": s.id("ref_")})
}

func (s *whop) userinfo(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer tok_")
	s.mu.Lock()
	grant, known := s.given["tok_"+token]
	s.mu.Unlock()
	if !known {
		s.log.Add("whop", r.Method, r.URL.Path, http.StatusUnauthorized, nil)
		reply(w, http.StatusUnauthorized, map[string]string{"error": "invalid_grant"})
		return
	}
	s.log.Add("whop", r.Method, r.URL.Path, http.StatusOK, nil)
	reply(w, http.StatusOK, map[string]any{"sub": grant.user, "preferred_username": strings.TrimPrefix(grant.user, "user_"), "email": "somebody@example.com", "email_verified": true})
}
