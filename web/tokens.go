package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web/ui"
)

const tokensPath = "/settings/tokens"

// tokensView is which programs may act for somebody.
type tokensView struct {
	List  []auth.Token
	Admin bool // may make tokens of scope admin

	Secret string // the new token, shown this once
	Typed  auth.Token
	Days   string            // as chosen
	Wrong  map[string]string // by field
	Full   string            // why there may be no further one
}

// What a token may do, and how long, with the usual choice first.
var (
	tokenScopes = [][2]string{{auth.ScopeRead, "Read: orders, positions, results"}, {auth.ScopeTrade, "Trade: read, and everything you can do here but make tokens"}, {auth.ScopeAdmin, "Admin: trade, and the operators' console"}}
	tokenDays   = [][2]string{{"90", "90 days"}, {"7", "7 days"}, {"30", "30 days"}, {"365", "A year"}, {"0", "Until I revoke it"}}
)

func (v tokensView) scopes() [][2]string {
	if v.Admin {
		return tokenScopes
	}
	return tokenScopes[:2]
}

func (v tokensView) invalid(field string) string { return strconv.FormatBool(v.Wrong[field] != "") }

// tokenRoutes are the lines of this page in the route table.
func (s *Site) tokenRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: tokensPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.tokens},
		{Method: "POST", Pattern: tokensPath, Rule: auth.SignedIn | auth.StepUp | auth.SessionOnly, Class: httpio.Feed, Handler: s.makeToken},
		{Method: "POST", Pattern: tokensPath + "/{id}/revoke", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.revokeToken},
	}
}

// tokens answers GET /settings/tokens.
func (s *Site) tokens(w http.ResponseWriter, r *http.Request) error {
	return s.showTokens(w, r, http.StatusOK, tokensView{})
}

func (s *Site) showTokens(w http.ResponseWriter, r *http.Request, status int, v tokensView) error {
	p, err := s.shell(r, "Access tokens", tokensPath)
	if err != nil {
		return err
	}
	v.Admin = p.Person.Admin
	if v.List, err = s.guard.Tokens(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return s.show(w, r, status, tokensPage(p, v))
}

// makeToken answers POST /settings/tokens. The token stands on the answer and nowhere else.
func (s *Site) makeToken(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	v := tokensView{Typed: auth.Token{Name: f.Get("name"), Scope: f.Get("scope")}, Days: f.Get("days")}
	days, err := strconv.Atoi(v.Days)
	if err != nil {
		days = -1 // no choice of ours
	}
	text, _, err := s.guard.MakeTokenFor(r.Context(), me(r.Context()), v.Typed.Name, v.Typed.Scope, days)
	var refused *fault.Error
	switch {
	case errors.As(err, &refused) && refused.Code == "validation_failed":
		v.Wrong = wrongFields(refused)
		return s.showTokens(w, r, http.StatusUnprocessableEntity, v)
	case errors.As(err, &refused) && refused.Code == "invalid_state":
		v.Full = refused.Public
		return s.showTokens(w, r, http.StatusConflict, v)
	case err != nil:
		return err
	}
	return s.showTokens(w, r, http.StatusOK, tokensView{Secret: text.Reveal()})
}

// revokeToken answers POST /settings/tokens/{id}/revoke.
func (s *Site) revokeToken(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.guard.RevokeToken(r.Context(), me(r.Context()), id); err != nil {
		return err
	}
	return back(w, tokensPath, "token-revoked")
}

// scopeTone marks what can do harm.
func scopeTone(scope string) ui.Tone {
	if scope == auth.ScopeRead {
		return ui.Good
	}
	return ui.Wait
}
