package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/users"
)

const profilePath = "/settings/profile"

// profileView is what somebody says about themselves, what they typed last, and what was
// wrong with it.
type profileView struct {
	User        users.User
	Typed       url.Values
	Wrong       map[string]string
	Application *users.Application // the last one; nil: they never asked
	WrongText   string             // about an application that was not taken
}

func (v profileView) typed(field, now string) string {
	if v.Typed.Has(field) {
		return v.Typed.Get(field)
	}
	return now
}

// applies tells whether they may ask to become a trader now.
func (v profileView) applies() bool {
	waits := v.Application != nil && v.Application.State == users.ApplicationPending
	return v.User.Role == users.Subscriber && !waits
}

func (v profileView) waits() bool {
	return v.Application != nil && v.Application.State == users.ApplicationPending
}

// profileRoutes are the lines of this page in the route table.
func (s *Site) profileRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: profilePath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.profile},
		{Method: "POST", Pattern: profilePath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.setProfile},
		{Method: "POST", Pattern: profilePath + "/apply", Rule: auth.SignedIn | auth.Agreed, Class: httpio.Feed, Handler: s.apply},
		{Method: "POST", Pattern: profilePath + "/withdraw", Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.withdrawApplication},
	}
}

// profile answers GET /settings/profile.
func (s *Site) profile(w http.ResponseWriter, r *http.Request) error {
	return s.showProfile(w, r, http.StatusOK, profileView{})
}

func (s *Site) showProfile(w http.ResponseWriter, r *http.Request, status int, v profileView) error {
	p, err := s.shell(r, "Profile", profilePath)
	if err != nil {
		return err
	}
	if v.User, err = s.users.ByID(r.Context(), me(r.Context())); err != nil {
		return err
	}
	if v.Application, err = s.applying.Latest(r.Context(), v.User.ID); err != nil {
		return err
	}
	return s.show(w, r, status, profilePage(p, v))
}

// setProfile answers POST /settings/profile.
func (s *Site) setProfile(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	user, zone := me(r.Context()), f.Get("timeZone")
	err = users.CheckTimeZone(zone)
	if err == nil {
		_, err = s.users.SetProfile(r.Context(), user, users.Profile{
			Name: strings.TrimSpace(f.Get("name")), Username: strings.TrimSpace(f.Get("username")), Bio: strings.TrimSpace(strings.ReplaceAll(f.Get("bio"), "\r\n", "\n")),
		})
	}
	if err == nil {
		_, err = s.users.SetTimeZone(r.Context(), user, zone)
	}
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		return s.showProfile(w, r, refused.Status, profileView{Typed: f, Wrong: wrongFields(refused)})
	}
	if err != nil {
		return err
	}
	s.guard.Forget(user) // the page that says so must already show it
	return back(w, profilePath, "written")
}

// apply answers POST /settings/profile/apply: somebody wants to become a trader.
func (s *Site) apply(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	_, err = s.applying.Apply(r.Context(), me(r.Context()), f.Get("text"))
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		return s.showProfile(w, r, refused.Status, profileView{Typed: f, WrongText: wrongFields(refused)["text"]})
	}
	if err != nil {
		return err
	}
	return back(w, profilePath, "applied")
}

// withdrawApplication answers POST /settings/profile/withdraw.
func (s *Site) withdrawApplication(w http.ResponseWriter, r *http.Request) error {
	if err := s.applying.Withdraw(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, profilePath, "withdrawn")
}

// initials stand where somebody has no picture.
func initials(name string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(name) {
		for _, first := range word {
			b.WriteRune(unicode.ToUpper(first))
			break
		}
		if b.Len() >= 2 {
			break
		}
	}
	return b.String()
}
