package web

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/record"
	"github.com/alertsify/alertsify/web/ui"
)

// loginView is the ways to sign in.
type loginView struct {
	Providers []Provider
	ReturnTo  string // a path of ours
	Again     bool   // somebody signed in must prove who they are
	Passkey   bool   // and has a passkey for it
	Only      bool   // which is all that counts, since they are asked for one at sign-in
}

// Provider is one way to sign in: its name in addresses, and what people call it.
type Provider struct{ Name, Label string }

// login answers GET /login. Its query: return_to, reauth, and problem, the code
// of how the last attempt ended.
func (s *Site) login(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	view, err := s.loginView(r, query.Get("return_to"), query.Get("reauth") == "1")
	if err != nil {
		return err
	}
	_, known := auth.From(r.Context())
	if known && !view.Again && query.Get("problem") == "" {
		return back(w, view.ReturnTo, "")
	}
	p := s.frame(r, "Sign in", auth.LoginPath)
	if sentence := auth.Problem(query.Get("problem")); sentence != "" {
		p.Notice = &ui.Notice{Tone: ui.Bad, Text: sentence}
	}
	return s.show(w, r, http.StatusOK, loginPage(p, view))
}

// loginView finds the ways that are open to who asks.
func (s *Site) loginView(r *http.Request, returnTo string, again bool) (loginView, error) {
	view := loginView{ReturnTo: auth.LocalPath(returnTo), Again: again, Providers: s.providers()}
	who, known := auth.From(r.Context())
	if !known || !again {
		return view, nil
	}
	keys, err := s.guard.Passkeys(r.Context(), who.User.ID)
	if err != nil {
		return loginView{}, err
	}
	view.Passkey, view.Only = keys.Offered && len(keys.Keys) > 0, keys.Holds
	return view, nil
}

// providers are the buttons of the sign-in page.
func (s *Site) providers() (list []Provider) {
	for _, name := range s.guard.Providers() {
		list = append(list, Provider{Name: name, Label: auth.ProviderLabel(name)})
	}
	return list
}

// home answers GET /: the dashboard for people who are signed in, else what this is.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	if _, known := auth.From(r.Context()); known {
		return back(w, "/dashboard", "")
	}
	var v landingView
	var err error
	if v.Latest, err = s.latest(r); err != nil {
		return err
	}
	best, _, err := s.board.Page(r.Context(), leaderboard.Query{Metric: leaderboard.PnL, Period: record.Monthly, Limit: landingMost})
	if err != nil {
		return err
	}
	v.Best = best.Standings
	return s.show(w, r, http.StatusOK, landingPage(s.frame(r, "Options trades, alerts and copies", "/"), v))
}

// offered are the providers whose word counts.
func (v loginView) offered() []Provider {
	if v.Only {
		return nil
	}
	return v.Providers
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
