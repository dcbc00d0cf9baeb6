package snaptrade

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

const testKey = "ck_test_3f9c1a77"

func signedEvent(key, body string) string {
	v, err := Parse([]byte(body))
	if err != nil {
		panic(err)
	}
	return signature(secret.New(key), v.Canonical())
}

func TestEitherKeyVerifiesDuringARotation(t *testing.T) {
	t.Parallel()
	body := `{"eventType":"USER_REGISTERED","eventTimestamp":"2026-09-21T13:33:20Z","webhookId":"w-1"}`
	now := time.Date(2026, 9, 21, 13, 33, 30, 0, time.UTC)
	keys := []secret.Text{secret.New("new"), secret.New("old")}
	for key, want := range map[string]Verdict{"new": OK, "old": OK, "older": BadSignature} {
		if _, got := Verify(keys, signedEvent(key, body), []byte(body), now); got != want {
			t.Errorf("key %s: %s", key, got)
		}
	}
}

func TestAnEmptyKeyVerifiesNothing(t *testing.T) {
	t.Parallel()
	body := `{"eventType":"USER_REGISTERED","eventTimestamp":"2026-09-21T13:33:20Z"}`
	now := time.Date(2026, 9, 21, 13, 33, 30, 0, time.UTC)
	for _, keys := range [][]secret.Text{nil, {secret.New("")}} {
		if _, got := Verify(keys, signedEvent("", body), []byte(body), now); got != BadSignature {
			t.Errorf("%d keys: %s", len(keys), got)
		}
	}
}

func TestEventFieldsComeFromTheVerifiedTree(t *testing.T) {
	t.Parallel()
	body := `{"userId":"u-forged","userId":"u-1","UserID":"u-2","eventType":"TRADE_DETECTION","accountId":"a-1",
		"brokerageAuthorizationId":"c-1","brokerageId":"b-1","webookId":"wrong","webhookId":"right","clientId":"K",
		"connectionAttemptedResult":"SUCCESS","webhookSecret":"ignored","details":{"orders":[]},
		"eventTimestamp":"2026-09-21T08:33:20.5-05:00"}`
	e, verdict := Verify([]secret.Text{secret.New(testKey)}, signedEvent(testKey, body), []byte(body),
		time.Date(2026, 9, 21, 13, 33, 21, 0, time.UTC))
	if verdict != OK {
		t.Fatal(verdict)
	}
	got := fmt.Sprint(e.ID, e.Type, e.UserID, e.AccountID, e.ConnectionID, e.BrokerageID, e.ClientID, e.AttemptResult)
	want := fmt.Sprint("right", "TRADE_DETECTION", "u-1", "a-1", "c-1", "b-1", "K", "SUCCESS")
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !e.At.Equal(time.Date(2026, 9, 21, 13, 33, 20, 500e6, time.UTC)) || e.Details.Get("orders").Kind() != Array {
		t.Errorf("%v %s", e.At, e.Details.Canonical())
	}
}

func TestEventsAlwaysHaveAnIDThatIsTheSameOnASecondDelivery(t *testing.T) {
	t.Parallel()
	id := func(extra string) string {
		body := `{"eventType":"X","eventTimestamp":"2026-09-21T13:33:20Z"` + extra + `}`
		e, _ := Verify([]secret.Text{secret.New(testKey)}, signedEvent(testKey, body), []byte(body), time.Time{})
		return e.ID
	}
	if got := id(`,"webookId":"misspelt"`); got != "misspelt" {
		t.Errorf("misspelt id: %q", got)
	}
	without, again, other := id(""), id(" "), id(`,"userId":"u"`)
	if without == "" || without != again || without == other {
		t.Errorf("%q %q %q", without, again, other)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"eventType":"X","eventTimestamp":"2026-09-21T13:33:20Z"}`), true)
	f.Add([]byte(`{"content":null,"path":"/","query":""}`), true)
	f.Add([]byte(`[]`), false)
	keys := []secret.Text{secret.New(testKey)}
	now := time.Date(2026, 9, 21, 13, 33, 20, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte, signed bool) {
		header := "AAAA"
		v, err := Parse(body)
		if signed && err == nil {
			header = signature(keys[0], v.Canonical())
		}
		event, verdict := Verify(keys, header, body, now)
		if verdict != OK && verdict != Stale {
			return
		}
		if !signed || !json.Valid(body) || event.Type == "" || event.ID == "" {
			t.Fatalf("%s for %q, signed %v: %+v", verdict, body, signed, event)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := []byte(`{"userId":"u-1","details":{"positions":{"success":true,"error":null},"balances":{"success":true,"error":null}},"accountId":"a-1","eventType":"ACCOUNT_HOLDINGS_UPDATED","webhookId":"w-1","eventTimestamp":"2026-09-21T13:33:20Z"}`)
	keys, header := []secret.Text{secret.New(testKey)}, signedEvent(testKey, string(body))
	now := time.Date(2026, 9, 21, 13, 33, 20, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		if _, verdict := Verify(keys, header, body, now); verdict != OK {
			b.Fatal(verdict)
		}
	}
}
