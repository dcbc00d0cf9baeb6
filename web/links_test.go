package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

// Every address that a page holds leads somewhere: links and fragments to a GET
// route, forms to a POST route.
func TestEveryAddressOnAPageExists(t *testing.T) {
	t.Parallel()
	routes := chi.NewRouter()
	for _, route := range (&Site{}).Routes() {
		routes.Method(route.Method, route.Pattern, route.Handler)
	}
	// Sign-in belongs to auth, the event stream to the API; the application hangs them beside ours.
	nothing := http.NotFoundHandler()
	routes.Method(http.MethodPost, "/auth/{provider}", nothing)
	routes.Method(http.MethodGet, "/api/events", nothing)
	routes.Method(http.MethodGet, "/gallery/parts", nothing)
	leads := func(method, address string) bool {
		u, err := url.Parse(address)
		return err == nil && routes.Match(chi.NewRouteContext(), method, u.Path)
	}
	eachPage(t, func(t *testing.T, p page) {
		for _, form := range p.tags("form") {
			method := strings.ToUpper(value(form, "method"))
			if method != "DIALOG" && !leads(method, value(form, "action")) {
				t.Errorf("form: %s %s leads nowhere", method, value(form, "action"))
			}
		}
		for _, attribute := range []string{"hx-get", "data-events"} {
			for _, n := range p.all(attribute, "*") {
				if address := value(n, attribute); address != "" && !leads(http.MethodGet, address) {
					t.Errorf("%s=%q leads nowhere", attribute, address)
				}
			}
		}
		for _, link := range p.tags("a") {
			address := value(link, "href")
			inside := strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "/gallery")
			if inside && !leads(http.MethodGet, address) {
				t.Errorf("link %q leads nowhere", address)
			}
		}
	})
}

func TestEveryRouteSaysWhoMayCallIt(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, route := range (&Site{dev: true}).Routes() {
		name := route.Method + " " + route.Pattern
		if !route.Rule.Valid() {
			t.Errorf("%s has no rule", name)
		}
		if seen[name] {
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
	}
}
