package whop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

const (
	vectorSecret = "ws_ebdd1960b10ce6da80296e95a61b204477c76df4511371eba74d85bbf2764498"
	vectorStamp  = 1793000000
)

func header(id, stamp, signature string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", signature)
	return h
}

// sign follows the contract's algorithm a second time, from the key's bytes.
func sign(key []byte, id, stamp, body string) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// The contract's own vectors, made by another implementation.
func TestThePublishedVectors(t *testing.T) {
	t.Parallel()
	keys := Keys(secret.New(vectorSecret))
	for _, v := range []struct {
		name, id, signature, body string
		now                       int64
		want                      Verdict
	}{
		{
			"W1", "msg_Pub1", "v1,MBiqCGvJ3fEF0v8ixQqHnZC0PTC+Pt50xZYKlsqHV+A=",
			`{"id":"msg_Pub1","type":"membership.activated","api_version":"v1","api_version_date":"2026-09-29","timestamp":"2026-10-26T07:33:20.000Z","account_id":"biz_A1","data":{"id":"mem_1","status":"active","user_id":"user_1","product_id":"prod_1","plan_id":"plan_1"}}`,
			1793000002, Accepted,
		},
		{
			"W2", "msg_Pub2", "v1a,AAAA v1,8RXuyfsGwjb/dxBwrOUrq+J1Dfob/2NCBTpLSAmWjXU= v1,E5DlpX2OWWOQvr1PfPBkQuGzfDRBNViUFIHJqAAmCfU=",
			`{"id":"msg_Pub2","type":"payment.succeeded","data":{"id":"pay_1","status":"paid","note":"café"}}`, 1793000060, Accepted,
		},
		{
			"W3", "msg_Pub3", "v1,u8tBVa3KR716VGG/BRmbY5V7C6nY0ZmR1rifjfkY0Ow=",
			`{"id":"msg_Pub3","type":"membership.activated","data":{"id":"mem_1"}}`, 1793000002, SignatureMismatch,
		},
		{
			"W4", "msg_Pub4", "v1,R/uMDNrvFormqp9FJ0PKkWS2JtvbkzKWhSKcdoybJYY=",
			`{"id":"msg_Pub4","type":"membership.deactivated","data":{"id":"mem_1"}}`, 1793000301, TooOld,
		},
	} {
		event, got := VerifyEvent(keys, header(v.id, strconv.Itoa(vectorStamp), v.signature), []byte(v.body), time.Unix(v.now, 0))
		if got != v.want {
			t.Errorf("%s: %s, want %s", v.name, got, v.want)
		}
		if v.want != SignatureMismatch && (event.ID != v.id || event.OtherID) {
			t.Errorf("%s: read as %+v", v.name, event)
		}
	}
}

