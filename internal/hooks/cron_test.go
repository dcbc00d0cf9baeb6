package hooks_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

// Product 3.9: who has the secret, and nobody else, may ask for the jobs there are.
func TestAJobIsAskedForByWhoHasTheSecret(t *testing.T) {
	t.Parallel()
	var asked []string
	schedule := func(word string) string {
		h := hooks.New(hooks.Options{Cron: secret.New(word), Ask: func(_ context.Context, job string) (any, bool, error) {
			if job != "sync-orders" {
				return nil, false, nil
			}
			asked = append(asked, job)
			return map[string]any{"job": job}, true, nil
		}})
		r := chi.NewRouter()
		r.Method(http.MethodGet, "/api/cron/{job}", httpio.Handler(h.Cron))
		server := httptest.NewServer(r)
		t.Cleanup(server.Close)
		return server.URL + "/api/cron/"
	}
	on, off := schedule("a word of sixteen"), schedule("")
	for _, c := range []struct {
		name, url, header string
		want              int
		says              string
	}{
		{"the secret", on + "sync-orders", "Bearer a word of sixteen", 202, `{"data":{"job":"sync-orders"}}`},
		{"no header", on + "sync-orders", "", 401, "unauthenticated"},
		{"another secret", on + "sync-orders", "Bearer a word of sixteeN", 401, "unauthenticated"},
		{"the beginning of it", on + "sync-orders", "Bearer a word", 401, "unauthenticated"},
		{"without its scheme", on + "sync-orders", "a word of sixteen", 401, "unauthenticated"},
		{"a wrong secret and an unknown job", on + "rm-rf", "Bearer x", 401, "unauthenticated"},
		{"an unknown job", on + "rm-rf", "Bearer a word of sixteen", 404, "not_found"},
		{"no secret configured", off + "sync-orders", "Bearer a word of sixteen", 503, "unavailable"},
		{"no secret configured, an empty one given", off + "sync-orders", "Bearer ", 503, "unavailable"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			r.Header.Set("Authorization", c.header)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != c.want || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %d %s", c.name, answer.StatusCode, body)
		}
	}
	if len(asked) != 1 {
		t.Errorf("asked for %v", asked)
	}
}
