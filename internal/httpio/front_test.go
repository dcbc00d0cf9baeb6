package httpio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/go-chi/chi/v5"
)

const appURL = "https://app.example"

// lines collects log lines of one server.
type lines struct{ bytes.Buffer }

func (l *lines) last(t *testing.T) map[string]any {
	t.Helper()
	all := strings.Split(strings.TrimSpace(l.String()), "\n")
	var line map[string]any
	if err := json.Unmarshal([]byte(all[len(all)-1]), &line); err != nil {
		t.Fatalf("log line %q: %v", all[len(all)-1], err)
	}
	return line
}

func front(t *testing.T, log io.Writer, change func(*FrontOptions)) http.Handler {
	t.Helper()
	o := FrontOptions{AppURL: appURL, Logger: slog.New(slog.NewJSONHandler(log, nil))}
	if change != nil {
		change(&o)
	}
	wrap, err := Front(o)
	if err != nil {
		t.Fatal(err)
	}
	return wrap(routes())
}

func routes() http.Handler {
	r := chi.NewRouter()
	r.NotFound(NotFound().ServeHTTP)
	r.MethodNotAllowed(MethodNotAllowed(r).ServeHTTP)
	r.Method("GET", "/api/orders/{id}", Handler(func(w http.ResponseWriter, r *http.Request) error {
		id, err := PathID(r, "id")
		if err != nil {
			return err
		}
		return Answer(w, http.StatusOK, id)
	}))
	r.Method("GET", "/u/{token}", Handler(func(w http.ResponseWriter, _ *http.Request) error { return Answer(w, http.StatusOK, "off") }))
	r.Method("DELETE", "/api/orders/{id}", Handler(func(http.ResponseWriter, *http.Request) error { return nil }))
	r.Method("POST", "/api/orders", Handler(func(w http.ResponseWriter, _ *http.Request) error {
		return Answer(w, http.StatusAccepted, "taken")
	}))
	r.Get("/api/panic", func(http.ResponseWriter, *http.Request) { panic("the key is hunter2") })
	r.Get("/api/late-panic", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("too late")
	})
	r.Method("GET", "/api/bug", Handler(func(http.ResponseWriter, *http.Request) error {
		return errors.New("duplicate key value violates users_username")
	}))
	r.Method("GET", "/api/away", Handler(func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("read orders: %w", errAway)
	}))
	r.Method("GET", "/api/slow", Handler(func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("read orders: %w", context.DeadlineExceeded)
	}))
	r.Method("GET", "/api/half", Handler(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusOK)
		return errors.New("the second half is missing")
	}))
	r.Method("GET", "/page", Handler(func(http.ResponseWriter, *http.Request) error { return fault.NotFound() }))
	return r
}

var errAway = errors.New("away") //nolint:gochecknoglobals // an error value

func call(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://app.example"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func errorOf(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	for _, member := range []string{"error", "code", "request_id", "details"} {
		if _, ok := body[member]; !ok || len(body) != 4 {
			t.Errorf("the error %v must have exactly error, code, request_id, details", body)
		}
	}
	if body["request_id"] == "" || body["request_id"] != w.Header().Get(HeaderRequestID) {
		t.Errorf("request_id %q, header %q", body["request_id"], w.Header().Get(HeaderRequestID))
	}
	return body
}

func TestEveryErrorHasOneShape(t *testing.T) {
	t.Parallel()
	h := front(t, io.Discard, func(o *FrontOptions) {
		o.Explain = func(err error) error {
			if errors.Is(err, errAway) {
				return fault.Unavailable(err)
			}
			return err
		}
	})
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/api/nothing", 404, "not_found"},
		{"GET", "/api/orders/not-a-uuid", 404, "not_found"},
		{"GET", "/api/orders/{0b7c8b1e-6f64-4b58-9c2d-0d9bd2f7a111}", 404, "not_found"},
		{"PATCH", "/api/orders", 405, "method_not_allowed"},
		{"GET", "/api/panic", 500, "internal"},
		{"GET", "/api/bug", 500, "internal"},
		{"GET", "/api/away", 503, "unavailable"},
		{"GET", "/api/slow", 503, "unavailable"},
	} {
		w := call(h, c.method, c.path)
		body := errorOf(t, w)
		if w.Code != c.status || body["code"] != c.code {
			t.Errorf("%s %s = %d %v, want %d %s", c.method, c.path, w.Code, body["code"], c.status, c.code)
		}
		if details, ok := body["details"].(map[string]any); !ok || len(details) != 0 {
			t.Errorf("%s %s: details = %v, want {}", c.method, c.path, body["details"])
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s may be cached", c.method, c.path)
		}
		if c.status == 503 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s has no Retry-After", c.path)
		}
	}
}

func TestAMissingAndAMalformedIDGetTheSameBody(t *testing.T) {
	t.Parallel()
	h := front(t, io.Discard, nil)
	strip := func(path string) string {
		w := call(h, "GET", path)
		return strings.ReplaceAll(w.Body.String(), w.Header().Get(HeaderRequestID), "")
	}
	if a, b := strip("/api/orders/x"), strip("/api/nothing"); a != b {
		t.Errorf("bodies differ: %s and %s", a, b)
	}
}

func TestMethodNotAllowedNamesTheMethods(t *testing.T) {
	t.Parallel()
	w := call(front(t, io.Discard, nil), "POST", "/api/orders/0b7c8b1e-6f64-4b58-9c2d-0d9bd2f7a111")
	if got := w.Header().Get("Allow"); w.Code != 405 || got != "GET, DELETE" {
		t.Errorf("%d, Allow = %q, want 405 and GET, DELETE", w.Code, got)
	}
}

