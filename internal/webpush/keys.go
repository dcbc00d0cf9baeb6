// Package webpush sends encrypted push messages to browsers: check subscriptions and keys, send, and understand the answer.
package webpush

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	wp "github.com/SherClockHolmes/webpush-go"

	"github.com/alertsify/alertsify/internal/secret"
)

// Keys are one VAPID key pair (RFC 8292): what a push service knows us by. A
// browser's subscription is tied to the pair it was made with.
type Keys struct {
	public  string // base64url without padding, 65 bytes
	private secret.Text
}

// GenerateKeys makes a new pair, both as base64url without padding.
func GenerateKeys() (public string, private secret.Text, err error) {
	d, p, err := wp.GenerateVAPIDKeys() // the library returns the private one first
	if err != nil {
		return "", secret.Text{}, fmt.Errorf("generate VAPID keys: %w", err)
	}
	return p, secret.New(d), nil
}

// ParseKeys reads a pair from configuration and makes sure that the two belong
// together. Neither the library nor a push service would say so: every send
// would just be refused.
func ParseKeys(public string, private secret.Text) (Keys, error) {
	p, err := decode(public)
	if err != nil || len(p) != 65 {
		return Keys{}, errors.New("VAPID public key: not 65 bytes in base64url")
	}
	d, err := decode(private.Reveal())
	if err != nil || len(d) != 32 {
		return Keys{}, errors.New("VAPID private key: not 32 bytes in base64url")
	}
	key, err := ecdh.P256().NewPrivateKey(d)
	if err != nil {
		return Keys{}, errors.New("VAPID private key: not a P-256 key")
	}
	if !bytes.Equal(key.PublicKey().Bytes(), p) {
		return Keys{}, errors.New("VAPID keys: the public key does not belong to the private one")
	}
	return Keys{public: encode(p), private: secret.New(encode(d))}, nil
}

// Public is the key a page subscribes with, base64url without padding.
func (k Keys) Public() string { return k.public }

// ID is short and stable: kept with each subscription, so that after a change of
// keys it is known which pair it was made with. 16 hex digits.
func (k Keys) ID() string {
	sum := sha256.Sum256([]byte(k.public))
	return hex.EncodeToString(sum[:8])
}

// decode takes base64 in any of its four forms: browsers and tools differ.
func decode(s string) ([]byte, error) {
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