func TestTheFirstReasonThatAppliesIsTheOne(t *testing.T) {
	t.Parallel()
	now := time.Unix(vectorStamp, 0)
	stamp, body := strconv.Itoa(vectorStamp), `{"type":"membership.activated","data":{"id":"mem_1"}}`
	good := sign([]byte(vectorSecret), "msg_1", stamp, body)
	stripped, _ := hex.DecodeString(strings.TrimPrefix(vectorSecret, "ws_"))
	at := func(off int) string { return strconv.Itoa(vectorStamp + off) }
	signedAt := func(off int) http.Header {
		return header("msg_1", at(off), sign([]byte(vectorSecret), "msg_1", at(off), body))
	}
	odd := func(stamp string) http.Header {
		return header("msg_1", stamp, sign([]byte(vectorSecret), "msg_1", stamp, body))
	}
	for _, c := range []struct {
		name string
		h    http.Header
		body string
		want Verdict
	}{
		{"as it should be", header("msg_1", stamp, good), body, Accepted},
		{"several blanks between items", header("msg_1", stamp, "v1,AAAA \t  "+good), body, Accepted},
		{"no id", header("", stamp, good), body, MissingHeader},
		{"no time", header("msg_1", "", good), body, MissingHeader},
		{"no signature", header("msg_1", stamp, ""), body, MissingHeader},
		{"broken seconds", odd("1793000000.5"), body, BadTimestamp},
		{"a plus", odd("+1793000000"), body, BadTimestamp},
		{"a minus", odd("-1"), body, BadTimestamp},
		{"a blank", odd(" 1793000000"), body, BadTimestamp},
		{"hexadecimal", odd("0x6adf0e80"), body, BadTimestamp},
		{"beyond all years", odd(strings.Repeat("9", 30)), body, BadTimestamp},
		{"another id", header("msg_2", stamp, good), body, SignatureMismatch},
		{"another time", header("msg_1", at(1), good), body, SignatureMismatch},
		{"another body", header("msg_1", stamp, good), body + " ", SignatureMismatch},
		{"another scheme", header("msg_1", stamp, "V1"+good[2:]), body, SignatureMismatch},
		{"the asymmetric scheme", header("msg_1", stamp, "v1a"+good[2:]), body, SignatureMismatch},
		{"no scheme", header("msg_1", stamp, good[3:]), body, SignatureMismatch},
		{"without padding", header("msg_1", stamp, strings.TrimRight(good, "=")), body, SignatureMismatch},
		{"cut off", header("msg_1", stamp, good[:20]), body, SignatureMismatch},
		{"key without its prefix", header("msg_1", stamp, sign([]byte(vectorSecret[3:]), "msg_1", stamp, body)), body, SignatureMismatch},
		{"key read as hexadecimal", header("msg_1", stamp, sign(stripped, "msg_1", stamp, body)), body, SignatureMismatch},
		{"300 s old", signedAt(-300), body, Accepted},
		{"301 s old", signedAt(-301), body, TooOld},
		{"300 s ahead", signedAt(300), body, Accepted},
		{"301 s ahead", signedAt(301), body, TooNew},
		{"old and unreadable", header("msg_1", at(-900), sign([]byte(vectorSecret), "msg_1", at(-900), "[]")), "[]", Malformed},
	} {
		if _, got := VerifyEvent(Keys(secret.New("ws_new, "+vectorSecret)), c.h, []byte(c.body), now); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if _, got := VerifyEvent(nil, header("msg_1", stamp, good), []byte(body), now); got != SignatureMismatch {
		t.Errorf("without a secret: %s", got)
	}
}

func TestABodyIsOneStrictObject(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"", " ", "[]", `"x"`, "{", `{"a":1}{}`, `{"a":1,"a":2}`, `{"a":01}`, "{\"a\":\"\xff\"}", `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}",
	} {
		if _, err := readEvent([]byte(body)); err == nil {
			t.Errorf("%q was taken", body)
		}
	}
}

func TestAnEventSaysWhereToLook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body string
		want Event
	}{
		{
			`{"id":"msg_1","type":"membership.activated","timestamp":"2026-11-20T14:59:58.000Z","account_id":"biz_1","data":{"id":"mem_1"}}`,
			Event{ID: "msg_1", Type: "membership.activated", Name: "membership.activated", At: time.Date(2026, 11, 20, 14, 59, 58, 0, time.UTC), Account: "biz_1", Membership: "mem_1"},
		},
		{
			`{"type":"payment.failed","company_id":"biz_1","data":{"id":"pay_1","membership":{"id":"mem_1"}}}`,
			Event{Type: "payment.failed", Name: "payment.failed", Account: "biz_1", Membership: "mem_1", Payment: "pay_1"},
		},
		{
			`{"type":"refund.created","data":{"id":"rf_1","payment_id":"pay_1"}}`,
			Event{Type: "refund.created", Name: "refund.created", Payment: "pay_1"},
		},
		{
			`{"type":"dispute.created","data":{"id":"dspt_1","payment":{"id":"pay_1"}}}`,
			Event{Type: "dispute.created", Name: "dispute.created", Payment: "pay_1"},
		},
		{
			`{"type":"membership_went_valid","data":{"id":"mem_1"}}`,
			Event{Type: "membership.activated", Name: "membership_went_valid", Membership: "mem_1"},
		},
		{
			`{"type":"membership.went_invalid","data":{"id":"mem_1"}}`,
			Event{Type: "membership.deactivated", Name: "membership.went_invalid", Membership: "mem_1"},
		},
		{`{"type":"payment_succeeded","data":{"id":"pay_1"}}`, Event{Type: "payment.succeeded", Name: "payment_succeeded", Payment: "pay_1"}},
		{`{"type":"dispute_alert_created","data":{"payment":null}}`, Event{Type: "dispute_alert.created", Name: "dispute_alert_created"}},
		{`{"type":"app_membership.went_valid","data":{"id":"mem_1"}}`, Event{Type: "app_membership.went_valid", Name: "app_membership.went_valid"}},
		{`{"action":"membership.went_valid","data":{"id":"mem_1"}}`, Event{Name: "membership.went_valid", Old: true}},
		{`{"type":"membership.updated","data":{"id":"../../me"}}`, Event{Type: "membership.updated", Name: "membership.updated"}},
		{`{"type":7,"data":17,"timestamp":{},"id":[]}`, Event{}},
		{`{}`, Event{}},
	} {
		got, err := readEvent([]byte(c.body))
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.body, got, err, c.want)
		}
	}
}

// Whatever is signed is read without a panic, and what is read can be asked for.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"type":"membership.activated","data":{"id":"mem_1"}}`))
	f.Add([]byte(`{"action":"x","data":{"payment":{"id":7},"membership":[]},"timestamp":1e999}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := readEvent(body)
		if err != nil {
			return
		}
		if e.Membership != "" && !strings.HasPrefix(e.Membership, "mem_") || e.Payment != "" && !strings.HasPrefix(e.Payment, "pay_") {
			t.Errorf("%q names %+v", body, e)
		}
	})
}

// Rows of lists and answers: both shapes, no panic, and money is exact or refused.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"mem_1","user":null,"metadata":{"alertsify_user_id":3},"current_period_end":"2026-11-20T14:59:58Z"}`))
	f.Add([]byte(`{"id":"pay_1","total":{"amount":"49.00","currency":"usd","decimals":2},"created_at":1793000000}`))
	f.Add([]byte(`{"id":"pay_1","total":1e400000000,"currency":"usd","refunded_amount":{"amount":7,"decimals":-3}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var m Membership
		_ = decode(body, &m)
		var p Payment
		if decode(body, &p) == nil && (p.Total.Decimals < 0 || p.Total.Decimals > decimalsMost) {
			t.Errorf("%q: %+v", body, p.Total)
		}
	})
}
