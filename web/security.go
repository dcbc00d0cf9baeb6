package web

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

const securityPath = auth.SecurityPath

// securityView is how somebody signs in, and where they are signed in.
type securityView struct {
	Ways     []auth.Linked
	Linkable []Provider // each button of the sign-in page: one may have several accounts at a provider
	Passkeys auth.Passkeys
	Browsers []auth.SignIn
	Here     uuid.UUID // the browser that asks
	Wrong    string    // why the last form changed nothing
}

// only tells whether w is all its owner can sign in with.
func (v securityView) only(w auth.Linked) bool {
	for _, other := range v.Ways {
		if other.Offered && (other.Provider != w.Provider || other.Subject != w.Subject) {
			return false
		}
	}
	return true
}

// securityRoutes are the lines of this page in the route table.
func (s *Site) securityRoutes() []auth.Route {
	const own = auth.SignedIn | auth.StepUp | auth.SessionOnly
	return []auth.Route{
		{Method: "GET", Pattern: securityPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.security},
		{Method: "POST", Pattern: securityPath + "/unlink", Rule: own, Class: httpio.Vital, Handler: s.unlink},
		{Method: "POST", Pattern: securityPath + "/sessions/{id}/end", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.endSession},
		{Method: "POST", Pattern: securityPath + "/sign-out", Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.signOutEverywhere},
	}
}

// security answers GET /settings/security. Its query: problem, the code of how linking ended.
func (s *Site) security(w http.ResponseWriter, r *http.Request) error {
	return s.showSecurity(w, r, http.StatusOK, securityView{Wrong: auth.Problem(r.URL.Query().Get("problem"))})
}

func (s *Site) showSecurity(w http.ResponseWriter, r *http.Request, status int, v securityView) error {
	p, err := s.shell(r, "Security", securityPath)
	if err != nil {
		return err
	}
	if err := s.fillSecurity(r.Context(), &v); err != nil {
		return err
	}
	return s.show(w, r, status, securityPage(p, v))
}

func (s *Site) fillSecurity(ctx context.Context, v *securityView) (err error) {
	who, _ := auth.From(ctx)
	v.Here = who.SignInID
	if v.Ways, err = s.guard.Identities(ctx, who.User.ID); err != nil {
		return err
	}
	if v.Passkeys, err = s.guard.Passkeys(ctx, who.User.ID); err != nil {
		return err
	}
	v.Linkable = s.providers()
	v.Browsers, err = s.guard.SignIns(ctx, who.User.ID)
	return err
}

// unlink answers POST /settings/security/unlink. Every session ends with it, so that the
// answer leads to a page for anybody.
func (s *Site) unlink(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	err = s.guard.Unlink(r.Context(), me(r.Context()), f.Get("provider"), f.Get("subject"))
	if fault.CodeOf(err) == "invalid_state" {
		return s.showSecurity(w, r, http.StatusConflict, securityView{Wrong: fault.Of(err).Public})
	}
	if err != nil {
		return err
	}
	return back(w, "/", "unlinked")
}

// endSession answers POST /settings/security/sessions/{id}/end.
func (s *Site) endSession(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.guard.EndSignIn(r.Context(), me(r.Context()), id); err != nil {
		return err
	}
	return back(w, securityPath, "session-ended")
}

// signOutEverywhere answers POST /settings/security/sign-out.
func (s *Site) signOutEverywhere(w http.ResponseWriter, r *http.Request) error {
	if err := s.guard.SignOutEverywhere(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, "/", "signed-out")
}

// wayWords names an identity: its provider, and what the provider calls its owner.
func wayWords(l auth.Linked) string {
	if l.Email == "" {
		return auth.ProviderLabel(l.Provider)
	}
	return auth.ProviderLabel(l.Provider) + ", " + l.Email
}
