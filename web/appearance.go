package web

import (
	"net/http"
	"net/url"
	"time"
)

// appearance answers GET /settings/appearance.
func (s *Site) appearance(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Appearance", "/settings/appearance")
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, appearancePage(p))
}

// setAppearance answers POST /settings/appearance.
func (s *Site) setAppearance(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	user := me(r.Context())
	if _, err := s.users.SetAppearance(r.Context(), user, f.Get("theme"), f.Get("palette"), f.Get("celebrate") == "on"); err != nil {
		return err
	}
	s.guard.Forget(user) // the page that says so must already show it
	return back(w, "/settings/appearance", "appearance")
}

// setPrivate answers POST /settings/private: hides or shows amounts in this browser.
func (s *Site) setPrivate(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	value := "off"
	if f.Get("private") == "on" {
		value = "on"
	}
	s.setCookie(w, privateCookie, value, 365*24*time.Hour)
	return back(w, without(referer(r), "amounts"), "") // the cookie has it now
}

// without is an address of ours less one of its parameters.
func without(address, name string) string {
	u, err := url.Parse(address)
	if err != nil || !u.Query().Has(name) {
		return address
	}
	query := u.Query()
	query.Del(name)
	u.RawQuery = query.Encode()
	return u.String()
}
