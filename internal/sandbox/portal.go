package sandbox

import (
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/markup"
)

// portal plays the connection portal: the page on which a user picks a broker
// and allows the connection.
type portal struct {
	deps
	snaptrade *snaptrade

	mu       sync.Mutex
	sessions map[string]portalSession
}

// portalSession is one link, good for five minutes and one use.
type portalSession struct {
	user    string
	form    loginForm
	expires time.Time
}

func newPortal(d deps) *portal {
	return &portal{deps: d, sessions: map[string]portalSession{}}
}

// routes are the pages under /portal.
func (p *portal) routes(r chi.Router) {
	r.Get("/logo/{slug}", p.logo)
	r.Get("/{session}", p.show)
	r.Post("/{session}/connect", p.connect)
	r.Post("/{session}/cancel", p.cancel)
}

// open makes a link for a user and returns its session id.
func (p *portal) open(user string, form loginForm) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := p.rand.UUID()
	p.sessions[id] = portalSession{user: user, form: form, expires: p.now().Add(linkLifetime)}
	return id
}

// session finds a link that is still good; use takes it away.
func (p *portal) session(id string, use bool) (portalSession, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, known := p.sessions[id]
	if known && p.now().After(s.expires) {
		delete(p.sessions, id)
		known = false
	}
	if known && use {
		delete(p.sessions, id)
	}
	return s, known
}

// pending takes away the newest good link of a user: the portal visit that a
// control call finishes without a browser.
func (p *portal) pending(user string) (portalSession, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	newest, found := "", false
	for id, s := range p.sessions {
		if s.user != user || p.now().After(s.expires) {
			continue
		}
		if !found || s.expires.After(p.sessions[newest].expires) {
			newest, found = id, true
		}
	}
	s := p.sessions[newest]
	delete(p.sessions, newest)
	return s, found
}

type portalView struct {
	Session   string
	Brokers   []broker
	Reconnect bool
	Login     string
	Error     string
	Next      string
}

func (p *portal) show(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "session")
	s, good := p.session(id, false)
	if !good {
		p.render(w, http.StatusGone, portalView{Error: "This link has expired. Go back and ask for a new one."})
		return
	}
	view := portalView{Session: id, Login: "main", Reconnect: s.form.Reconnect != ""}
	wanted := s.form.Broker
	if c, known := p.snaptrade.registry.connection(s.form.Reconnect); known {
		wanted, view.Login = c.Broker, c.Login
	}
	for _, b := range p.snaptrade.registry.brokers {
		if b.Enabled && !b.Maintenance && (wanted == "" || b.Slug == wanted) {
			view.Brokers = append(view.Brokers, b)
		}
	}
	p.render(w, http.StatusOK, view)
}

func (p *portal) render(w http.ResponseWriter, status int, view portalView) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, view.draw())
}

func (p *portal) connect(w http.ResponseWriter, r *http.Request) {
	s, good := p.session(chi.URLParam(r, "session"), true)
	if !good {
		p.render(w, http.StatusGone, portalView{Error: "This link has expired. Go back and ask for a new one."})
		return
	}
	chosen, known := p.snaptrade.registry.brokerNamed(r.FormValue("broker"))
	if !known {
		p.leave(w, r, s, url.Values{"status": {"ERROR"}, "status_code": {"400"}, "error_code": {"1012"}})
		return
	}
	login := r.FormValue("login")
	if login == "" {
		login = "main"
	}
	c, err := p.snaptrade.connect(attempt{
		User: s.user, Broker: chosen, Login: login, ConnectionType: s.form.ConnectionType, Reconnect: s.form.Reconnect,
	})
	if err != nil {
		p.leave(w, r, s, p.failure(err))
		return
	}
	p.leave(w, r, s, url.Values{"status": {"SUCCESS"}, "connection_id": {c.ID}})
}

// failure is the redirect query of a failed attempt.
func (p *portal) failure(err error) url.Values {
	var known portalError
	if !asPortalError(err, &known) {
		p.logger.Error("sandbox: portal connect", "error", err)
		known = portalError{Status: http.StatusInternalServerError, Code: "3000"}
	}
	return url.Values{"status": {"ERROR"}, "status_code": {strconv.Itoa(known.Status)}, "error_code": {known.Code}}
}

