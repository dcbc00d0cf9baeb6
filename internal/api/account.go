package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/users"
)

// profile is what a user sees of themselves.
type profile struct {
	ID            string     `json:"id"`
	Username      string     `json:"username"`
	Name          string     `json:"name"`
	Email         string     `json:"email"`
	EmailVerified bool       `json:"emailVerified"`
	Role          users.Role `json:"role"`
	TimeZone      string     `json:"timeZone"`
	Theme         string     `json:"theme"`
	Palette       string     `json:"palette"`
}

func (a *API) profile(w http.ResponseWriter, r *http.Request) error {
	p, _ := auth.From(r.Context())
	u := p.User
	return httpio.Answer(w, http.StatusOK, profile{
		ID: u.ID.String(), Username: u.Username, Name: u.Name, Email: u.Email, EmailVerified: u.EmailVerified,
		Role: u.Role, TimeZone: u.TimeZone, Theme: u.Theme, Palette: u.Palette,
	})
}

func (a *API) plan(w http.ResponseWriter, r *http.Request) error {
	plan, err := a.gate.Plan(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]any{"plan": plan})
}

func (a *API) listTokens(w http.ResponseWriter, r *http.Request) error {
	list, err := a.guard.Tokens(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

// makeToken shows the token once; only its hash is kept.
func (a *API) makeToken(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name  string `json:"name"`
		Scope string `json:"scope"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	text, token, err := a.guard.MakeToken(r.Context(), user(r.Context()), in.Name, in.Scope)
	if err != nil {
		return err
	}
	shown, err := fields(token)
	if err != nil {
		return err
	}
	shown["token"] = text.Reveal()
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

func (a *API) listSessions(w http.ResponseWriter, r *http.Request) error {
	list, err := a.guard.SignIns(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
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
