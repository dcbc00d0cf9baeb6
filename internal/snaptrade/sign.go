package snaptrade

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/secret"
)

// Three ways in which a request never leaves us, because the public sources do
// not agree how SnapTrade would sign it (contract §2.3).
var (
	errBodyText   = errors.New("body text outside printable ASCII")
	errBodyNumber = errors.New("body number that is not plain")
	errParameter  = errors.New("identifier with characters that need escaping")
)

// signedText is what a request's signature covers: the canonical body (nil for
// none), the path as on the wire, the query as on the wire without its "?".
func signedText(content []byte, path, query string) []byte {
	if content == nil {
		content = []byte("null")
	}
	out := append([]byte(`{"content":`), content...)
	out = appendString(append(out, `,"path":`...), path)
	out = appendString(append(out, `,"query":`...), query)
	return append(out, '}')
}

// signature is standard base64 of HMAC-SHA256 with the consumer key's own bytes.
func signature(key secret.Text, text []byte) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write(text) // never fails
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// content gives the canonical form of a raw body, nil when there is no body, an
// empty one, or {}, which all sign as null.
func content(raw []byte) ([]byte, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	v, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	if v.kind == Object && len(v.kids.keys) == 0 {
		return nil, nil
	}
	return v.Canonical(), nil
}

// encodeBody turns a body struct into the bytes that are both signed and sent:
// nil when nothing is set. It refuses what the reference clients sign differently.
func encodeBody(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode body: %w", err)
	}
	v, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("encode body: %w", err)
	}
	if err := plain(v); err != nil {
		return nil, err
	}
	return content(raw)
}

// plain checks every text and number of a body.
func plain(v Value) error {
	switch v.kind {
	case String:
		return plainText(v.text)
	case Number:
		return plainNumber(v.text)
	case Array, Object:
		for _, key := range v.kids.keys {
			if err := plainText(key); err != nil {
				return err
			}
		}
		for _, item := range v.kids.values {
			if err := plain(item); err != nil {
				return err
			}
		}
	}
	return nil
}

func plainText(text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7E }) {
		return errBodyText
	}
	return nil
}

// plainNumber accepts 0, and numbers of at most 15 digits from 0.0001 to below
// 10^15, written without an exponent or needless zeros.
func plainNumber(token string) error {
	d, ok := readDecimal(token)
	if !ok || d == nil || d.String() != token || strings.ContainsAny(token, "eE") {
		return errBodyNumber
	}
	size := d.Abs()
	tooBig := size.GreaterThanOrEqual(decimal.New(1, 15))
	tooSmall := !size.IsZero() && size.LessThan(decimal.New(1, -4))
	digits := strings.TrimLeft(strings.ReplaceAll(strings.TrimPrefix(token, "-"), ".", ""), "0")
	if tooBig || tooSmall || len(digits) > 15 {
		return errBodyNumber
	}
	return nil
}

// plainID accepts what may stand in a path without escaping.
func plainID(id string) error {
	bad := func(r rune) bool { return !isWordRune(r) && !strings.ContainsRune("._~-", r) }
	if id == "" || id == "." || id == ".." || strings.ContainsFunc(id, bad) {
		return errParameter
	}
	return nil
}

// plainUserID accepts our own ids: letters, digits, "_" and "-".
func plainUserID(id string) error {
	bad := func(r rune) bool { return !isWordRune(r) && r != '_' && r != '-' }
	if id == "" || strings.ContainsFunc(id, bad) {
		return errParameter
	}
	return nil
}

func isWordRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
