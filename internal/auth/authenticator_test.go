package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
)

// Flags of authenticator data (WebAuthn level 3, §6.1).
const (
	userPresent    = 0x01
	userVerified   = 0x04
	backupEligible = 0x08
	backedUp       = 0x10
	attested       = 0x40
)

// authenticator is a security key made of software, and the browser around it. It shares
// no code with what checks its answers, and lies wherever a test wants it to.
type authenticator struct {
	t       *testing.T
	key     *ecdsa.PrivateKey
	id      []byte
	host    string // whose passkey this is
	origin  string // where the browser says it stands
	flags   byte
	counter uint32 // of the next answer; 0: it counts nothing

	transports []string // what the browser says of how it is reached
}

func (h *house) authenticator() *authenticator {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &authenticator{t: h.t, key: key, id: id, host: "localhost", origin: h.url, flags: userPresent | userVerified, counter: 1, transports: []string{"internal"}}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// data is authenticator data without what only a new key adds.
func (a *authenticator) data(flags byte) []byte {
	host := sha256.Sum256([]byte(a.host))
	return binary.BigEndian.AppendUint32(append(host[:], flags), a.counter)
}

func (a *authenticator) client(kind, challenge string) []byte {
	text, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

// create makes the key known: attestation "none", with the key as COSE, both CBOR by hand.
func (a *authenticator) create(challenge string) string {
	point, err := a.key.PublicKey.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	data := append(a.data(a.flags|attested), make([]byte, 16)...) // no model
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(a.id))), a.id...)
	data = append(data, 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20) // EC2, ES256, P-256, x
	data = append(data, point[1:33]...)
	data = append(append(data, 0x22, 0x58, 0x20), point[33:]...) // y
	if a.counter > 0 {
		a.counter++
	}
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), byte(len(data)))
	return a.answer(map[string]any{
		"attestationObject": b64(append(object, data...)), "clientDataJSON": b64(a.client("webauthn.create", challenge)),
		"transports": a.transports,
	})
}

// get signs a challenge.
func (a *authenticator) get(challenge string) string { return a.sign("webauthn.get", challenge, nil) }

func (a *authenticator) sign(kind, challenge string, user []byte) string {
	data, client := a.data(a.flags), a.client(kind, challenge)
	inner := sha256.Sum256(client)
	digest := sha256.Sum256(append(data[:len(data):len(data)], inner[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		a.t.Fatal(err)
	}
	if a.counter > 0 {
		a.counter++
	}
	response := map[string]any{"authenticatorData": b64(data), "clientDataJSON": b64(client), "signature": b64(signature)}
	if user != nil {
		response["userHandle"] = b64(user)
	}
	return a.answer(response)
}

func (a *authenticator) answer(response map[string]any) string {
	text, err := json.Marshal(map[string]any{
		"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

// challenge asks the program for one; empty when it refuses.
func (b *browser) challenge(path string) string {
	b.h.t.Helper()
	got := b.do("POST", path, url.Values{})
	var body struct{ Data struct{ Challenge string } }
	if err := json.Unmarshal([]byte(got.body), &body); err != nil && got.status == http.StatusOK {
		b.h.t.Fatal(err)
	}
	return body.Data.Challenge
}

// addPasskey makes a passkey of the signed-in person's and insists that it worked.
func (b *browser) addPasskey() *authenticator {
	b.h.t.Helper()
	a := b.h.authenticator()
	if got := b.register(a); got.status != http.StatusOK {
		b.h.t.Fatalf("adding a passkey = %d %s", got.status, got.body)
	}
	return a
}

func (b *browser) register(a *authenticator) answer {
	b.h.t.Helper()
	return b.do("POST", "/passkeys", url.Values{"name": {"My key"}, "credential": {a.create(b.challenge("/passkeys/options"))}})
}

// show answers a challenge of this browser's with the authenticator.
func (b *browser) show(a *authenticator) answer {
	b.h.t.Helper()
	return b.prove(a.get(b.challenge(PasskeyPath + "/options")))
}

func (b *browser) prove(credential string) answer {
	b.h.t.Helper()
	return b.do("POST", PasskeyPath, url.Values{"credential": {credential}, "return_to": {"/brokers"}})
}
