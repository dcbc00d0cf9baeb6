package sandbox

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// exchange is the token endpoint: a code, once, by the application it was made
// for, with the verifier of its challenge.
func (o *openID) exchange(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		o.refuse(w, r, http.StatusBadRequest, "invalid_request", "the form cannot be read")
		return
	}
	if !o.clientKnown(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="sandbox"`)
		o.refuse(w, r, http.StatusUnauthorized, "invalid_client", "wrong client id or secret")
		return
	}
	if r.PostForm.Get("grant_type") != "authorization_code" {
		o.refuse(w, r, http.StatusBadRequest, "unsupported_grant_type", "only authorization_code")
		return
	}
	grant, why := o.redeem(r.PostForm)
	if why != "" {
		o.refuse(w, r, http.StatusBadRequest, "invalid_grant", why)
		return
	}
	idToken, err := o.sign(o.claims(grant))
	if err != nil {
		o.refuse(w, r, http.StatusInternalServerError, "server_error", "cannot sign")
		return
	}
	o.note(r, http.StatusOK, map[string]string{"grant_type": "authorization_code", "person": grant.person.Username})
	reply(w, http.StatusOK, map[string]any{
		"access_token": grant.token, "token_type": "Bearer", "expires_in": int(openIDTokenLife / time.Second),
		"id_token": idToken, "scope": grant.scope,
	})
}

func (o *openID) refuse(w http.ResponseWriter, r *http.Request, status int, code, why string) {
	o.note(r, status, map[string]string{"error": code, "why": why})
	reply(w, status, openIDFailure{Error: code, Description: why})
}

// clientKnown accepts the secret by HTTP Basic or as form fields, not both.
func (o *openID) clientKnown(r *http.Request) bool {
	id, secret, basic := r.BasicAuth()
	if basic {
		var err1, err2 error
		id, err1 = url.QueryUnescape(id) // RFC 6749 encodes both before Basic does
		secret, err2 = url.QueryUnescape(secret)
		if err1 != nil || err2 != nil || r.PostForm.Has("client_secret") {
			return false
		}
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	client := o.registered()
	sameID := subtle.ConstantTimeCompare([]byte(id), []byte(client.ID))
	sameSecret := subtle.ConstantTimeCompare([]byte(secret), []byte(client.Secret))
	return client.ID != "" && client.Secret != "" && sameID&sameSecret == 1
}

// redeem uses up a code. A code that comes twice also ends the token it gave:
// one of the two who had it stole it.
func (o *openID) redeem(form url.Values) (openIDGrant, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	code := form.Get("code")
	grant, known := o.codes[code]
	if !known {
		return openIDGrant{}, "unknown code"
	}
	if grant.used {
		delete(o.tokens, grant.token)
		return openIDGrant{}, "this code was used before"
	}
	grant.used = true
	o.codes[code] = grant
	switch {
	case o.now().Sub(grant.at) > openIDCodeLife:
		return openIDGrant{}, "the code has expired"
	case form.Get("redirect_uri") != grant.redirectURI:
		return openIDGrant{}, "redirect_uri is not the one of the request"
	case !openIDProves(form.Get("code_verifier"), grant.challenge):
		return openIDGrant{}, "code_verifier does not fit the challenge"
	}
	grant.token = openIDSecret()
	o.codes[code] = grant
	o.tokens[grant.token] = grant
	return grant, ""
}

// openIDProves compares a PKCE verifier (RFC 7636) with its challenge; without a
// challenge there must be no verifier either.
func openIDProves(verifier, challenge string) bool {
	if challenge == "" || verifier == "" {
		return challenge == verifier
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]) == challenge && len(verifier) >= 43 && len(verifier) <= 128
}

// claims are those of the ID token.
func (o *openID) claims(g openIDGrant) map[string]any {
	now := o.now()
	claims := openIDPersonClaims(g)
	claims["iss"] = o.issuer()
	claims["aud"] = o.registered().ID
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(openIDTokenLife).Unix()
	claims["auth_time"] = g.at.Unix()
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	return claims
}

// openIDPersonClaims says about a person what the scopes allow.
func openIDPersonClaims(g openIDGrant) map[string]any {
	claims := map[string]any{"sub": g.person.Subject}
	scopes := strings.Fields(g.scope)
	if slices.Contains(scopes, "email") && g.person.Email != "" {
		claims["email"], claims["email_verified"] = g.person.Email, g.person.EmailVerified
	}
	if slices.Contains(scopes, "profile") {
		claims["name"], claims["preferred_username"] = g.person.Name, g.person.Username
	}
	return claims
}

// sign makes a JWT with ES256.
func (o *openID) sign(claims map[string]any) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": o.keyID})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, o.key, digest[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func (o *openID) userinfo(w http.ResponseWriter, r *http.Request) {
	token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	o.mu.Lock()
	grant, known := o.tokens[token]
	o.mu.Unlock()
	if !isBearer || !known || o.now().Sub(grant.at) > openIDTokenLife {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		o.refuse(w, r, http.StatusUnauthorized, "invalid_token", "unknown, ended or expired")
		return
	}
	o.note(r, http.StatusOK, map[string]string{"person": grant.person.Username})
	reply(w, http.StatusOK, openIDPersonClaims(grant))
}
