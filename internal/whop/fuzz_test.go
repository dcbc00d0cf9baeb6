package whop

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/webhook"
)

// Pages of lists, refusals and the answers of the sign-in: no panic, a bounded message,
// a bounded wait.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"mem_1","status":"active"}],"page_info":{"end_cursor":"c","has_next_page":true}}`), "7")
	f.Add([]byte(`{"error":{"type":"rate_limit_exceeded","message":"`+strings.Repeat("é", 400)+`"}}`), "99999999999999999999")
	f.Add([]byte(`{"error":"invalid_grant","error_description":7}`), "-1")
	f.Add([]byte(`{"data":[{"url":7,"enabled":"x","failing_since":-1}]}`), "x")
	f.Add([]byte(`{"sub":"user_1","access_token":"t"}`), "")
	f.Fuzz(func(t *testing.T, body []byte, wait string) {
		var memberships page[Membership]
		_ = decode(body, &memberships)
		var payments page[Payment]
		_ = decode(body, &payments)
		var endpoints page[Endpoint]
		_ = decode(body, &endpoints)
		e := refusal(call{name: "fuzz"}, &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {wait}}}, body)
		if len(e.Message) > bodyLogged || len(e.Type) > 60 || len(e.Code) > 60 || e.RetryAfter < 0 || e.RetryAfter > time.Hour {
			t.Errorf("%q: %+v", body, e)
		}
	})
}

// Whatever the headers say, nothing passes that the secret did not sign, and a ring of
// secrets has none that is empty: an empty key would be everybody's.
func FuzzVerifyEvent(f *testing.F) {
	f.Add("ws_one, ws_two", "msg_1", "1793000000", "v1,AAAA v1,AAAA", []byte(`{"type":"membership.activated"}`))
	f.Add(",", "a.b", "9223372036854775807", "v1,", []byte(`{`))
	f.Add("ws_", "\x00", "+1", strings.Repeat("v1,AAAA ", 100), []byte(``))
	f.Fuzz(func(t *testing.T, secrets, id, stamp, signature string, body []byte) {
		empty := webhook.Signed{ID: id, Timestamp: "0", Signature: webhook.PlainKey(secret.Text{}).Sign(id, time.Unix(0, 0), body)}
		if webhook.MadeBy(Keys(secret.New(secrets)), empty, body) {
			t.Fatalf("%q has an empty secret", secrets)
		}
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
		e, verdict := VerifyEvent(Keys(secret.New("ws_that the fuzzer does not know")), h, body, time.Unix(1793000000, 0))
		switch verdict {
		case MissingHeader, BadTimestamp, SignatureMismatch:
			if e != (Event{}) {
				t.Errorf("%s and yet %+v", verdict, e)
			}
		default:
			t.Errorf("%q by %q is %s", body, signature, verdict)
		}
	})
}
