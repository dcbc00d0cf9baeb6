package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What the stories rely on: each kind of trouble is noticed, and a page without
// any is not blamed. A check that cannot fail would be worth nothing.
func TestBrowserNoticesTrouble(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	site := badSite(t)
	for path, want := range map[string]string{
		"/fine":      "",
		"/console":   "console.error: ",
		"/exception": "Error: thrown",
		"/rejection": "Error: rejected",
		"/missing":   "answer 404 /nothing.png",
		"/broken":    "answer 500 /broken",
		"/dropped":   "/drop failed: net::ERR_EMPTY_RESPONSE",
		"/inline":    "Content Security Policy",
		"/elsewhere": "/picture.png failed: ",
		"/wide":      "scrolls sideways at 390: 900 of 390 px: DIV.",
		"/nameless":  "dark: button-name: button ",
		"/pale":      "light: color-contrast: p ",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			p := b.openTab(t, b.ctx, site, phone)
			p.open(path)
			if want == "" {
				if found := append(p.faults(), p.troubles()...); len(found) > 0 {
					t.Errorf("blamed: %q", found)
				}
				return
			}
			deadline := time.Now().Add(patience)
			found := ""
			for !strings.Contains(found, want) {
				if time.Now().After(deadline) {
					t.Fatalf("%q not noticed in: %s", want, found)
				}
				found = strings.Join(append(p.faults(), p.troubles()...), "\n")
			}
		})
	}
}

// badSite does on each page one thing that no page of ours may do.
func badSite(t *testing.T) string {
	t.Helper()
	script := func(code string) string { return `<script src="/script.js?` + code + `"></script>` }
	pages := map[string]string{
		"/fine":      `<p>Fine</p>`,
		"/console":   script("console.error('said')"),
		"/exception": script("throw new Error('thrown')"),
		"/rejection": script("Promise.reject(new Error('rejected'))"),
		"/missing":   `<img alt="Nothing" src="/nothing.png">`,
		"/broken":    `<p>Broken</p>`,
		"/dropped":   script("fetch('/drop').catch(()=>{})"),
		"/inline":    `<script>document.title = "inline"</script>`,
		"/elsewhere": `<img alt="Elsewhere" src="http://elsewhere.example/picture.png">`,
		"/wide":      `<div class="wide">Wide</div>`,
		"/nameless":  `<button></button>`,
		"/pale":      `<p class="pale">Pale</p>`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		if body, known := pages[r.URL.Path]; known {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if r.URL.Path == "/broken" {
				w.WriteHeader(http.StatusInternalServerError)
			}
			_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Page</title>`+
				`<link rel="icon" href="/icon.svg"><link rel="stylesheet" href="/style.css"><main><h1>Page</h1>%s</main></html>`, body)
			return
		}
		switch r.URL.Path {
		case "/script.js":
			code := strings.NewReplacer("%20", " ", "%27", "'", "%3E", ">").Replace(r.URL.RawQuery)
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(code))
		case "/style.css":
			w.Header().Set("Content-Type", "text/css")
			_, _ = w.Write([]byte("body { margin: 0 } .wide { width: 900px } [data-theme=light] .pale { color: #eee; background: #fff }"))
		case "/icon.svg":
			w.Header().Set("Content-Type", "image/svg+xml")
			_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`))
		case "/drop":
			panic(http.ErrAbortHandler)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
