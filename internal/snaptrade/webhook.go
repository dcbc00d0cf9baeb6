package snaptrade

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

// Verdict is what a webhook's signature and age say.
type Verdict uint8

// The verdicts, in the contract's words (§4). The zero value is the distrustful one.
const (
	BadSignature Verdict = iota // answer 401
	Malformed                   // answer 400
	Stale                       // answer 200: validly signed but old, a hint only, never applied
	OK                          // answer 200
)

// String is the contract's word.
func (v Verdict) String() string {
	switch v {
	case Malformed:
		return "malformed"
	case Stale:
		return "stale"
	case OK:
		return "ok"
	default:
		return "bad_signature"
	}
}

// Event is a verified webhook. Ids are opaque; those an event does not have are "".
type Event struct {
	ID            string // unique per notification; "sha256:…" of the content if SnapTrade sent none
	Type          string // "ACCOUNT_HOLDINGS_UPDATED", …; unknown types may come
	At            time.Time
	ClientID      string
	UserID        string
	AccountID     string
	ConnectionID  string
	BrokerageID   string
	AttemptResult string // of CONNECTION_ATTEMPTED: "SUCCESS", "AUTH_EXPIRED", …
	Details       Value  // as verified; a cue to read again, not data
}

// ageMax is how far an event's time may be from ours, on either side.
const ageMax = 300 * time.Second

// Verify judges a webhook body by its Signature header. The event is only filled
// for OK and Stale, from the very tree whose signature was checked. keys are
// tried in turn (rotation); empty ones never match.
func Verify(keys []secret.Text, header string, body []byte, now time.Time) (Event, Verdict) {
	if header == "" {
		return Event{}, BadSignature
	}
	v, err := Parse(body)
	if err != nil || v.Kind() != Object {
		return Event{}, Malformed
	}
	canonical := v.Canonical()
	if !signedByOne(keys, header, canonical) {
		return Event{}, BadSignature
	}
	// Needing both fields also stops a captured request signature, which is made
	// with the same key in the same way.
	at, ok := eventTime(v.Get("eventTimestamp"))
	if !ok || v.Get("eventType").Text() == "" {
		return Event{}, Malformed
	}
	if age := now.Sub(at); age > ageMax || age < -ageMax {
		return readEvent(v, at, canonical), Stale
	}
	return readEvent(v, at, canonical), OK
}

// VerifyWebhook is Verify with the client's keys and clock.
func (c *Client) VerifyWebhook(header string, body []byte) (Event, Verdict) {
	return Verify(c.keys, header, body, c.now())
}

// SignWebhook gives the Signature header that SnapTrade would send with a body, by which we
// try our own door.
func (c *Client) SignWebhook(body []byte) (string, error) {
	v, err := Parse(body)
	if err != nil {
		return "", err
	}
	return signature(c.keys[0], v.Canonical()), nil
}

// signedByOne compares the texts, not the decoded bytes: base64 has more than
// one spelling of the same bytes.
func signedByOne(keys []secret.Text, header string, canonical []byte) bool {
	matched := false
	for _, key := range keys {
		if !key.IsZero() && hmac.Equal([]byte(signature(key, canonical)), []byte(header)) {
			matched = true
		}
	}
	return matched
}

// eventTime wants RFC 3339 with an offset. Go also takes a one-digit hour and a
// comma before the fraction (go.dev/issue/54580), which RFC 3339 does not have.
func eventTime(v Value) (time.Time, bool) {
	text := v.Text()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || text[len("2006-01-02T15")] != ':' || strings.Contains(text, ",") {
		return time.Time{}, false
	}
	return at.UTC(), true
}

func readEvent(v Value, at time.Time, canonical []byte) Event {
	return Event{
		ID: eventID(v, canonical), Type: v.Get("eventType").Text(), At: at,
		ClientID: v.Get("clientId").ID(), UserID: v.Get("userId").ID(),
		AccountID: v.Get("accountId").ID(), ConnectionID: v.Get("brokerageAuthorizationId").ID(),
		BrokerageID: v.Get("brokerageId").ID(), AttemptResult: v.Get("connectionAttemptedResult").Text(),
		Details: v.Get("details"),
	}
}

// eventID: TRADE_* events carry a second, misspelt id with another value, which
// counts only where the right one is absent.
func eventID(v Value, canonical []byte) string {
	for _, key := range []string{"webhookId", "webookId"} {
		if id := v.Get(key).ID(); id != "" {
			return id
		}
	}
	sum := sha256.Sum256(canonical)
	return "sha256:" + hex.EncodeToString(sum[:])
}
