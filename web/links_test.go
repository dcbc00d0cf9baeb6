package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/auth"
)

// Every address that a page holds leads somewhere: links and fragments to a GET
// route, forms to a POST route.
func TestEveryAddressOnAPageExists(t *testing.T) {
	t.Parallel()
	routes := chi.NewRouter()
	for _, route := range (&Site{}).Routes() {
		routes.Method(route.Method, route.Pattern, route.Handler)
	}
	// Sign-in belongs to auth, the event stream, exports and track records to the API; the application hangs them beside ours.
	nothing := http.NotFoundHandler()
	routes.Method(http.MethodPost, "/auth/{provider}", nothing)
	routes.Method(http.MethodGet, "/api/events", nothing)
	routes.Method(http.MethodGet, "/api/docs", nothing)
	routes.Method(http.MethodGet, exportPath, nothing)
	routes.Method(http.MethodGet, "/api/traders/{username}/record", nothing)
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

// Every page is reached from every other: by the sidebar of a desk, and on a phone by
// the bar at the bottom and the page Me that it leads to.
func TestEveryPageIsReachedOnBothWidths(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]string{
		"/": "led on to the dashboard", "/settings": "leads to Me", "/settings/copying": "leads to Copying, where its settings are", "/stop": "in the header of every page", "/copy/new": "beside each trader",
		"/settings/brokers/return": "where the broker's portal leads", "/settings/billing/whop": "where Whop leads back to", "/legal/accept": "asked for while a document is not accepted", "/me": "in the bar of a phone, whose sidebar has it all",
	}
	p := galleryPage(t, "me")
	reach := map[string]map[string]bool{"desk": {}, "phone": {}}
	for _, link := range p.tags("a") {
		for at := link; at != nil; at = at.Parent {
			switch {
			case at.Data == "aside":
				reach["desk"][value(link, "href")] = true
			case value(at, "aria-label") == "Main, phone", at.Data == "main":
				reach["phone"][value(link, "href")] = true
			}
		}
	}
	if !reach["phone"]["/me"] {
		t.Error("a phone's bar does not lead to Me")
	}
	for _, route := range (&Site{}).Routes() {
		path := route.Pattern
		aPage := route.Method == http.MethodGet && !strings.Contains(path, "{") && !strings.HasPrefix(path, "/partials/")
		if !aPage || elsewhere[path] != "" || route.Rule != auth.SignedIn && route.Rule != auth.Operator {
			continue
		}
		for width, links := range reach {
			if !links[path] {
				t.Errorf("on a %s nothing leads to %s", width, path)
			}
		}
	}
}

func TestEveryRouteSaysWhoMayCallIt(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, route := range (&Site{dev: true}).Routes() {
		name := route.Method + " " + route.Pattern
		if !route.Rule.Valid() {
			t.Errorf("%s has no rule", name)
		}
		if !route.Class.Valid() {
			t.Errorf("%s does not say when it goes under overload", name)
		}
		if seen[name] {
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
	}
}
