package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

const hook = "/api/webhooks/snaptrade"

func randomID() string { return uuid.NewString() }

// event is a SnapTrade webhook in canonical form, so that signing it as it is
// signs it right.
func (s *show) event(kind string, more map[string]any) string {
	s.t.Helper()
	fields := map[string]any{
		"webhookId": randomID(), "clientId": s.stage.env["SNAPTRADE_CLIENT_ID"], "eventType": kind,
		"eventTimestamp": time.Now().UTC().Format(time.RFC3339), "userId": randomID(), "accountId": randomID(),
	}
	maps.Copy(fields, more)
	body, err := json.Marshal(fields)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

// signature is what SnapTrade would put on a body.
func (s *show) signature(body string) string {
	return "Signature: " + signedWith(s.stage.env["SNAPTRADE_CONSUMER_KEY"], body)
}

func signedWith(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// sized is an event padded to so many bytes.
func (s *show) sized(size int) string {
	short := s.event("ACCOUNT_HOLDINGS_UPDATED", map[string]any{"details": ""})
	return strings.Replace(short, `"details":""`, `"details":"`+strings.Repeat("x", size-len(short))+`"`, 1)
}

// Rule 11.1 over the whole program: the first refusal that applies, and no row of
// what was not verified (INV-30).
func TestBadInputWebhooksGetTheirRefusalAndLeaveNothing(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	good := s.event("TRADE_UPDATE", nil)
	tampered := strings.Replace(good, "TRADE_UPDATE", "CONNECTION_BROKEN", 1)
	huge, odd := s.sized(256<<10+1), s.event("TRADE_UPDATE", map[string]any{"eventTimestamp": "yesterday"})
	nameless := s.event("", nil)
	plain := "Content-Type: text/plain"
	before := s.settled()
	for _, c := range []bad{
		{name: "unsigned", body: good, status: 401, code: "invalid_signature"},
		{name: "signed for another body", body: tampered, headers: []string{s.signature(good)}, status: 401, code: "invalid_signature"},
		{name: "signed with another key", body: good, headers: []string{"Signature: " + signedWith("another", good)}, status: 401, code: "invalid_signature"},
		{name: "a signature that is none", body: good, headers: []string{"Signature: x"}, status: 401, code: "invalid_signature"},
		{name: "too large", body: huge, headers: []string{s.signature(huge)}, status: 413, code: "body_too_large"},
		{name: "too large and of another type", body: huge, headers: []string{plain}, status: 413, code: "body_too_large"},
		{name: "of another type", body: good, headers: []string{s.signature(good), plain}, status: 415, code: "unsupported_media_type"},
		{name: "of another type and unsigned", body: good, headers: []string{plain}, status: 415, code: "unsupported_media_type"},
		{name: "no JSON, unsigned", body: "{", status: 401, code: "invalid_signature"},
		{name: "no JSON", body: "{", headers: []string{s.signature("{")}, status: 400, code: "invalid_json"},
		{name: "a list", body: "[]", headers: []string{s.signature("[]")}, status: 400, code: "invalid_json"},
		{name: "no time", body: odd, headers: []string{s.signature(odd)}, status: 400, code: "invalid_json"},
		{name: "no type", body: nameless, headers: []string{s.signature(nameless)}, status: 400, code: "invalid_json"},
	} {
		for _, path := range []string{hook, "/api/snaptrade/webhook"} {
			c.method, c.path, c.as = http.MethodPost, path, "nobody"
			s.refused(t, c)
		}
		if now := s.tally(); !maps.Equal(before, now) {
			t.Errorf("%s: something was written", c.name)
			s.wroteNothing(t, before)
			before = now
		}
	}
	if a := s.do("", "GET", hook, "").want(t, 405); a.header.Get("Allow") != "POST" {
		t.Errorf("Allow is %q", a.header.Get("Allow"))
	}
}

// What is validly signed is 200, also repeated, stale, of a type nobody knows, or
// at the very limit; it is stored once, and alone changes nothing (INV-31, 32).
func TestBadInputValidWebhooksHaveOneEffect(t *testing.T) {
	t.Parallel()
	s, _ := openChecked(t)
	before := s.settled()
	since := time.Now()
	for name, body := range map[string]string{
		"news":            s.event("TRADE_UPDATE", nil),
		"stale":           s.event("TRADE_UPDATE", map[string]any{"eventTimestamp": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}),
		"of the future":   s.event("TRADE_UPDATE", map[string]any{"eventTimestamp": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}),
		"an unknown one":  s.event("SOMETHING_NEW", nil),
		"262,144 bytes":   s.sized(256 << 10),
		"a zero in names": s.event("TRADE_UPDATE", map[string]any{"webhookId": "a\x00b", "userId": "\x00", "accountId": "\x00"}),
	} {
		for range 3 {
			a := s.do("", "POST", hook, body, s.signature(body))
			if a.status != http.StatusOK {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
	}
	var stored, stale int
	err := s.stage.db.Pool().QueryRow(t.Context(), `
		select count(*), count(*) filter (where stale) from inbound_webhooks where received_at >= $1`, since).Scan(&stored, &stale)
	if err != nil || stored != 6 || stale != 2 {
		t.Errorf("%d stored, %d of them stale, %v", stored, stale, err)
	}
	after := s.settled()
	for table, held := range after {
		if table != "inbound_webhooks" && before[table] != held {
			t.Errorf("%s was written: %s, then %s", table, before[table], held)
		}
	}
}
