package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/jobs"
	"github.com/alertsify/alertsify/internal/secret"
)

// A panic, an error 500 and a job that is given up are told to Sentry, with the request's id
// and the route; a refusal, an outage and what came with the request are not.
func TestWhatIsOurFaultIsToldToSentry(t *testing.T) {
	t.Parallel()
	const canary = "canary-5f0c9d2e8b7a6c4d"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	var told []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if told = append(told, string(body)); len(told) == 3 {
			cancel() // what waits still, one too many, is told at the end
		}
	}))
	defer server.Close()
	a := &App{cfg: Config{Env: Test, SentryDSN: secret.New(strings.Replace(server.URL, "://", "://key@", 1) + "/7")}, log: slog.New(slog.DiscardHandler), meter: newMeter()}
	if err := a.openSentry(); err != nil {
		t.Fatal(err)
	}
	front, err := httpio.Front(httpio.FrontOptions{AppURL: "https://app.example", Logger: a.log, Failed: a.requestFailed})
	if err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	answers := func(pattern string, h httpio.Handler) { r.Method(http.MethodGet, "/api/"+pattern, h) }
	answers("panics/{id}", func(http.ResponseWriter, *http.Request) error { panic("with " + canary) })
	answers("fails/{id}", func(http.ResponseWriter, *http.Request) error { return errors.New("read \"" + canary + "\"") })
	answers("refuses", func(http.ResponseWriter, *http.Request) error { return fault.NotFound() })
	answers("away", func(http.ResponseWriter, *http.Request) error { return fault.Unavailable(nil) })
	ids := map[string]string{}
	for _, path := range []string{"panics/1", "fails/2", "refuses", "away"} {
		request := httptest.NewRequest(http.MethodGet, "/api/"+path+"?q="+canary, nil)
		request.Header.Set("Authorization", "Bearer "+canary)
		request.Header.Set("Cookie", "session="+canary)
		w := httptest.NewRecorder()
		front(r).ServeHTTP(w, request)
		ids[path] = w.Header().Get(httpio.HeaderRequestID)
	}
	a.jobFailed(jobs.Failure{Kind: "order_send", ID: 4711, Attempt: 25, Err: errors.New("broken")})
	if err := a.sentry.Run(ctx); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(told, "\n")
	if len(told) != 3 || strings.Contains(all, canary) {
		t.Errorf("%d were told: %s", len(told), all)
	}
	for _, says := range []string{
		ids["panics/1"], ids["fails/2"], `"transaction":"GET /api/panics/{id}"`, `"transaction":"GET /api/fails/{id}"`, `"transaction":"order_send"`, `"job":"4711"`, `"level":"fatal"`,
	} {
		if !strings.Contains(all, says) {
			t.Errorf("nobody was told of %s", says)
		}
	}
}
