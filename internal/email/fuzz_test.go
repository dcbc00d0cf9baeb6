package email

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/webhook"
)

var fuzzTime = time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC)

// Whatever is signed is read without a panic and bounded; whatever is not signed is
// nothing.
func FuzzVerifyEvent(f *testing.F) {
	key, err := webhook.ParseSecret(secret.New("whsec_MDEyMzQ1Njc4OWFiY2RlZg=="))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"type":"email.bounced","created_at":"2026-11-20T14:30:00Z","data":{"email_id":"e","tags":{"delivery":"d"},"bounce":{"type":"Permanent","message":"no"}}}`), true, "")
	f.Add([]byte(`{"type":7,"data":[],"created_at":1e999}`), true, "")
	f.Add([]byte(`{"data":{"tags":[{"name":"delivery","value":7}]}} x`), true, "")
	f.Add([]byte(`[]`), false, "v1,AAAA v1 v1,")
	f.Fuzz(func(t *testing.T, body []byte, signed bool, signature string) {
		h := http.Header{"Svix-Id": {"msg_1"}, "Svix-Timestamp": {"1795185000"}, "Svix-Signature": {signature}}
		now := time.Unix(1795185000, 0)
		if signed {
			h.Set("Svix-Signature", key.Sign("msg_1", now, body))
		}
		e, verdict, err := VerifyEvent([]webhook.Key{key}, h, body, now)
		switch {
		case !signed && (verdict != webhook.Wrong || e != Event{}):
			t.Errorf("%q by %q is %v", body, signature, verdict)
		case signed && (verdict != webhook.OK || err != nil && !errors.Is(err, ErrNotAnEvent)):
			t.Errorf("%q: %v, %v", body, verdict, err)
		case len(e.Detail) > messageMax:
			t.Errorf("%q: %d bytes of detail", body, len(e.Detail))
		}
	})
}

// No token but ours opens anything, whatever is made of one of ours.
func FuzzLinks(f *testing.F) {
	links := NewLinks("https://app.example", secret.New("0123456789abcdef0123456789abcdef"))
	user := uuid.MustParse("11111111-1111-4111-8111-111111111111")
	ours := map[string]bool{}
	for _, address := range []string{
		links.Unsubscribe(user, []string{"copies", "system"}), links.Confirm(user, fuzzTime.Add(time.Hour)), links.Confirm(user, fuzzTime.Add(-time.Hour)),
	} {
		token := strings.TrimPrefix(address, "https://app.example"+LinkPath)
		ours[token] = true
		f.Add(token)
		f.Add(token[:len(token)-1] + "G") // the same signature but for bits that stand for nothing
	}
	f.Add("b2ZmfHw.")
	f.Add(strings.Repeat("A", tokenMax+1))
	f.Fuzz(func(t *testing.T, token string) {
		g, ok := links.Read(token, fuzzTime)
		if ok && (g.User == uuid.Nil && !g.Confirms() || g.Confirms() && !fuzzTime.Before(g.Until)) {
			t.Errorf("%q allows %+v", token, g)
		}
		if ok && !ours[strings.TrimRight(token, "\r\n")] && !ours[strings.NewReplacer("\r", "", "\n", "").Replace(token)] {
			t.Errorf("%q is none of ours and allows %+v", token, g)
		}
	})
}

// Whatever is signed by us in any form reads without a panic.
func FuzzGrant(f *testing.F) {
	f.Add("off|11111111-1111-4111-8111-111111111111|copies")
	f.Add("use|11111111-1111-4111-8111-111111111111|99999999999999999999")
	f.Add("||||")
	f.Fuzz(func(t *testing.T, grant string) {
		if g, ok := parseGrant(strings.Split(grant, "|"), fuzzTime); ok && g.User == uuid.Nil && g.Mailbox == uuid.Nil && !strings.Contains(grant, uuid.Nil.String()) {
			t.Errorf("%q allows %+v", grant, g)
		}
	})
}

// Whatever Resend, or a proxy before it, answers: an outcome, bounded words, and nobody's
// mailbox among them.
func FuzzAnswer(f *testing.F) {
	f.Add(422, []byte(`{"name":"validation_error","message":"Invalid `+"`to`"+` field: ava@example.com"}`), "1")
	f.Add(429, []byte(`{"name":"rate_limit_exceeded"}`), "1e400")
	f.Add(200, []byte(`{"id":7}`), "")
	f.Add(500, []byte(`<html>`), "-1")
	f.Fuzz(func(t *testing.T, status int, body []byte, wait string) {
		c := New(Options{From: "Alertsify <alerts@mail.example>"})
		e := c.refusal(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {wait}}}, body)
		if e.Outcome.String() == "invalid" || e.RetryAfter < 0 || len(e.Message) > messageMax || strings.Contains(e.Message, "ava@example.com") {
			t.Errorf("%d %q: %+v", status, body, e)
		}
		if id, err := accepted(status, body, nil); (err == nil) == (id == "") {
			t.Errorf("%q: id %q, %v", body, id, err)
		}
	})
}
