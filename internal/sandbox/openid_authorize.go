package sandbox

import (
	"crypto/subtle"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/alertsify/alertsify/internal/markup"
)

// openIDRequest are the parameters of an authorization request that we keep.
type openIDRequest struct {
	ClientID, RedirectURI, ResponseType, Scope string
	State, Nonce, Prompt, LoginHint            string
	Challenge, ChallengeMethod                 string
}

func openIDRequestOf(v url.Values) openIDRequest {
	return openIDRequest{
		ClientID: v.Get("client_id"), RedirectURI: v.Get("redirect_uri"), ResponseType: v.Get("response_type"), Scope: v.Get("scope"),
		State: v.Get("state"), Nonce: v.Get("nonce"), Prompt: v.Get("prompt"), LoginHint: v.Get("login_hint"),
		Challenge: v.Get("code_challenge"), ChallengeMethod: v.Get("code_challenge_method"),
	}
}

// hidden are the parameters the page sends back with the answer.
func (q openIDRequest) hidden() map[string]string {
	return map[string]string{
		"client_id": q.ClientID, "redirect_uri": q.RedirectURI, "response_type": q.ResponseType, "scope": q.Scope,
		"state": q.State, "nonce": q.Nonce, "prompt": q.Prompt,
		"code_challenge": q.Challenge, "code_challenge_method": q.ChallengeMethod,
	}
}

var openIDChallenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // SHA-256 in base64url

// wrong names the error to send back to the application, or is empty.
func (q openIDRequest) wrong(needed string) (code, why string) {
	switch {
	case q.ResponseType != "code":
		return "unsupported_response_type", "only code"
	case !slices.Contains(strings.Fields(q.Scope), needed):
		return "invalid_scope", needed + " is missing"
	case q.Challenge == "" && q.ChallengeMethod != "":
		return "invalid_request", "a challenge method without a challenge"
	case q.Challenge != "" && (q.ChallengeMethod != "S256" || !openIDChallenge.MatchString(q.Challenge)):
		return "invalid_request", "only PKCE with S256"
	case q.Prompt == "none":
		return "login_required", "there is no session here: every sign-in asks"
	default:
		return "", ""
	}
}

// check answers a request that cannot go on. An unknown application or address
// gets a page, never a redirect.
func (o *openID) check(w http.ResponseWriter, r *http.Request, q openIDRequest) bool {
	client := o.registered()
	if client.ID == "" || q.ClientID != client.ID || !slices.Contains(client.RedirectURIs, q.RedirectURI) {
		o.note(r, http.StatusBadRequest, map[string]string{"error": "unknown client_id or redirect_uri", "redirect_uri": q.RedirectURI})
		http.Error(w, "Unknown client_id, or a redirect_uri that is not registered exactly like this.", http.StatusBadRequest)
		return false
	}
	if code, why := q.wrong(o.scope); code != "" {
		o.goBack(w, r, q, url.Values{"error": {code}, "error_description": {why}})
		return false
	}
	return true
}

// askPerson shows the page. It is shown at every request, also with prompt=login,
// because no session is kept here.
func (o *openID) askPerson(w http.ResponseWriter, r *http.Request) {
	q := openIDRequestOf(r.URL.Query())
	if !o.check(w, r, q) {
		return
	}
	o.note(r, http.StatusOK, map[string]string{"prompt": q.Prompt, "scope": q.Scope})
	o.showPage(w, http.StatusOK, q, "")
}

func (o *openID) showPage(w http.ResponseWriter, status int, q openIDRequest, complaint string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, o.page(q, complaint))
}

// answerPerson takes the page's form: a person's username, or "custom" with
// typed claims, or "deny".
func (o *openID) answerPerson(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form cannot be read.", http.StatusBadRequest)
		return
	}
	q := openIDRequestOf(r.PostForm)
	if !o.check(w, r, q) {
		return
	}
	if code := o.registered().ConsoleCode; code != "" && subtle.ConstantTimeCompare([]byte(code), []byte(r.PostForm.Get("console_code"))) != 1 {
		o.note(r, http.StatusForbidden, map[string]string{"error": "wrong console code"})
		o.showPage(w, http.StatusForbidden, q, "That is not the code printed on the console.")
		return
	}
	if r.PostForm.Get("person") == "deny" {
		o.goBack(w, r, q, url.Values{"error": {"access_denied"}, "error_description": {"The person declined."}})
		return
	}
	person, known := o.chosen(r.PostForm)
	if !known {
		o.note(r, http.StatusBadRequest, map[string]string{"error": "nobody chosen"})
		o.showPage(w, http.StatusBadRequest, q, "Choose a person, or type at least a subject.")
		return
	}
	o.goBack(w, r, q, url.Values{"code": {o.grant(q, person)}})
}

