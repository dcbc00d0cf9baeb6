package hooks_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/hooks"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/webhook"
)

const resendSecret = "a secret of the test's own, 32 bytes"

// mailDoor is the route of Resend's events.
func mailDoor(t *testing.T, secrets ...string) door {
	t.Helper()
	db := pgtest.New(t)
	box := inbox.New(inbox.Options{DB: db})
	var texts []string
	for _, s := range secrets {
		texts = append(texts, "whsec_"+base64.StdEncoding.EncodeToString([]byte(s)))
	}
	keys, err := webhook.ParseSecrets(secret.New(strings.Join(texts, ",")))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(httpio.Handler(hooks.New(hooks.Options{Inbox: box, Resend: keys}).Resend))
	t.Cleanup(func() {
		server.Close()
		box.Close()
	})
	return door{t: t, url: server.URL, db: db}
}

// svix posts a body signed at a time; change may spoil the headers.
func (d door) svix(id, body string, at time.Time, change ...string) int {
	d.t.Helper()
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(resendSecret))
	mac.Write([]byte(id + "." + stamp + "." + body))
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, d.url, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("svix-id", id)
	r.Header.Set("svix-timestamp", stamp)
	r.Header.Set("svix-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for i := 0; i < len(change); i += 2 {
		r.Header.Set(change[i], change[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func bounced(email string) string {
	return fmt.Sprintf(`{"type":"email.bounced","created_at":"2026-02-22T23:41:12.126Z","data":{"email_id":%q,"to":["user@example.com"],"subject":"Hello",
		"tags":[{"name":"delivery","value":"d-1"}],"bounce":{"type":"Permanent","message":"no such mailbox"}}}`, email)
}

// Rule 11.1 for Resend: the first refusal that applies, and INV-30: nothing is written
// for what is not verified.
func TestAMailEventThatIsRefusedGetsItsStatusAndLeavesNothing(t *testing.T) {
	t.Parallel()
	d, now := mailDoor(t, resendSecret), time.Now()
	huge := `{"type":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, c := range []struct {
		name, body string
		change     []string
		want       int
	}{
		{"too large", huge, nil, 413},
		{"too large, of another type, unsigned", huge, []string{"Content-Type", "text/plain", "svix-signature", ""}, 413},
		{"of another type", bounced("e"), []string{"Content-Type", "text/plain"}, 415},
		{"of another type, unsigned", bounced("e"), []string{"Content-Type", "text/plain", "svix-signature", ""}, 415},
		{"unsigned", bounced("e"), []string{"svix-signature", ""}, 401},
		{"unsigned and no JSON", "{", []string{"svix-signature", "v1,AAAA"}, 401},
		{"without an id", bounced("e"), []string{"svix-id", ""}, 401},
		{"under another id", bounced("e"), []string{"svix-id", "msg_2"}, 401},
		{"at another time", bounced("e"), []string{"svix-timestamp", "1"}, 401},
		{"no JSON", "{", nil, 400},
		{"a list", "[]", nil, 400},
		{"nothing", "", nil, 400},
	} {
		if got := d.svix("msg_1", c.body, now, c.change...); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if n := d.rows("true"); n != 0 {
		t.Errorf("%d rows of what was refused", n)
	}
	off := mailDoor(t)
	if got := off.svix("msg_1", bounced("e"), now); got != 503 {
		t.Errorf("without a secret: %d, want 503", got)
	}
}

func TestAMailEventIsStoredOnceWithoutWhomItWentTo(t *testing.T) {
	t.Parallel()
	d, now := mailDoor(t, "the one before, of 32 bytes or so", resendSecret), time.Now()
	for range 3 {
		if got := d.svix("msg_1", bounced("e-1"), now); got != 200 {
			t.Fatalf("answered %d", got)
		}
	}
	for id, body := range map[string]string{"msg_2": `{"type":"domain.created"}`, "msg_3": `{"data":17,"created_at":0,"type":["x"]}`, "msg_4": `{}`} {
		if got := d.svix(id, body, now); got != 200 {
			t.Errorf("%s: answered %d", body, got)
		}
	}
	if got := d.svix("msg_5", bounced("e-2"), now.Add(-time.Hour)); got != 200 {
		t.Errorf("stale: answered %d", got)
	}
	if all, stale := d.rows("provider = 'resend'"), d.rows("stale and webhook_id = 'msg_5'"); all != 5 || stale != 1 {
		t.Errorf("%d rows, %d of them stale", all, stale)
	}
	if n := d.rows(`payload ->> 'emailId' = 'e-1' and payload ->> 'delivery' = 'd-1' and payload ->> 'bounce' = 'Permanent'`); n != 1 {
		t.Errorf("%d rows say what bounced", n)
	}
	if n := d.rows(`payload::text like '%user@%' or payload::text like '%Hello%'`); n != 0 {
		t.Errorf("%d rows hold what the mail said, or to whom", n)
	}
}
