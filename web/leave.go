package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/alertsify/alertsify/internal/account"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

const leavePath = "/settings/account"

// leaveView is what ends with an account, before it does.
type leaveView struct {
	account.Leaving

	Email    emailView
	Username string
	Typed    string
	Wrong    string // about what was typed
	Problem  string // why it cannot be done now
}

// leaveRoutes are the lines of this page in the route table.
func (s *Site) leaveRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: leavePath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.leave},
		{Method: "POST", Pattern: leavePath + "/email", Rule: auth.SignedIn | auth.StepUp | auth.SessionOnly, Class: httpio.Feed, Handler: s.changeEmail},
		{Method: "POST", Pattern: leavePath + "/email/confirm", Rule: auth.SignedIn | auth.StepUp | auth.SessionOnly, Class: httpio.Feed, Handler: s.confirmEmail},
		{Method: "POST", Pattern: leavePath + "/export", Rule: auth.SignedIn | auth.StepUp, Class: httpio.Feed, Handler: s.export},
		{Method: "POST", Pattern: leavePath + "/delete", Rule: auth.SignedIn | auth.StepUp | auth.SessionOnly, Class: httpio.Feed, Handler: s.deleteAccount},
	}
}

// leave answers GET /settings/account. Its query: code, as the mail's link has it, to be
// looked at and sent.
func (s *Site) leave(w http.ResponseWriter, r *http.Request) error {
	return s.showLeave(w, r, http.StatusOK, leaveView{Email: emailView{Code: codeOf(r.URL.Query().Get("code"))}})
}

func (s *Site) showLeave(w http.ResponseWriter, r *http.Request, status int, v leaveView) error {
	p, err := s.shell(r, "Account", leavePath)
	if err != nil {
		return err
	}
	if v.Leaving, err = s.account.Leaving(r.Context(), me(r.Context())); err != nil {
		return err
	}
	if err := s.fillEmail(r.Context(), &v.Email); err != nil {
		return err
	}
	v.Username = myName(r.Context())
	return s.show(w, r, status, leavePage(p, v))
}

// export answers POST /settings/account/export: everything that is one's own, as a file.
func (s *Site) export(w http.ResponseWriter, r *http.Request) error {
	archive, err := s.account.Export(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	return archive.Send(w)
}

// deleteAccount answers POST /settings/account/delete: there is no way back, so the
// username is typed. Whoever did it is signed out; the cookie is nobody's any more.
func (s *Site) deleteAccount(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	err = s.account.Delete(r.Context(), me(r.Context()), f.Get("username"))
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		return s.showLeave(w, r, refused.Status, leaveView{Typed: f.Get("username"), Wrong: wrongFields(refused)["username"]})
	}
	if errors.As(err, &refused) && refused.Code == "invalid_state" {
		return s.showLeave(w, r, refused.Status, leaveView{Typed: f.Get("username"), Problem: refused.Public})
	}
	if err != nil {
		return err
	}
	return back(w, "/", "account-deleted")
}

// counted is "1 order" or "3 orders".
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
