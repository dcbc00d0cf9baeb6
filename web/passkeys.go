package web

import (
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web/ui"
)

const passkeysPath = securityPath + "/passkeys"

// passkeyRoutes are the lines of these forms in the route table. What shows a passkey is
// for everybody: whoever has signed in by half is nobody yet.
func (s *Site) passkeyRoutes() []auth.Route {
	const own = auth.SignedIn | auth.StepUp | auth.SessionOnly
	return []auth.Route{
		{Method: "POST", Pattern: passkeysPath, Rule: own, Class: httpio.Feed, Handler: s.addPasskey},
		{Method: "POST", Pattern: passkeysPath + "/options", Rule: own, Class: httpio.Feed, Handler: s.newPasskey},
		{Method: "POST", Pattern: passkeysPath + "/rename", Rule: auth.SignedIn | auth.SessionOnly, Class: httpio.Feed, Handler: s.renamePasskey},
		{Method: "POST", Pattern: passkeysPath + "/remove", Rule: own, Class: httpio.Vital, Handler: s.removePasskey},
		{Method: "POST", Pattern: passkeysPath + "/ask", Rule: own, Class: httpio.Feed, Handler: s.askForPasskey},
		{Method: "GET", Pattern: auth.PasskeyPath, Rule: auth.Public, Class: httpio.Entry, Handler: s.passkeyLogin},
		{Method: "POST", Pattern: auth.PasskeyPath, Rule: auth.Public, Class: httpio.Entry, Handler: s.showPasskey},
		{Method: "POST", Pattern: auth.PasskeyPath + "/options", Rule: auth.Public, Class: httpio.Entry, Handler: s.askPasskey},
	}
}

// newPasskey answers POST /settings/security/passkeys/options, which our script asks.
func (s *Site) newPasskey(w http.ResponseWriter, r *http.Request) error {
	options, err := s.guard.BeginAddPasskey(r)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, options)
}

// addPasskey answers POST /settings/security/passkeys.
func (s *Site) addPasskey(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	return s.changed(w, r, s.guard.AddPasskey(r, f.Get("name"), []byte(f.Get("credential"))), "passkey-added")
}

// renamePasskey answers POST /settings/security/passkeys/rename.
func (s *Site) renamePasskey(w http.ResponseWriter, r *http.Request) error {
	f, id, err := passkeyForm(w, r)
	if err != nil {
		return err
	}
	return s.changed(w, r, s.guard.RenamePasskey(r.Context(), me(r.Context()), id, f.Get("name")), "passkey-renamed")
}

// removePasskey answers POST /settings/security/passkeys/remove.
func (s *Site) removePasskey(w http.ResponseWriter, r *http.Request) error {
	_, id, err := passkeyForm(w, r)
	if err != nil {
		return err
	}
	return s.changed(w, r, s.guard.RemovePasskey(r.Context(), me(r.Context()), id), "passkey-removed")
}

// askForPasskey answers POST /settings/security/passkeys/ask.
func (s *Site) askForPasskey(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	who, _ := auth.From(r.Context())
	on := f.Get("on") == "on"
	done := "passkey-not-asked"
	if on {
		done = "passkey-asked"
	}
	return s.changed(w, r, s.guard.AskForPasskey(r.Context(), who.User.ID, who.SignInID, on), done)
}

// changed leads back to the page, or shows it with what was wrong.
func (s *Site) changed(w http.ResponseWriter, r *http.Request, err error, done string) error {
	if err == nil {
		return back(w, securityPath, done)
	}
	switch fault.CodeOf(err) {
	case "invalid_state", "passkey_refused":
		return s.showSecurity(w, r, fault.Of(err).Status, securityView{Wrong: fault.Of(err).Public})
	case "validation_failed":
		return s.showSecurity(w, r, http.StatusUnprocessableEntity, securityView{Wrong: "A name has 1 to 60 characters."})
	}
	return err
}

func passkeyForm(w http.ResponseWriter, r *http.Request) (f url.Values, id uuid.UUID, err error) {
	if f, err = form(w, r); err != nil {
		return nil, uuid.Nil, err
	}
	if id, err = uuid.Parse(f.Get("id")); err != nil {
		return nil, uuid.Nil, fault.NotFound().Because(err)
	}
	return f, id, nil
}

// passkeyView is the page on which a sign-in by half is made whole.
type passkeyView struct{ Wrong string }

// passkeyLogin answers GET /login/passkey.
func (s *Site) passkeyLogin(w http.ResponseWriter, r *http.Request) error {
	half, err := s.guard.HalfSignedIn(r)
	if err != nil {
		return err
	}
	if !half {
		return back(w, "/", "") // signed in already, or too late
	}
	return s.show(w, r, http.StatusOK, passkeyPage(s.frame(r, "Sign in", auth.LoginPath), passkeyView{}))
}

// askPasskey answers POST /login/passkey/options, which our script asks.
func (s *Site) askPasskey(w http.ResponseWriter, r *http.Request) error {
	options, err := s.guard.BeginPasskey(w, r)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, options)
}

// showPasskey answers POST /login/passkey: for who has signed in by half, and for who
// must say again that it is them.
func (s *Site) showPasskey(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	to, err := s.guard.ShowPasskey(w, r, []byte(f.Get("credential")), f.Get("return_to"))
	if fault.CodeOf(err) == "passkey_refused" {
		return s.refusedPasskey(w, r, f.Get("return_to"), fault.Of(err).Public)
	}
	if err != nil {
		return err
	}
	return back(w, to, "")
}

// refusedPasskey shows the page again that the passkey was shown on.
func (s *Site) refusedPasskey(w http.ResponseWriter, r *http.Request, returnTo, sentence string) error {
	p := s.frame(r, "Sign in", auth.LoginPath)
	half, err := s.guard.HalfSignedIn(r)
	if err != nil {
		return err
	}
	if half {
		return s.show(w, r, http.StatusForbidden, passkeyPage(p, passkeyView{Wrong: sentence}))
	}
	view, err := s.loginView(r, returnTo, true)
	if err != nil {
		return err
	}
	p.Notice = &ui.Notice{Tone: ui.Bad, Text: sentence}
	return s.show(w, r, http.StatusForbidden, loginPage(p, view))
}
