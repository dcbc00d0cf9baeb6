package auth

import (
	"context"
	"net/http"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/go-chi/chi/v5"
)

const formMax = 16 << 10 // bytes of a sign-in form; a return path is the longest thing in it

// Begin is POST /auth/{provider}, a form with return_to and intent (login, link
// or reauth): it notes the attempt in the session and sends the browser to the
// provider. It is no GET, so that no link can start a sign-in. Its rule is Public.
func (g *Guard) Begin(w http.ResponseWriter, r *http.Request) error {
	p, ok := g.providers[chi.URLParam(r, "provider")]
	if !ok {
		return fault.NotFound()
	}
	if err := g.countSignIn(w, r); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, formMax)
	if err := r.ParseForm(); err != nil {
		return fault.New(http.StatusBadRequest, "invalid_form", "The form could not be read.").Because(err)
	}
	a := newAttempt(p.name, r.PostForm.Get("intent"), r.PostForm.Get("return_to"), g.now())
	if err := g.bind(r, &a); err != nil {
		g.refuse(w, r, err)
		return nil
	}
	address, notes, err := p.begin(a)
	if err != nil {
		return err
	}
	a.Notes = notes
	if err := g.remember(w, r, a); err != nil {
		return err
	}
	seeOther(w, address)
	return nil
}

func (g *Guard) countSignIn(w http.ResponseWriter, r *http.Request) error {
	if g.allow == nil {
		return nil
	}
	return httpio.Spend(w, r, g.allow, "signin:"+httpio.AddressKey(httpio.Address(r.Context())), g.perMinute)
}

// bind ties linking and proving again to who is signed in; linking needs a fresh
// sign-in, like everything that opens a way into an account.
func (g *Guard) bind(r *http.Request, a *attempt) error {
	if a.Intent == "" {
		a.Intent = intentLogin
	}
	if a.Intent == intentLogin {
		return nil
	}
	if a.Intent != intentLink && a.Intent != intentReauth {
		return fault.Field("intent", "must be login, link or reauth")
	}
	who, ok := From(r.Context())
	if !ok || who.Method != MethodSession {
		return fault.Unauthenticated()
	}
	if a.Intent == intentLink && !who.fresh(g.now()) {
		return fault.ReauthRequired()
	}
	a.User = who.User.ID
	return nil
}

// remember keeps the attempt in the session, which for somebody new is begun here
// and lasts only as long as a sign-in takes.
func (g *Guard) remember(w http.ResponseWriter, r *http.Request, a attempt) error {
	ctx, err := g.session(r)
	if err != nil {
		return err
	}
	if err := g.addAttempt(ctx, a); err != nil {
		return err
	}
	if !g.sessions.Exists(ctx, keySignIn) {
		g.sessions.SetDeadline(ctx, g.now().Add(anonymous).UTC())
	}
	return g.save(ctx, w)
}

// seeOther redirects to a page that must not be cached. Not http.Redirect: it
// would rewrite an address it takes for a relative one.
func seeOther(w http.ResponseWriter, address string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// whoIsIn is who the session belongs to right now, for callbacks of link and reauth.
func (g *Guard) whoIsIn(ctx context.Context) (Principal, error) {
	who, err := g.bySession(ctx)
	if err != nil {
		return Principal{}, err
	}
	if who.Method == "" {
		return Principal{}, errEnded
	}
	return who, nil
}
