package sandbox

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"time"
)

const (
	pushKeyLength    = 65                         // an uncompressed point
	pushHeaderLength = 16 + 4 + 1 + pushKeyLength // salt, record size, key length, key
)

// pushDecrypt opens a message as a browser does: RFC 8291 over RFC 8188, one
// record. It returns the message without its delimiter and padding.
func pushDecrypt(private, auth, body []byte) ([]byte, error) {
	if len(body) < pushHeaderLength || body[20] != pushKeyLength {
		return nil, errors.New("no aes128gcm header with a 65 byte key")
	}
	salt, size := body[:16], binary.BigEndian.Uint32(body[16:20])
	serverKey, sealed := body[21:pushHeaderLength], body[pushHeaderLength:]
	if size < 18 || uint64(len(sealed)) > uint64(size) {
		return nil, errors.New("more than one record")
	}
	own, err := ecdh.P256().NewPrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("own key: %w", err)
	}
	gcm, nonce, err := pushCipher(own, serverKey, auth, salt)
	if err != nil {
		return nil, err
	}
	padded, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return nil, errors.New("does not open")
	}
	plain := bytes.TrimRight(padded, "\x00")
	if len(plain) == 0 || plain[len(plain)-1] != 0x02 {
		return nil, errors.New("does not end as a last record")
	}
	return plain[:len(plain)-1], nil
}

func pushCipher(own *ecdh.PrivateKey, serverKey, auth, salt []byte) (cipher.AEAD, []byte, error) {
	server, err := ecdh.P256().NewPublicKey(serverKey)
	if err != nil {
		return nil, nil, fmt.Errorf("the sender's key: %w", err)
	}
	shared, err := own.ECDH(server)
	if err != nil {
		return nil, nil, fmt.Errorf("agree on a secret: %w", err)
	}
	info := "WebPush: info\x00" + string(own.PublicKey().Bytes()) + string(serverKey)
	material, err1 := hkdf.Key(sha256.New, shared, auth, info, 32)
	key, err2 := hkdf.Key(sha256.New, material, salt, "Content-Encoding: aes128gcm\x00", 16)
	nonce, err3 := hkdf.Key(sha256.New, material, salt, "Content-Encoding: nonce\x00", 12)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, nil, fmt.Errorf("derive keys: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, fmt.Errorf("make cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	return gcm, nonce, err
}

// pushPublic is the public half of a private key, 65 bytes.
func pushPublic(private []byte) []byte {
	key, err := ecdh.P256().NewPrivateKey(private)
	if err != nil {
		return nil
	}
	return key.PublicKey().Bytes()
}

type pushClaims struct {
	Audience string  `json:"aud"`
	Expires  float64 `json:"exp"`
	Subject  string  `json:"sub"`
}

// authorize checks the VAPID header (RFC 8292) against the subscription.
func (p *push) authorize(s *pushSubscription, header string) pushAnswer {
	token, key, ok := pushCredentials(header)
	if !ok {
		return pushRefuse(http.StatusUnauthorized, 109, "expected: vapid t=…, k=…")
	}
	if s.ServerKey == "" {
		s.ServerKey = key
		p.keep(*s)
	}
	if key != s.ServerKey {
		return pushRefuse(http.StatusForbidden, 109, "the key is not the one of the subscription")
	}
	claims, err := pushVerify(token, key)
	if err != nil {
		return pushRefuse(http.StatusUnauthorized, 109, err.Error())
	}
	if err := claims.check(p.base(), p.now()); err != nil {
		return pushRefuse(http.StatusUnauthorized, 109, err.Error())
	}
	if !pushSubjectFine(claims.Subject) {
		return pushAnswer{status: http.StatusForbidden, body: map[string]string{"reason": "BadJwtToken"}}
	}
	return pushAnswer{}
}

func (c pushClaims) check(origin string, now time.Time) error {
	expires := time.Unix(int64(c.Expires), 0)
	switch {
	case c.Audience != origin:
		return errors.New("aud is not this origin")
	case !expires.After(now):
		return errors.New("expired")
	case expires.After(now.Add(24 * time.Hour)):
		return errors.New("exp is more than 24 hours ahead")
	default:
		return nil
	}
}

// pushCredentials takes apart "vapid t=<JWT>, k=<key>"; the key comes back
// without padding.
func pushCredentials(header string) (token, key string, ok bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "vapid") {
		return "", "", false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			token = value
		case "k":
			key = strings.TrimRight(value, "=")
		}
	}
	return token, key, token != "" && key != ""
}

func pushVerify(token, key string) (pushClaims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return pushClaims{}, errors.New("not a JWT")
	}
	header, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	signature, err3 := base64.RawURLEncoding.DecodeString(parts[2])
	point, err4 := base64.RawURLEncoding.DecodeString(key)
	if errors.Join(err1, err2, err3, err4) != nil {
		return pushClaims{}, errors.New("not base64url")
	}
	var head struct {
		Algorithm string `json:"alg"`
	}
	var claims pushClaims
	if err := errors.Join(json.Unmarshal(header, &head), json.Unmarshal(payload, &claims)); err != nil {
		return pushClaims{}, errors.New("not JSON")
	}
	if head.Algorithm != "ES256" || len(signature) != 64 {
		return pushClaims{}, errors.New("only ES256")
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return pushClaims{}, errors.New("k is not a point on P-256")
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(public, digest[:], r, s) {
		return pushClaims{}, errors.New("wrong signature")
	}
	return claims, nil
}

var pushMail = regexp.MustCompile(`^mailto:[^\s<>@:]+@[^\s<>@:]+\.[^\s<>@:]+$`)

// pushSubjectFine is Apple's rule: one mailto: with a real address, or https:.
func pushSubjectFine(subject string) bool {
	return pushMail.MatchString(subject) || strings.HasPrefix(subject, "https://") && !strings.ContainsAny(subject, " <>")
}
