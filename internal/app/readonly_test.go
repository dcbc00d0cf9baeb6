package app

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/secret"
)

// served is a program that runs on a database and has no provider.
type served struct {
	t    *testing.T
	base string
}

func serve(t *testing.T, cfg Config) served {
	t.Helper()
	a, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { defer close(ended); ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the program ended: %v", err)
		}
		a.Close()
	})
	select {
	case err := <-ended:
		t.Fatalf("the program did not start: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	return served{t, "http://" + a.Addr().String()}
}

func bare(databaseURL string) Config {
	cfg := Defaults(Test)
	cfg.DatabaseURL, cfg.Addr, cfg.DefaultPlan = databaseURL, "127.0.0.1:0", "trader"
	cfg.SessionSecret = secret.New(strings.Repeat("s", 32))
	cfg.EncryptionKeys = secret.New("k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	return cfg
}

func (s served) ask(method, path string) (status int, header http.Header, body string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

// checks are what readiness says.
func (s served) checks() map[string]string {
	s.t.Helper()
	status, _, body := s.ask(http.MethodGet, "/api/health/ready")
	var answer struct{ Checks map[string]string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		s.t.Fatalf("%d %s, %v", status, body, err)
	}
	return answer.Checks
}

// refusesWrites: 503 with a time to try again, for people, programs and webhooks.
func (s served) refusesWrites() {
	s.t.Helper()
	for _, path := range []string{"/api/trading/orders", "/api/webhooks/snaptrade", "/api/webhooks/whop"} {
		status, header, body := s.ask(http.MethodPost, path)
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") != "30" || !strings.Contains(body, `"unavailable"`) || !strings.Contains(body, "read-only for a while") {
			s.t.Errorf("POST %s: %d %v %s", path, status, header, body)
		}
	}
	if status, _, body := s.ask(http.MethodPost, "/auth/logout"); status != http.StatusServiceUnavailable || !strings.Contains(body, "read-only for a while") || !strings.Contains(body, "<html") {
		s.t.Errorf("a form: %d %.300s", status, body)
	}
}

func (s served) isRead() {
	s.t.Helper()
	for _, path := range []string{"/", "/status", "/traders", "/leaderboard"} {
		status, _, body := s.ask(http.MethodGet, path)
		if status != http.StatusOK {
			s.t.Errorf("GET %s: %d %.300s", path, status, body)
		}
		if path == "/status" && !strings.Contains(body, `data-testid="read-only"`) {
			s.t.Error("the page does not say that nothing can be changed")
		}
	}
}

// On a standby everything is read; it is promoted, and the same process takes orders and
// begins to work.
func TestOnAStandbyEverythingIsReadUntilItIsPromoted(t *testing.T) {
	t.Parallel()
	address, promote := pgtest.Standby(t)
	s := serve(t, bare(address))
	s.refusesWrites()
	s.isRead()
	if got := s.checks(); got["database"] != "ok" {
		t.Errorf("%v", got)
	}
	promote()
	s.until("a webhook is judged on its own again", func() bool {
		status, _, _ := s.ask(http.MethodPost, "/api/trading/orders")
		return status == http.StatusUnauthorized
	})
	db := pgtest.Open(t, address)
	s.until("the process joined the installation", func() (joined bool) {
		if err := db.Pool().QueryRow(t.Context(), `select exists (select from instances) and exists (select from database_identity)`).Scan(&joined); err != nil {
			t.Fatal(err)
		}
		return joined
	})
}

// READ_ONLY does the same on a database that would take writes, and its sessions cannot write.
func TestReadOnlyWritesNothing(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	cfg := bare(address)
	cfg.ReadOnly = true
	s := serve(t, cfg)
	s.refusesWrites()
	s.isRead()
	db := pgtest.Open(t, address)
	var written string
	err := db.Pool().QueryRow(t.Context(), `
		select concat_ws(' ', (select 'instances' from instances limit 1), (select 'integration_minutes' from integration_minutes limit 1),
			(select 'database_identity' from database_identity limit 1), (select 'jobs' from river_job limit 1), (select 'destinations' from destinations limit 1))`).Scan(&written)
	if err != nil || written != "" {
		t.Errorf("written: %s, %v", written, err)
	}
	if _, err := mustOpen(t, cfg).db.Pool().Exec(t.Context(), `delete from market_clock`); err == nil {
		t.Error("its sessions write")
	}
}

func mustOpen(t *testing.T, cfg Config) *App {
	t.Helper()
	a, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func (s served) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("never: %s", what)
		}
	}
}
