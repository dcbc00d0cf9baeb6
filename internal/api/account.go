package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
)

// token is an access token as its owner sees it; Token is the text, shown once.
type token struct {
	ID         uuid.UUID  `json:"id"`
	Name       string     `json:"name"`
	Scope      string     `json:"scope"`
	CreatedAt  time.Time  `json:"createdAt"`
	LastUsedAt *time.Time `json:"lastUsedAt"`
	ExpiresAt  *time.Time `json:"expiresAt"` // null: it lasts until it is revoked
	Token      string     `json:"token,omitempty"`
}

func tokenOf(t auth.Token) token {
	return token{ID: t.ID, Name: t.Name, Scope: t.Scope, CreatedAt: t.CreatedAt, LastUsedAt: t.LastUsedAt, ExpiresAt: t.ExpiresAt}
}

func (a *API) listTokens(w http.ResponseWriter, r *http.Request) error {
	list, err := a.guard.Tokens(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	shown := make([]token, len(list))
	for i, t := range list {
		shown[i] = tokenOf(t)
	}
	return httpio.AnswerList(w, shown, "")
}

// makeToken shows the token once; only its hash is kept.
func (a *API) makeToken(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name  string `json:"name"`
		Scope string `json:"scope"`
		Days  int    `json:"expiresInDays"` // 0: never
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	text, made, err := a.guard.MakeTokenFor(r.Context(), user(r.Context()), in.Name, in.Scope, in.Days)
	if err != nil {
		return err
	}
	shown := tokenOf(made)
	shown.Token = text.Reveal()
	return httpio.Answer(w, http.StatusCreated, shown)
}

func (a *API) revokeToken(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if err := a.guard.RevokeToken(r.Context(), user(r.Context()), id); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]any{"id": id, "revoked": true})
}

// session is one browser somebody is signed in with. Network is the beginning of
// its address, enough to recognise one's own by.
type session struct {
	ID         uuid.UUID `json:"id"`
	Provider   string    `json:"provider"`
	Device     string    `json:"device"`
	Network    string    `json:"network"`
	CreatedAt  time.Time `json:"createdAt"`
	LastSeenAt time.Time `json:"lastSeenAt"`
	Current    bool      `json:"current"`
}

func (a *API) listSessions(w http.ResponseWriter, r *http.Request) error {
	p, _ := auth.From(r.Context())
	list, err := a.guard.SignIns(r.Context(), p.User.ID)
	if err != nil {
		return err
	}
	shown := make([]session, len(list))
	for i, s := range list {
		shown[i] = session{
			ID: s.ID, Provider: s.Method, Device: s.Device, Network: s.IPPrefix, CreatedAt: s.CreatedAt, LastSeenAt: s.LastSeenAt,
			Current: s.ID == p.SignInID,
		}
	}
	return httpio.AnswerList(w, shown, "")
}

func (a *API) endSession(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if err := a.guard.EndSignIn(r.Context(), user(r.Context()), id); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]any{"id": id, "ended": true})
}

func (a *API) signOutEverywhere(w http.ResponseWriter, r *http.Request) error {
	if err := a.guard.SignOutEverywhere(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"ended": true})
}
