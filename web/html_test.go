package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/net/html"
)

// A page in tests: the parsed document, asked by data-testid, attribute or tag.
type page struct {
	t    *testing.T
	root *html.Node
}

func parse(t *testing.T, text string) page {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("parse the page: %v", err)
	}
	return page{t, root}
}

// all finds the elements that have the attribute, with that value unless it is "*".
func (p page) all(attribute, value string) []*html.Node {
	return p.where(func(n *html.Node) bool {
		got, ok := attr(n, attribute)
		return ok && (value == "*" || got == value)
	})
}

func (p page) tags(names ...string) []*html.Node {
	return p.where(func(n *html.Node) bool {
		for _, name := range names {
			if n.Data == name {
				return true
			}
		}
		return false
	})
}

func (p page) where(match func(*html.Node) bool) (found []*html.Node) {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && match(n) {
			found = append(found, n)
		}
	}
	return found
}

// one is the only element with that data-testid.
func (p page) one(testID string) *html.Node {
	p.t.Helper()
	found := p.all("data-testid", testID)
	if len(found) != 1 {
		p.t.Fatalf("%d elements with data-testid %q, want 1", len(found), testID)
	}
	return found[0]
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func value(n *html.Node, name string) string {
	v, _ := attr(n, name)
	return v
}

// text is what an element says, blanks folded.
func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// The gallery's clock stands on a trading day at noon in New York.
var noon = time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)

// gallery is one for all tests: what it answers depends on nothing but the address.
func gallery(t *testing.T) http.Handler {
	t.Helper()
	h, err := theGallery()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

//nolint:gochecknoglobals // the tests of a package have no other common owner
var (
	theGallery = sync.OnceValues(newGallery)
	drawn      sync.Map // by path, what draws and parses a page of the gallery once
)

func newGallery() (http.Handler, error) {
	site, err := New(Options{Now: func() time.Time { return noon }, Dev: true, AppURL: "https://alertsify.test"})
	if err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	for _, route := range site.Routes() {
		r.Method(route.Method, route.Pattern, route.Handler)
	}
	return r, nil
}

// galleryPage is a page of the gallery, drawn for the first test that looks at it: several
// look at all of them, and none changes what it sees.
func galleryPage(t *testing.T, name string) page {
	t.Helper()
	h := gallery(t)
	draw := sync.OnceValues(func() (*html.Node, error) {
		w := get(t, h, "/gallery/"+name)
		if w.Code != http.StatusOK {
			return nil, fmt.Errorf("%d: %s", w.Code, w.Body)
		}
		return html.Parse(w.Body)
	})
	first, _ := drawn.LoadOrStore(name, draw)
	root, err := first.(func() (*html.Node, error))()
	if err != nil {
		t.Fatalf("the gallery's %s: %v", name, err)
	}
	return page{t, root}
}

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func galleryNames(t *testing.T) []string {
	t.Helper()
	site := &Site{assets: &assets{}, now: func() time.Time { return noon }}
	var names []string
	for name := range site.galleryPages(httptest.NewRequest(http.MethodGet, "/gallery", nil)) {
		names = append(names, name)
	}
	return names
}
