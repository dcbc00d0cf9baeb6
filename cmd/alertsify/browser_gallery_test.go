package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web"
)

// Every page there is, in the states that a story seldom reaches: nothing scrolls sideways
// down to 320 pixels, axe finds nothing serious in either theme, and the console is silent.
// The pages come from the gallery, without the product behind them. In the desk's window,
// where faults are few, the widest are looked at; `make screenshots` looks at all of them
// there too, and keeps a picture of each page in each theme.
func everyPageIsFit(t *testing.T, b *browser, w window) {
	site := gallerySite(t)
	names := galleryPages(t, site)
	if only := os.Getenv("PAGES"); only != "" {
		names = strings.Fields(only)
	} else if !w.touch && os.Getenv("SCREENSHOTS") == "" {
		names = widest
	}
	p := b.visitor(t, site, w)
	p.person = "anybody"
	for _, name := range names {
		p.open("/gallery/" + name)
		p.wait("draw its charts", `[...document.querySelectorAll("[data-chart]")].every((host) => !host.hidden && host.querySelector("canvas"))`)
		p.pictured(name)
		for _, fault := range p.faults() {
			t.Errorf("%s: %s", name, fault)
		}
	}
	if !w.touch && os.Getenv("PAGES") == "" {
		p.hidesNothing("dashboard", "orders", "positions", "closed")
		p.printsPlainly("orders", "positions", "closed", "analytics-trades")
	}
}

// hidesNothing: at 1440 pixels the usual columns of these pages' tables have room, so that
// none lies under the buttons at the end of a row.
func (p *tab) hidesNothing(names ...string) {
	p.t.Helper()
	for _, name := range names {
		p.open("/gallery/" + name)
		for _, wide := range must[[]string](p, `[...document.querySelectorAll("main .scroller")].filter(s => s.scrollWidth > s.clientWidth).map(s => s.querySelector("caption").innerText + ": " + s.scrollWidth + " of " + s.clientWidth + ": " + [...s.querySelectorAll("thead th")].map(h => h.innerText + " " + h.offsetWidth).join(", "))`) {
			p.t.Errorf("%s hides columns of %s", name, wide)
		}
	}
}

// printsPlainly: on paper there is nothing to click and nothing that hangs over the rows, and
// what is said is said in black on white, amounts with their signs.
func (p *tab) printsPlainly(names ...string) {
	p.t.Helper()
	defer p.onPaper("")
	for _, name := range names {
		p.onPaper("")
		p.open("/gallery/" + name)
		p.onPaper("print")
		for _, left := range must[[]string](p, `[...document.querySelectorAll("body *")].filter(e => e.checkVisibility()).filter(e => e.matches("nav, aside, header, button, .btn, select") || ["sticky", "fixed"].includes(getComputedStyle(e).position)).map(e => e.outerHTML.slice(0, 90))`) {
			p.t.Errorf("%s has on paper %s", name, left)
		}
		for _, pale := range must[[]string](p, `[...document.querySelectorAll("main td *")].filter(e => e.checkVisibility() && e.matches(".text-gain, .text-loss, .link") && getComputedStyle(e).color !== "rgb(0, 0, 0)").map(e => e.innerText + " in " + getComputedStyle(e).color)`) {
			p.t.Errorf("%s prints %s", name, pale)
		}
		if !must[bool](p, `document.querySelectorAll("thead th").length > 4 && getComputedStyle(document.body).backgroundColor === "rgb(255, 255, 255)"`) {
			p.t.Errorf("%s has no table on white", name)
		}
	}
}

// widest are the pages with the longest rows.
var widest = []string{
	"traders", "traders-none", "trader", "trader-new", "trader-open", "trader-stopped", "copy", "followers", "copy-stop", "limits", "halted", "feed", "users", "integrations",
	"analytics-overview", "analytics-trades", "analytics-calendar", "analytics-heatmap", "analytics-performance", "leaderboard", "leaderboard-copies", "status",
}

// pictured keeps the whole page in each theme.
func (p *tab) pictured(name string) {
	p.t.Helper()
	if os.Getenv("SCREENSHOTS") == "" {
		return
	}
	for _, theme := range []string{"light", "dark"} {
		p.paint(theme)
		p.keep(name+"-"+p.window.name+"-"+theme+".png", chromedp.FullScreenshot(100))
	}
}

// gallerySite serves the gallery and what its pages load, as the product does. Fragments
// and events have nothing behind them: they are empty, and change nothing. A few pages
// stand at their own addresses too, and signing out leads to the login.
func gallerySite(t *testing.T) string {
	t.Helper()
	return openGallery(t).URL
}

// gallery is the server of gallerySite. While it is away each connection ends without an
// answer; its port stays its own, so that nobody else can have it when it is back.
type gallery struct {
	*httptest.Server
	away atomic.Bool
}

func openGallery(t *testing.T, more ...func(chi.Router)) *gallery {
	t.Helper()
	site, err := web.New(web.Options{Now: time.Now, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	for _, route := range site.Routes() {
		switch route.Pattern {
		case "/gallery", "/gallery/{name}", "/assets/{name}", "/sw.js", "/manifest.webmanifest":
			r.Method(route.Method, route.Pattern, route.Handler)
		}
	}
	for path, page := range map[string]string{
		"/dashboard": "dashboard", "/chain/{symbol}": "chain", "/analytics": "analytics-overview", "/copy": "copy", "/positions": "positions", "/orders": "orders",
		"/feed": "feed", "/notifications": "notifications", "/login": "login",
	} {
		r.Get(path, func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Query().Has("signed-out") {
				http.Redirect(w, q, "/feed", http.StatusSeeOther)
				return
			}
			q.URL.Path = "/gallery/" + page
			chi.RouteContext(q.Context()).Reset()
			r.ServeHTTP(w, q)
		})
	}
	for _, add := range more {
		add(r)
	}
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	r.Get("/api/health", func(http.ResponseWriter, *http.Request) {})
	r.Post("/auth/logout", func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, "/login", http.StatusSeeOther) })
	server := &gallery{Server: httptest.NewUnstartedServer(nil)}
	front, err := httpio.Front(httpio.FrontOptions{AppURL: "http://" + server.Listener.Addr().String(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	here := front(r)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if server.away.Load() {
			panic(http.ErrAbortHandler)
		}
		here.ServeHTTP(w, q)
	})
	server.Start()
	t.Cleanup(server.Close)
	return server
}

var galleryLink = regexp.MustCompile(`href="/gallery/([a-z0-9-]+)"`)

func galleryPages(t *testing.T, site string) (names []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, site+"/gallery", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range galleryLink.FindAllSubmatch(body, -1) {
		names = append(names, string(link[1]))
	}
	if len(names) < 100 {
		t.Fatalf("the gallery has %d pages only", len(names))
	}
	return names
}