func (o *openID) chosen(form url.Values) (Person, bool) {
	name := form.Get("person")
	if name == "custom" {
		p := Person{
			Subject: strings.TrimSpace(form.Get("sub")), Username: form.Get("username"), Name: form.Get("name"),
			Email: form.Get("email"), EmailVerified: form.Get("email_verified") == "true",
		}
		return p, p.Subject != ""
	}
	i := slices.IndexFunc(o.people, func(p Person) bool { return p.Username == name && name != "" })
	if i < 0 {
		return Person{}, false
	}
	return o.people[i], true
}

func (o *openID) grant(q openIDRequest, person Person) string {
	code := openIDSecret()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forgetOld()
	o.codes[code] = openIDGrant{
		person: person, redirectURI: q.RedirectURI, scope: q.Scope,
		nonce: q.Nonce, challenge: q.Challenge, at: o.now(),
	}
	return code
}

// goBack sends the browser to the application with the outcome.
func (o *openID) goBack(w http.ResponseWriter, r *http.Request, q openIDRequest, outcome url.Values) {
	target, err := url.Parse(q.RedirectURI)
	if err != nil {
		http.Error(w, "The redirect_uri is not a URL.", http.StatusBadRequest)
		return
	}
	all := target.Query()
	for name, values := range outcome {
		all[name] = values
	}
	if q.State != "" {
		all.Set("state", q.State)
	}
	if o.scope == "openid" {
		all.Set("iss", o.issuer())
	}
	target.RawQuery = all.Encode()
	o.note(r, http.StatusSeeOther, map[string]string{"person": r.PostFormValue("person"), "error": outcome.Get("error")})
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}

// note logs a request without its parameters, several of which are secrets.
func (o *openID) note(r *http.Request, status int, what map[string]string) {
	for name, value := range what {
		if value == "" {
			delete(what, name)
		}
	}
	o.log.Add("openid", r.Method, r.URL.Path, status, what)
}

// page asks who is signing in.
func (o *openID) page(q openIDRequest, complaint string) string {
	var m markup.Page
	m.Raw(openIDHead)
	if complaint != "" {
		m.Put(`<p class="complaint" role="alert">%s</p>`, complaint)
	}
	m.Raw("\n" + `<form method="post" action="authorize">` + "\n")
	hidden := q.hidden()
	for _, name := range slices.Sorted(maps.Keys(hidden)) {
		m.Put(`<input type="hidden" name="%s" value="%s">`+"\n", name, hidden[name])
	}
	if o.registered().ConsoleCode != "" {
		m.Raw(`<label>Code printed on the console <input name="console_code" autocomplete="off" required></label>`)
	}
	m.Raw("\n<fieldset><legend>Sign in as</legend>\n")
	for _, p := range o.people {
		unverified := ""
		if !p.EmailVerified {
			unverified = " (not verified)"
		}
		m.Put(`<button name="person" value="%s">%s <small>%s · %s · %s%s</small></button>`+"\n", p.Username, p.Name, p.Username, p.Role, p.Email, unverified)
	}
	m.Put(`</fieldset>
<fieldset><legend>Or as somebody new</legend>
<label>Subject <input name="sub" placeholder="any stable id"></label>
<label>Username <input name="username"></label>
<label>Name <input name="name"></label>
<label>E-mail <input name="email" type="email" value="%s"></label>
<label><input name="email_verified" type="checkbox" value="true"> the provider has verified this e-mail</label>
<button name="person" value="custom">Sign in with these claims</button>
</fieldset>
<button name="person" value="deny">Decline</button>
</form>
</main>
</html>
`, q.LoginHint)
	return m.String()
}

const openIDHead markup.HTML = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox sign-in</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c22; background: #fafafa }
fieldset { border: 1px solid #ccc; border-radius: .5rem; margin: 1rem 0; padding: 1rem }
button { font: inherit; padding: .5rem 1rem; margin: .2rem 0; width: 100%; text-align: left; border: 1px solid #999; border-radius: .4rem; background: #fff; cursor: pointer }
label { display: block; margin: .4rem 0 } input:not([type=checkbox]) { font: inherit; width: 100%; box-sizing: border-box; padding: .3rem }
.complaint { color: #a00 } small { color: #555 }
</style>
<main>
<h1>Sandbox sign-in</h1>
<p>This page plays an identity provider. It exists in development only.</p>
`
