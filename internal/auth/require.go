package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/go-chi/chi/v5"
)

// LoginPath is the sign-in page. It is given return_to, reauth=1 when a fresh
// sign-in is all that is missing, and problem, a code for Problem.
const LoginPath = "/login"

// Route is one line of the route table.
type Route struct {
	Method  string
	Pattern string
	Rule    Rule
	Class   httpio.Class // when it goes while the server is overloaded
	Handler httpio.Handler
}

// Mount adds routes to r, each behind its class and its rule. A route without one of
// them is an error, so that it cannot be forgotten.
func (g *Guard) Mount(r chi.Router, routes []Route) error {
	var errs []error
	for _, route := range routes {
		if !route.Rule.Valid() {
			errs = append(errs, errors.New("route without a rule: "+route.Method+" "+route.Pattern))
			continue
		}
		if !route.Class.Valid() {
			errs = append(errs, errors.New("route without a class: "+route.Method+" "+route.Pattern))
			continue
		}
		r.Method(route.Method, route.Pattern, g.load.Handle(route.Class, g.Require(route.Rule)(route.Handler)))
	}
	return errors.Join(errs...)
}

// Require lets a request through when rule allows it, with the Principal in its
// context. Programs get 401 or 403 as JSON; people are led to the sign-in page.
func (g *Guard) Require(rule Rule) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if rule.anonymous() {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Vary", "Cookie, Authorization")
			ctx, p, err := g.identify(w, r)
			known := err == nil && p.Method != ""
			if err != nil && rule.who() != Public {
				g.refuse(w, r, err)
				return
			}
			if err := rule.check(p, known, changes(r.Method), g.now()); err != nil {
				g.refuse(w, r, err)
				return
			}
			if known {
				ctx = postgres.WithOrigin(With(ctx, p), origin(r, p))
				httpio.Annotate(ctx, slog.String("user", p.User.ID.String()), slog.String("by", p.Method))
				if err := g.agreedTo(ctx, rule); err != nil {
					g.refuse(w, r, err)
					return
				}
			} else if err := httpio.AdmitNobody(ctx); err != nil {
				httpio.Fail(w, r, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// origin is where a request comes from, for the audit log: as much as a list of one's
// own sessions shows.
func origin(r *http.Request, p Principal) string {
	from := httpio.AddressPrefix(httpio.Address(r.Context()))
	if p.Method == MethodToken {
		return "access token " + p.TokenID.String() + ", " + from
	}
	return deviceOf(r) + ", " + from
}

func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// identify finds out who is asking. A request with a bearer token is that token's,
// whatever cookie it brings. An empty Method means nobody.
func (g *Guard) identify(w http.ResponseWriter, r *http.Request) (context.Context, Principal, error) {
	if token, ok := bearer(r); ok {
		p, err := g.byToken(r.Context(), token)
		return r.Context(), p, err
	}
	cookie, err := r.Cookie(g.sessions.Cookie.Name)
	if err != nil || cookie.Value == "" {
		return r.Context(), Principal{}, nil //nolint:nilerr // no cookie is no mistake: nobody is known
	}
	ctx, err := g.sessions.Load(r.Context(), cookie.Value)
	if errors.Is(err, errUndecodable) {
		g.dropCookie(w)
		return r.Context(), Principal{}, nil
	}
	if err != nil {
		return r.Context(), Principal{}, unavailable(err)
	}
	p, err := g.bySession(ctx)
	if errors.Is(err, errEnded) {
		return ctx, Principal{}, g.drop(ctx, w)
	}
	return ctx, p, err
}

// refuse answers people with the way to the page where what is missing can be done.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code := fault.CodeOf(err)
	if !httpio.IsPage(r) {
		httpio.Fail(w, r, g.countAnonymous(w, r, err))
		return
	}
	var to string
	switch code {
	case "unauthenticated", "reauth_required":
		to = loginURL(returnTo(r), code == "reauth_required", "")
	case "terms_required":
		to = AcceptURL(returnTo(r))
	default:
		httpio.Fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if r.Header.Get("HX-Request") != "" {
		// A redirect would put the sign-in page into the piece of page that asked.
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(fault.Of(err).Status)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// countAnonymous turns a refusal of nobody known into fault.RateLimited once the
// address has had its share: guessing tokens is not free.
func (g *Guard) countAnonymous(w http.ResponseWriter, r *http.Request, err error) error {
	if g.allow == nil || g.anonymous == 0 || fault.CodeOf(err) != "unauthenticated" {
		return err
	}
	limited := httpio.Spend(w, r, g.allow, "address:"+httpio.AddressKey(httpio.Address(r.Context())), g.anonymous)
	if limited != nil {
		return limited
	}
	return err
}

func loginURL(returnTo string, reauth bool, problem string) string {
	query := url.Values{}
	if returnTo != "" && returnTo != "/" {
		query.Set("return_to", returnTo)
	}
	if reauth {
		query.Set("reauth", "1")
	}
	if problem != "" {
		query.Set("problem", problem)
	}
	if len(query) == 0 {
		return LoginPath
	}
	return LoginPath + "?" + query.Encode()
}

// returnTo is the page to come back to: the one asked for, or for a form and a
// piece of page the one it stands on.
func returnTo(r *http.Request) string {
	if r.Method == http.MethodGet && r.Header.Get("HX-Request") == "" {
		return LocalPath(r.URL.RequestURI())
	}
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host {
		return "/"
	}
	return LocalPath(from.RequestURI())
}
