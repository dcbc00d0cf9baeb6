package webpush

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/secret"
)

func TestAKeyPairMustBelongTogether(t *testing.T) {
	t.Parallel()
	public, private := newPair(t)
	otherPublic, otherPrivate := newPair(t)
	raw, _ := base64.RawURLEncoding.DecodeString(public)
	padded := base64.URLEncoding.EncodeToString(raw)

	keys, err := ParseKeys(padded, private)
	if err != nil || keys.Public() != public || len(keys.ID()) != 16 {
		t.Fatalf("a good pair, padded: %v, %v", keys.Public(), err)
	}
	for name, pair := range map[string]struct {
		public  string
		private secret.Text
	}{
		"another public key":  {otherPublic, private},
		"another private key": {public, otherPrivate},
		"swapped":             {private.Reveal(), secret.New(public)},
		"no public key":       {"", private},
		"no private key":      {public, secret.Text{}},
		"zero private key":    {public, secret.New(base64.RawURLEncoding.EncodeToString(make([]byte, 32)))},
		"not base64":          {"?" + public[1:], private},
	} {
		_, err := ParseKeys(pair.public, pair.private)
		if err == nil {
			t.Errorf("%s was accepted", name)
			continue
		}
		if key := pair.private.Reveal(); key != "" && strings.Contains(err.Error(), key) {
			t.Errorf("%s: private key in %q", name, err)
		}
	}
}

func newPair(t *testing.T) (string, secret.Text) {
	t.Helper()
	public, private, err := GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}