func TestAPanicTellsTheLogAndNobodyElse(t *testing.T) {
	t.Parallel()
	var log lines
	w := call(front(t, &log, nil), "GET", "/api/panic")
	if strings.Contains(w.Body.String(), "hunter2") || strings.Contains(w.Body.String(), "goroutine") {
		t.Errorf("the answer shows the panic: %s", w.Body)
	}
	line := log.last(t)
	if line["request_id"] != w.Header().Get(HeaderRequestID) || line["level"] != "ERROR" || line["status"] != 500.0 {
		t.Errorf("log line = %v", line)
	}
	if err, _ := line["err"].(string); !strings.Contains(err, "hunter2") || !strings.Contains(err, "front_test.go") {
		t.Errorf("the log has no panic value and stack: %v", err)
	}
}

// Whoever has an address of a mail can do what it says, and so the log has only its route.
func TestAKeyInAPathIsNotLogged(t *testing.T) {
	t.Parallel()
	for path, logged := range map[string]string{
		"/u/b2Zm.c2VjcmV0": "/u/{token}", "/u/b2Zm%2Ec2VjcmV0": "/u/{token}", "/api/orders/b2Zm.c2VjcmV0": "/api/orders/b2Zm.c2VjcmV0",
	} {
		var log lines
		if w := call(front(t, &log, nil), "GET", path); strings.HasPrefix(path, "/u/") && w.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, w.Code)
		}
		if got := log.last(t)["path"]; got != logged {
			t.Errorf("%s is logged as %v", path, got)
		}
	}
}

// Half an answer must not look like a whole one.
func TestAFailureAfterTheFirstByteCutsTheConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(front(t, io.Discard, nil))
	defer server.Close()
	for _, path := range []string{"/api/late-panic", "/api/half"} {
		answer, err := server.Client().Get(server.URL + path)
		if err == nil {
			_, err = io.ReadAll(answer.Body)
			_ = answer.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: the client saw a complete answer", path)
		}
	}
}

func TestOneWideLineWithoutTheQuery(t *testing.T) {
	t.Parallel()
	var log lines
	call(front(t, &log, nil), "GET", "/api/orders/0b7c8b1e-6f64-4b58-9c2d-0d9bd2f7a111?code=topsecret")
	if strings.Count(log.String(), "\n") != 1 || strings.Contains(log.String(), "topsecret") {
		t.Errorf("log = %q, want one line without the query", log.String())
	}
	if line := log.last(t); line["status"] != 200.0 || line["method"] != "GET" {
		t.Errorf("line = %v", line)
	}
}

func TestMetricsSeeTheRouteNotThePath(t *testing.T) {
	t.Parallel()
	var seen []string
	h := front(t, io.Discard, func(o *FrontOptions) {
		o.Observe = func(method, route string, status int, _ time.Duration) {
			seen = append(seen, fmt.Sprint(method, " ", route, " ", status))
		}
	})
	call(h, "GET", "/api/orders/0b7c8b1e-6f64-4b58-9c2d-0d9bd2f7a111")
	call(h, "GET", "/api/panic")
	if got := strings.Join(seen, "; "); got != "GET /api/orders/{id} 200; GET /api/panic 500" {
		t.Errorf("observed %s", got)
	}
}

func TestPagesAreDrawnForPeopleOnly(t *testing.T) {
	t.Parallel()
	h := front(t, io.Discard, func(o *FrontOptions) {
		o.Page = func(w http.ResponseWriter, _ *http.Request, f *fault.Error) {
			w.WriteHeader(f.Status)
			_, _ = io.WriteString(w, "<h1>"+f.Public+"</h1>")
		}
	})
	if w := call(h, "GET", "/page"); w.Code != 404 || w.Body.String() != "<h1>Not found.</h1>" {
		t.Errorf("page = %d %s", w.Code, w.Body)
	}
	errorOf(t, call(h, "GET", "/api/nothing", "Accept", "text/html"))
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	w := call(front(t, io.Discard, func(o *FrontOptions) { o.FormTargets = []string{"https://id.example"} }), "GET", "/api/bug")
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' https://id.example",
		"X-Content-Type-Options":    "nosniff",
		"Referrer-Policy":           "same-origin",
		"Strict-Transport-Security": "max-age=63072000; includeSubDomains",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// Contract §6: what browsers send, and whether it passes.
func TestCrossOriginRequestsAreRefused(t *testing.T) {
	t.Parallel()
	h := front(t, io.Discard, nil)
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"same origin", []string{"Sec-Fetch-Site", "same-origin"}, 202},
		{"typed in", []string{"Sec-Fetch-Site", "none"}, 202},
		{"another site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"a sister sub-domain", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://blog.app.example"}, 403},
		{"same-site without origin", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"old browser, our origin", []string{"Origin", "https://app.example"}, 202},
		{"old browser, another origin", []string{"Origin", "https://evil.example"}, 403},
		{"origin null", []string{"Origin", "null"}, 403},
		{"a program", nil, 202},
	} {
		w := call(h, "POST", "/api/orders", c.headers...)
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.status)
		}
		if c.status == 403 && errorOf(t, w)["code"] != "csrf_failed" {
			t.Errorf("%s: %s", c.name, w.Body)
		}
	}
	if w := call(h, "GET", "/api/orders/0b7c8b1e-6f64-4b58-9c2d-0d9bd2f7a111", "Sec-Fetch-Site", "cross-site"); w.Code != 200 {
		t.Errorf("reading across sites = %d, want 200", w.Code)
	}
}

func TestFrontRefusesAnAppURLThatIsNoOrigin(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "app.example", "https://app.example/", "https://app.example/x"} {
		if _, err := Front(FrontOptions{AppURL: url}); err == nil {
			t.Errorf("%q was taken as an origin", url)
		}
	}
}
