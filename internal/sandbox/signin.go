package sandbox

import (
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// signIns play the providers of sign-in that a production server has: Google, which is an
// OpenID provider at another place, and Discord and GitHub, which speak OAuth 2 and have
// profiles of their own shape. The page, the codes and the verifiers are those of openID.
type signIns struct{ google, discord, github *openID }

func newSignIns(d deps, people []Person) *signIns {
	return &signIns{
		google:  newSignIn(d, people, "/signin/google", "openid"),
		discord: newSignIn(d, people, "/signin/discord", "identify"),
		github:  newSignIn(d, people, "/signin/github", "user:email"),
	}
}

// register tells all of them about the one application.
func (s *signIns) register(c openIDClient) {
	for _, o := range []*openID{s.google, s.discord, s.github} {
		o.register(c)
	}
}

func (s *signIns) allowRedirect(uri string) {
	for _, o := range []*openID{s.google, s.discord, s.github} {
		o.allowRedirect(uri)
	}
}

func (s *signIns) routes(r chi.Router) {
	r.Route("/google", s.google.routes)
	r.Route("/discord", func(r chi.Router) {
		r.Get("/oauth2/authorize", s.discord.askPerson)
		r.Post("/oauth2/authorize", s.discord.answerPerson)
		r.Post("/api/oauth2/token", s.discord.exchangePlain(http.StatusBadRequest))
		r.Get("/api/v10/users/@me", s.discord.asOwner(discordProfile))
	})
	r.Route("/github", func(r chi.Router) {
		r.Get("/login/oauth/authorize", s.github.askPerson)
		r.Post("/login/oauth/authorize", s.github.answerPerson)
		r.Post("/login/oauth/access_token", s.github.exchangePlain(http.StatusOK))
		r.Get("/api/user", s.github.asOwner(gitHubProfile))
		r.Get("/api/user/emails", s.github.asOwner(gitHubAddresses))
	})
}

// exchangePlain is a token endpoint without ID tokens, which takes the secret as a form
// field. GitHub answers what went wrong with 200.
func (o *openID) exchangePlain(refusal int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			o.refuse(w, r, refusal, "invalid_request", "the form cannot be read")
			return
		}
		if !o.clientKnown(r) {
			o.refuse(w, r, refusal, "incorrect_client_credentials", "wrong client id or secret")
			return
		}
		grant, why := o.redeem(r.PostForm)
		if why != "" {
			o.refuse(w, r, refusal, "bad_verification_code", why)
			return
		}
		o.note(r, http.StatusOK, map[string]string{"person": grant.person.Username})
		reply(w, http.StatusOK, map[string]any{
			"access_token": grant.token, "token_type": "bearer", "expires_in": int(openIDTokenLife / time.Second), "scope": grant.scope,
		})
	}
}

// asOwner answers about whom a token belongs to.
func (o *openID) asOwner(about func(openIDGrant) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		o.mu.Lock()
		grant, known := o.tokens[token]
		o.mu.Unlock()
		if !isBearer || !known || o.now().Sub(grant.at) > openIDTokenLife {
			o.refuse(w, r, http.StatusUnauthorized, "invalid_token", "unknown, ended or expired")
			return
		}
		o.note(r, http.StatusOK, map[string]string{"person": grant.person.Username})
		reply(w, http.StatusOK, about(grant))
	}
}

// discordProfile says the address to whom asked for it, verified or not.
func discordProfile(g openIDGrant) any {
	profile := map[string]any{
		"id": g.person.Subject, "username": g.person.Username, "global_name": g.person.Name, "avatar": nil, "email": nil, "verified": false,
	}
	if slices.Contains(strings.Fields(g.scope), "email") && g.person.Email != "" {
		profile["email"], profile["verified"] = g.person.Email, g.person.EmailVerified
	}
	return profile
}

// gitHubProfile has the public address, which is whatever its owner typed.
func gitHubProfile(g openIDGrant) any {
	return map[string]any{
		"id": gitHubID(g.person.Subject), "login": g.person.Username, "name": g.person.Name, "avatar_url": "", "email": "public-" + g.person.Email,
	}
}

func gitHubAddresses(g openIDGrant) any {
	if g.person.Email == "" {
		return []any{}
	}
	return []any{
		map[string]any{"email": "old-" + g.person.Email, "primary": false, "verified": true, "visibility": nil},
		map[string]any{"email": g.person.Email, "primary": true, "verified": g.person.EmailVerified, "visibility": "private"},
	}
}

// gitHubID is a number: the subject itself, or one made of it.
func gitHubID(subject string) int64 {
	if n, err := strconv.ParseInt(subject, 10, 64); err == nil && n > 0 {
		return n
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject))
	return int64(h.Sum32()) + 1
}
