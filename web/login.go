package web

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/web/ui"
)

// loginView is the ways to sign in.
type loginView struct {
	Providers []Provider
	ReturnTo  string // a path of ours
	Again     bool   // somebody signed in must prove who they are
}

// Provider is one way to sign in: its name in addresses, and what people call it.
type Provider struct{ Name, Label string }

// login answers GET /login. Its query: return_to, reauth, and problem, the code
// of how the last attempt ended.
func (s *Site) login(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	view := loginView{ReturnTo: auth.LocalPath(query.Get("return_to")), Again: query.Get("reauth") == "1"}
	_, known := auth.From(r.Context())
	if known && !view.Again && query.Get("problem") == "" {
		return back(w, view.ReturnTo, "")
	}
	for _, name := range s.guard.Providers() {
		view.Providers = append(view.Providers, Provider{Name: name, Label: auth.ProviderLabel(name)})
	}
	p := s.frame(r, "Sign in", auth.LoginPath)
	if sentence := auth.Problem(query.Get("problem")); sentence != "" {
		p.Notice = &ui.Notice{Tone: ui.Bad, Text: sentence}
	}
	return s.show(w, r, http.StatusOK, loginPage(p, view))
}

// home answers GET /: the dashboard for people who are signed in, else what this is.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	if _, known := auth.From(r.Context()); known {
		return back(w, "/dashboard", "")
	}
	return s.show(w, r, http.StatusOK, landingPage(s.frame(r, "Options trades, alerts and copies", "/")))
}

func (v loginView) intent() string {
	if v.Again {
		return "reauth"
	}
	return "login"
}

func (v loginView) title() string {
	if v.Again {
		return "Confirm that it is you"
	}
	return "Sign in"
}

func (v loginView) sentence() string {
	if v.Again {
		return "This needs a sign-in of the last 15 minutes. Sign in once more; then you are back where you were."
	}
	return "With an account you already have. We keep no password."
}
