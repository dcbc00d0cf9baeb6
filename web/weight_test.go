package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What the first page may weigh on the way to a browser that takes gzip.
const (
	pageMost   = 150_000 // bytes, of everything that it is drawn with
	scriptMost = 60_000  // of them, script
)

// Whoever comes for the first time, and whoever opens the dashboard, loads little.
func TestFirstPagesAreLight(t *testing.T) {
	t.Parallel()
	if !AssetsBuilt() {
		t.Skip("style and script are not built; run: make assets")
	}
	h := gallery(t)
	for _, name := range []string{"landing", "login", "dashboard"} {
		document := fetched(t, h, "/gallery/"+name)
		page, script := document, 0
		p := parse(t, get(t, h, "/gallery/"+name).Body.String())
		for _, n := range p.tags("link", "script", "img") {
			address := value(n, "href") + value(n, "src")
			if !strings.HasPrefix(address, "/") || value(n, "rel") == "apple-touch-icon" {
				continue
			}
			size := fetched(t, h, address)
			page += size
			if n.Data == "script" {
				script += size
			}
		}
		t.Logf("%s: %d bytes, %d of them its own, %d script", name, page, document, script)
		if script == 0 || page > pageMost || script > scriptMost {
			t.Errorf("%s weighs %d bytes, %d of them script; at most %d and %d", name, page, script, pageMost, scriptMost)
		}
	}
}

// fetched is how many bytes come over the line.
func fetched(t *testing.T, h http.Handler, path string) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d", path, w.Code)
	}
	return w.Body.Len()
}
