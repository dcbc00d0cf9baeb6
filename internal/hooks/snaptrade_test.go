package hooks_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

const (
	key     = "ck_test_3f9c1a77"
	bodyMax = 256 << 10
)

// door is the webhook route on a database of its own, over real HTTP.
type door struct {
	t   testing.TB
	url string
	db  *postgres.DB
}

func open(t *testing.T, change ...func(*hooks.Options)) door {
	t.Helper()
	db := pgtest.New(t)
	box := inbox.New(inbox.Options{DB: db})
	o := hooks.Options{Inbox: box, Snaptrade: client(t)}
	for _, c := range change {
		c(&o)
	}
	server := httptest.NewServer(httpio.Handler(hooks.New(o).Snaptrade))
	t.Cleanup(func() {
		server.Close()
		box.Close()
	})
	return door{t: t, url: server.URL, db: db}
}

func client(t testing.TB) *snaptrade.Client {
	t.Helper()
	c, err := snaptrade.New(snaptrade.Config{BaseURL: "https://snaptrade.invalid", ClientID: "test", ConsumerKeys: []secret.Text{secret.New(key)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// event is a body in canonical form, so that signing it as it is signs it right.
func event(id string, at time.Time) string {
	return fmt.Sprintf(`{"accountId":"a-1","clientId":"test","eventTimestamp":"%s","eventType":"ACCOUNT_HOLDINGS_UPDATED","userId":"u-1","webhookId":"%s"}`,
		at.UTC().Format(time.RFC3339Nano), id)
}

func sign(body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (d door) post(body, contentType, signature string) (int, string) {
	d.t.Helper()
	return d.send(strings.NewReader(body), contentType, signature)
}

func (d door) send(body io.Reader, contentType, signature string) (int, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, d.url, body)
	if err != nil {
		d.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if signature != "" {
		r.Header.Set("Signature", signature)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func (d door) rows(where string) int {
	d.t.Helper()
	var n int
	if err := d.db.Pool().QueryRow(context.Background(), "select count(*) from inbound_webhooks where "+where).Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

// Rule 11.1: the first refusal that applies, in this order, and INV-30: nothing is
// written for what is not verified.
func TestARefusedWebhookGetsItsStatusAndLeavesNothing(t *testing.T) {
	t.Parallel()
	d := open(t)
	good := event("w-1", time.Now())
	huge := strings.Repeat(" ", bodyMax+1)
	for _, tt := range []struct {
		name, body, contentType, signature string
		status                             int
		code                               string
	}{
		{"too large comes before the wrong type", huge, "text/plain", "", 413, "body_too_large"},
		{"too large", huge, "application/json", sign(huge), 413, "body_too_large"},
		{"wrong type comes before the signature", good, "text/plain", "", 415, "unsupported_media_type"},
		{"no type", good, "", sign(good), 415, "unsupported_media_type"},
		{"unsigned", good, "application/json", "", 401, "invalid_signature"},
		{"unsigned comes before malformed", "{", "application/json", "", 401, "invalid_signature"},
		{"not JSON comes before the wrong signature", "{", "application/json", "bm8=", 400, "invalid_json"},
		{"not an object", "[]", "application/json", sign("[]"), 400, "invalid_json"},
		{"more after the end", good + "{}", "application/json", sign(good), 400, "invalid_json"},
		{"another key", good, "application/json", "bm8=", 401, "invalid_signature"},
		{"tampered", strings.Replace(good, "u-1", "u-2", 1), "application/json", sign(good), 401, "invalid_signature"},
		{"a captured request signature", `{"content":null,"path":"/accounts","query":""}`, "application/json",
			sign(`{"content":null,"path":"/accounts","query":""}`), 400, "invalid_json"},
	} {
		status, text := d.post(tt.body, tt.contentType, tt.signature)
		if status != tt.status || !strings.Contains(text, `"code":"`+tt.code+`"`) {
			t.Errorf("%s: %d %s, want %d %s", tt.name, status, text, tt.status, tt.code)
		}
	}
	if n := d.rows("true"); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

// INV-47: the limit holds at its exact edge, also when no length is announced.
func TestTheLargestBodyAllowedIsStored(t *testing.T) {
	t.Parallel()
	d := open(t)
	base := event("edge", time.Now())
	pad := bodyMax - len(base) - len(`,"zzz":""`)
	full := strings.TrimSuffix(base, "}") + `,"zzz":"` + strings.Repeat("z", pad) + `"}`
	if len(full) != bodyMax {
		t.Fatalf("the test's body has %d bytes", len(full))
	}
	if status, text := d.post(full, "application/json", sign(full)); status != http.StatusOK {
		t.Errorf("at the limit: %d %s", status, text)
	}
	chunked := io.MultiReader(strings.NewReader(full), strings.NewReader(" "))
	if status, _ := d.send(chunked, "application/json", sign(full)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a byte over it, unannounced: %d", status)
	}
}

func TestAWebhookWithoutAKeyToCheckItIsAskedToComeBack(t *testing.T) {
	t.Parallel()
	d := open(t, func(o *hooks.Options) { o.Snaptrade = nil })
	good := event("w-1", time.Now())
	if status, _ := d.post(good, "application/json", sign(good)); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	if status, _ := d.post(good, "text/plain", ""); status != http.StatusUnsupportedMediaType {
		t.Errorf("the content type comes first: %d", status)
	}
}

// Rule 11.6: a repeat is 200 and nothing new, however many come at once.
func TestARepeatedWebhookIsStoredOnce(t *testing.T) {
	t.Parallel()
	d := open(t)
	body := event("again", time.Now())
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if status, text := d.post(body, "application/json; charset=utf-8", sign(body)); status != http.StatusOK || text != `{"data":{"received":true}}`+"\n" {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	all.Wait()
	if n := d.rows("true"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	if n := d.rows(`webhook_id = 'again' and provider = 'snaptrade' and user_ref = 'u-1' and account_ref = 'a-1'
		and event_type = 'ACCOUNT_HOLDINGS_UPDATED' and payload is null and not stale`); n != 1 {
		t.Error("the row does not say what the event did")
	}
}

// Rule 11.4: SnapTrade's first retry comes after 30 minutes, so an old event is
// taken, marked, and 200.
func TestAStaleWebhookIsStoredFlagged(t *testing.T) {
	t.Parallel()
	d := open(t)
	for id, age := range map[string]time.Duration{"old": 31 * time.Minute, "ahead": -6 * time.Minute} {
		body := event(id, time.Now().Add(-age))
		for range 2 {
			if status, text := d.post(body, "application/json", sign(body)); status != http.StatusOK {
				t.Errorf("%s: %d %s", id, status, text)
			}
		}
		if n := d.rows("stale and webhook_id = '" + id + "'"); n != 1 {
			t.Errorf("%s: %d flagged rows, want 1", id, n)
		}
	}
}

func TestAnEventOfAnUnknownTypeIsStored(t *testing.T) {
	t.Parallel()
	d := open(t)
	body := strings.Replace(event("new-kind", time.Now()), "ACCOUNT_HOLDINGS_UPDATED", "SOMETHING_NEW", 1)
	if status, text := d.post(body, "application/json", sign(body)); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
	if n := d.rows("event_type = 'SOMETHING_NEW'"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// An id no index takes must not fail the events stored together with it.
func TestAnEndlessIDIsNamedByItsHash(t *testing.T) {
	t.Parallel()
	d := open(t)
	body := event(strings.Repeat("x", 10_000), time.Now())
	for range 2 {
		if status, text := d.post(body, "application/json", sign(body)); status != http.StatusOK {
			t.Errorf("%d %s", status, text)
		}
	}
	if n := d.rows("webhook_id like 'sha256:%'"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// Rule 17: refused ones are limited by address, verified ones never.
func TestOnlyRefusedWebhooksAreLimited(t *testing.T) {
	t.Parallel()
	left := 2
	d := open(t, func(o *hooks.Options) {
		o.Refused = func(_ context.Context, name string, perMinute int) (httpio.Decision, error) {
			if !strings.HasPrefix(name, "webhook:") || perMinute != hooks.RefusedPerMinute {
				t.Errorf("counted %s at %d a minute", name, perMinute)
			}
			left--
			return httpio.Decision{Allowed: left >= 0, Reset: time.Now().Add(time.Minute)}, nil
		}
	})
	for i, want := range []int{401, 401, 429, 429} {
		if status, _ := d.post(event("x", time.Now()), "application/json", "bm8="); status != want {
			t.Errorf("refusal %d: %d, want %d", i, status, want)
		}
	}
	good := event("good", time.Now())
	if status, text := d.post(good, "application/json", sign(good)); status != http.StatusOK {
		t.Errorf("verified: %d %s", status, text)
	}
	if left != -2 {
		t.Errorf("a verified webhook was counted")
	}
}

// Rule 18: with the database away the sender is asked to repeat.
func TestWithoutADatabaseTheSenderIsAskedToRepeat(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.db.Close()
	body := event("lost", time.Now())
	if status, text := d.post(body, "application/json", sign(body)); status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", status, text)
	}
}

// Buffers are used again; what one request sent must not show in the next.
func TestBodiesDoNotMix(t *testing.T) {
	t.Parallel()
	d := open(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 8 {
				var body bytes.Buffer
				body.WriteString(event(fmt.Sprintf("mix-%d-%d", i, j), time.Now()))
				if status, text := d.send(&body, "application/json", sign(body.String())); status != http.StatusOK {
					t.Errorf("%d %s", status, text)
				}
			}
		})
	}
	all.Wait()
	if n := d.rows("webhook_id ~ '^mix-[0-9]+-[0-9]+$'"); n != 16*8 {
		t.Errorf("%d rows", n)
	}
}
