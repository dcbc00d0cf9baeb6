// Package webhook speaks Standard Webhooks, which Svix made and Resend signs with: a signature over id, time and body.
package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

const (
	secretPrefix = "whsec_"
	secretBytes  = 32
	secretLeast  = 16 // bytes; a shorter key could be guessed
	version      = "v1"

	// tolerance is how far a timestamp may be off before what it stamps counts as stale.
	tolerance = 300 * time.Second

	// signaturesMax bounds how many signatures of one request are compared.
	signaturesMax = 16
)

// Key signs and verifies. It prints as [redacted].
type Key struct{ key secret.Text }

// NewSecret makes the text form of a fresh key: "whsec_" and base64.
func NewSecret() (secret.Text, error) {
	b := make([]byte, secretBytes)
	if _, err := rand.Read(b); err != nil {
		return secret.Text{}, err
	}
	return secret.New(secretPrefix + base64.StdEncoding.EncodeToString(b)), nil
}

// ParseSecret reads the text form of a key. The error does not repeat it.
func ParseSecret(text secret.Text) (Key, error) {
	encoded := strings.TrimPrefix(text.Reveal(), secretPrefix)
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Key{}, errors.New("is not whsec_ and base64")
	}
	if len(b) < secretLeast {
		return Key{}, errors.New("is too short")
	}
	return Key{secret.New(string(b))}, nil
}

// PlainKey is a key of whoever signs with a secret's text as it stands, prefix and all.
func PlainKey(text secret.Text) Key { return Key{text} }

// ParseSecrets reads several, separated by commas: while one is being replaced two
// are good.
func ParseSecrets(text secret.Text) ([]Key, error) {
	var keys []Key
	for part := range strings.SplitSeq(text.Reveal(), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		k, err := ParseSecret(secret.New(part))
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Sign makes the signature of a message, "v1,…".
func (k Key) Sign(id string, at time.Time, body []byte) string {
	return version + "," + base64.StdEncoding.EncodeToString(k.sum(id, strconv.FormatInt(at.Unix(), 10), body))
}

func (k Key) sum(id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(k.key.Reveal()))
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Verdict is what a signature proves.
type Verdict int

// The verdicts.
const (
	Wrong Verdict = iota // or missing
	OK
	Stale // rightly signed, but the time is off: it may be a replay
)

// Signed is what the headers of a signed message say.
type Signed struct{ ID, Timestamp, Signature string }

// Verify tells whether one of the keys made one of the signatures.
func Verify(keys []Key, s Signed, body []byte, now time.Time) Verdict {
	seconds, err := strconv.ParseInt(s.Timestamp, 10, 64)
	if s.ID == "" || err != nil {
		return Wrong
	}
	right := MadeBy(keys, s, body)
	switch age := now.Sub(time.Unix(seconds, 0)).Abs(); {
	case !right:
		return Wrong
	case age > tolerance:
		return Stale
	}
	return OK
}

// MadeBy tells whether one of the keys made one of the signatures, whatever the time.
// Every pair is compared, so that the time taken does not tell which one fits.
func MadeBy(keys []Key, s Signed, body []byte) (right bool) {
	for _, given := range signatures(s.Signature) {
		for _, k := range keys {
			right = hmac.Equal(given, k.sum(s.ID, s.Timestamp, body)) || right
		}
	}
	return right
}

// signatures are those of the version that we know, of a list separated by blanks.
func signatures(list string) (found [][]byte) {
	for i, one := range strings.Fields(list) {
		if i == signaturesMax {
			break
		}
		of, encoded, ok := strings.Cut(one, ",")
		if !ok || of != version {
			continue
		}
		if b, err := base64.StdEncoding.Strict().DecodeString(encoded); err == nil {
			found = append(found, b)
		}
	}
	return found
}