func asPortalError(err error, into *portalError) bool { return errors.As(err, into) }

func (p *portal) cancel(w http.ResponseWriter, r *http.Request) {
	s, good := p.session(chi.URLParam(r, "session"), true)
	if !good {
		p.render(w, http.StatusGone, portalView{Error: "This link has expired."})
		return
	}
	p.leave(w, r, s, url.Values{"status": {"ABANDONED"}})
}

// leave sends the browser back to the application: at once, or over a last page.
func (p *portal) leave(w http.ResponseWriter, r *http.Request, s portalSession, result url.Values) {
	back, err := url.Parse(s.form.CustomRedirect)
	if err != nil || s.form.CustomRedirect == "" {
		p.render(w, http.StatusOK, portalView{Error: "Done: " + result.Get("status") + ". You can close this window."})
		return
	}
	query := back.Query()
	for name, values := range result {
		query[name] = values
	}
	back.RawQuery = query.Encode()
	if s.form.ImmediateRedirect || result.Get("status") != "SUCCESS" {
		http.Redirect(w, r, back.String(), http.StatusSeeOther)
		return
	}
	p.render(w, http.StatusOK, portalView{Next: back.String()})
}

func (p *portal) logo(w http.ResponseWriter, r *http.Request) {
	letter := "?"
	if slug := chi.URLParam(r, "slug"); slug != "" {
		letter = html.EscapeString(slug[:1])
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="10" fill="#27415f"/>` +
		`<text x="24" y="33" font-family="sans-serif" font-size="26" text-anchor="middle" fill="#fff">` + letter + `</text></svg>`))
}

const portalHead markup.HTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Connect a broker (sandbox)</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f2f4f7;color:#16202c}
main{max-width:26rem;margin:6vh auto;background:#fff;border-radius:12px;padding:1.5rem 1.75rem;box-shadow:0 1px 4px #0002}
h1{font-size:1.25rem;margin:.2rem 0 1rem}p.note{color:#566;font-size:.85rem}
label{display:flex;gap:.6rem;align-items:center;padding:.45rem .2rem}
input[type=text]{font:inherit;padding:.35rem .5rem;width:100%;box-sizing:border-box}
button,a.button{font:inherit;border:0;border-radius:8px;padding:.6rem 1.1rem;cursor:pointer;text-decoration:none;display:inline-block}
.go{background:#1c6b4a;color:#fff}.stop{background:#e6e9ee;color:#16202c;margin-top:.6rem}
</style></head><body><main>
<p class="note">Sandbox: no real broker, no real money.</p>
`

func (v portalView) draw() string {
	var m markup.Page
	m.Raw(portalHead)
	switch {
	case v.Error != "":
		m.Put("<h1>%s</h1>\n", v.Error)
	case v.Next != "":
		m.Put(`<h1>Connected</h1><a class="button go" id="done" href="%s">Done</a>`+"\n", v.Next)
	default:
		v.drawChoice(&m)
	}
	m.Raw("</main></body></html>\n")
	return m.String()
}

func (v portalView) drawChoice(m *markup.Page) {
	title := "Choose your broker"
	if v.Reconnect {
		title = "Repair the connection"
	}
	m.Put(`<h1>%s</h1>`+"\n"+`<form method="post" action="/portal/%s/connect">`+"\n", title, v.Session)
	for i, b := range v.Brokers {
		checked, limits := "", ""
		if i == 0 {
			checked = "checked"
		}
		if !b.Trading {
			limits = " (read-only)"
		}
		m.Put(`<label><input type="radio" name="broker" value="%s" %s> %s%s</label>`+"\n", b.Slug, checked, b.Name, limits)
	}
	m.Put(`<p class="note">Login at the broker; the same login is the same connection.</p>
<input type="text" name="login" value="%s" autocomplete="off">
<p><button class="go" id="connect">Connect</button></p></form>
<form method="post" action="/portal/%s/cancel"><button class="stop" id="cancel">Cancel</button></form>
`, v.Login, v.Session)
}
