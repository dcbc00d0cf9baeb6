package hooks_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
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
	"github.com/alertsify/alertsify/internal/whop"
)

const whopSecret = "ws_8f3c0a64d1b25e7f9c8b7a6d5e4f30211203f4e5d6a7b8c9f7e52b1d46a0c3f8"

// shopDoor is the route of Whop's events.
func shopDoor(t *testing.T, secrets string) door {
	t.Helper()
	db := pgtest.New(t)
	box := inbox.New(inbox.Options{DB: db})
	server := httptest.NewServer(httpio.Handler(hooks.New(hooks.Options{Inbox: box, Whop: whop.Keys(secret.New(secrets))}).Whop))
	t.Cleanup(func() {
		server.Close()
		box.Close()
	})
	return door{t: t, url: server.URL, db: db}
}

// whop posts a body signed at a time with all of the secret; change may spoil the headers.
func (d door) whop(id, body string, at time.Time, change ...string) int {
	d.t.Helper()
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(whopSecret))
	mac.Write([]byte(id + "." + stamp + "." + body))
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, d.url, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", stamp)
	r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for i := 0; i < len(change); i += 2 {
		r.Header.Set(change[i], change[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	for _, reason := range []string{"missing_header", "bad_timestamp", "mismatch"} {
		if strings.Contains(string(text), reason) {
			d.t.Errorf("the answer says why: %s", text)
		}
	}
	return answer.StatusCode
}

const paid = `{"id":"msg_1","type":"payment.succeeded","account_id":"biz_1","timestamp":"2026-11-20T14:59:58.000Z",
	"data":{"id":"pay_1","membership_id":"mem_1","customer_email":"user@example.com","user":{"name":"Somebody"}}}`

// Rule 11.1 for Whop, and INV-30: nothing is written for what is not verified.
func TestAShopEventThatIsRefusedGetsItsStatusAndLeavesNothing(t *testing.T) {
	t.Parallel()
	d, now := shopDoor(t, whopSecret), time.Now()
	huge := `{"type":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, c := range []struct {
		name, body string
		change     []string
		want       int
	}{
		{"too large", huge, nil, 413},
		{"too large, of another type, unsigned", huge, []string{"Content-Type", "text/plain", "webhook-signature", ""}, 413},
		{"of another type", paid, []string{"Content-Type", "text/plain"}, 415},
		{"of another type, unsigned", paid, []string{"Content-Type", "text/plain", "webhook-signature", ""}, 415},
		{"unsigned", paid, []string{"webhook-signature", ""}, 401},
		{"forged", paid, []string{"webhook-signature", "v1,AAAA"}, 401},
		{"forged and no JSON", "{", []string{"webhook-signature", "v1,AAAA"}, 401},
		{"without an id", paid, []string{"webhook-id", ""}, 401},
		{"under another id", paid, []string{"webhook-id", "msg_2"}, 401},
		{"at another time", paid, []string{"webhook-timestamp", "1"}, 401},
		{"at no time", paid, []string{"webhook-timestamp", "soon"}, 401},
		{"no JSON", "{", nil, 400},
		{"a list", "[]", nil, 400},
		{"a name twice", `{"type":"a","type":"b"}`, nil, 400},
		{"nothing", "", nil, 400},
	} {
		if got := d.whop("msg_1", c.body, now, c.change...); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if n := d.rows("true"); n != 0 {
		t.Errorf("%d rows of what was refused", n)
	}
	off := shopDoor(t, " , ")
	if got := off.whop("msg_1", paid, now); got != 503 {
		t.Errorf("without a secret: %d, want 503", got)
	}
}

func TestAShopEventIsStoredOnceWithoutWhoPaid(t *testing.T) {
	t.Parallel()
	d, now := shopDoor(t, "ws_the_one_after,"+whopSecret), time.Now()
	for range 3 {
		if got := d.whop("msg_1", paid, now); got != 200 {
			t.Fatalf("answered %d", got)
		}
	}
	for id, body := range map[string]string{"msg_2": `{"type":"invoice.created"}`, "msg_3": `{"data":17,"type":["x"]}`, "msg_4": `{}`, "msg_5": `{"action":"membership.went_valid"}`} {
		if got := d.whop(id, body, now); got != 200 {
			t.Errorf("%s: answered %d", body, got)
		}
	}
	if got := d.whop("msg_6", paid, now.Add(-time.Hour)); got != 200 {
		t.Errorf("stale: answered %d", got)
	}
	if all, stale := d.rows("provider = 'whop'"), d.rows("stale and webhook_id = 'msg_6'"); all != 6 || stale != 1 {
		t.Errorf("%d rows, %d of them stale", all, stale)
	}
	if n := d.rows(`webhook_id = 'msg_1' and event_type = 'payment.succeeded' and account_ref = 'biz_1'
		and payload ->> 'payment' = 'pay_1' and payload ->> 'membership' = 'mem_1'`); n != 1 {
		t.Errorf("%d rows say where to look", n)
	}
	if n := d.rows(`payload::text like '%user@%' or payload::text like '%Somebody%'`); n != 0 {
		t.Errorf("%d rows hold who paid", n)
	}
}
