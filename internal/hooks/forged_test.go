package hooks_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/hostile"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/webhook"
	"github.com/alertsify/alertsify/internal/whop"
)

// Whatever is forged or malformed, on whichever route: a refusal, never an error of ours,
// and no row (INV-30). `make proofs` sends 10,000 to the whole program and measures.
func TestForgedWebhooksAreRefusedAndLeaveNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	box := inbox.New(inbox.Options{DB: db})
	t.Cleanup(box.Close)
	resend, err := webhook.ParseSecrets(secret.New("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="))
	if err != nil {
		t.Fatal(err)
	}
	h := hooks.New(hooks.Options{
		Inbox: box, Snaptrade: client(t), Whop: whop.Keys(secret.New(whopSecret)), Resend: resend, Telegram: secret.New("0123456789abcdef"),
	})
	routes := map[string]httpio.Handler{
		"/api/webhooks/snaptrade": h.Snaptrade, "/api/snaptrade/webhook": h.Snaptrade,
		"/api/webhooks/whop": h.Whop, "/api/webhooks/resend": h.Resend, "/api/webhooks/telegram": h.Telegram,
	}
	statuses := map[int]int{}
	for _, f := range hostile.Forgeries(2000, 7, time.Now()) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, f.Path, bytes.NewReader(f.Body))
		r.Header = f.Header
		w := httptest.NewRecorder()
		routes[f.Path].ServeHTTP(w, r)
		if w.Code < 400 || w.Code > 499 {
			t.Errorf("%s is answered %d %s: %.200q", f.Path, w.Code, w.Body, f.Body)
		}
		statuses[w.Code]++
	}
	if statuses[http.StatusUnauthorized] < 1000 || statuses[http.StatusUnsupportedMediaType] < 50 {
		t.Errorf("refused: %v", statuses)
	}
	var rows int
	if err := db.Pool().QueryRow(t.Context(), `select count(*) from inbound_webhooks`).Scan(&rows); err != nil || rows > 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}
