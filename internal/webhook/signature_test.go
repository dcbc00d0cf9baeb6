package webhook

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

func key(t *testing.T, text string) Key {
	t.Helper()
	k, err := ParseSecret(secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The example of the Standard Webhooks specification.
const exampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

var exampleAt = time.Unix(1614265330, 0)

const (
	exampleID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestTheSpecificationsExampleIsSignedAsItSays(t *testing.T) {
	t.Parallel()
	if got := key(t, exampleSecret).Sign(exampleID, exampleAt, []byte(exampleBody)); got != exampleSignature {
		t.Errorf("signed %s, want %s", got, exampleSignature)
	}
}

func TestOnlyTheRightKeyOverTheSameBytesIsBelieved(t *testing.T) {
	t.Parallel()
	k := key(t, exampleSecret)
	made, err := NewSecret()
	if err != nil {
		t.Fatal(err)
	}
	other := key(t, made.Reveal())
	now := strconv.FormatInt(exampleAt.Unix(), 10)
	for name, c := range map[string]struct {
		keys   []Key
		signed Signed
		body   string
		at     time.Time
		want   Verdict
	}{
		"right":                          {[]Key{k}, Signed{exampleID, now, exampleSignature}, exampleBody, exampleAt, OK},
		"one of several signatures":      {[]Key{k}, Signed{exampleID, now, "v1,AAAA v2,x " + exampleSignature}, exampleBody, exampleAt, OK},
		"one of several keys":            {[]Key{other, k}, Signed{exampleID, now, exampleSignature}, exampleBody, exampleAt, OK},
		"five minutes old":               {[]Key{k}, Signed{exampleID, now, exampleSignature}, exampleBody, exampleAt.Add(300 * time.Second), OK},
		"older":                          {[]Key{k}, Signed{exampleID, now, exampleSignature}, exampleBody, exampleAt.Add(301 * time.Second), Stale},
		"from the future":                {[]Key{k}, Signed{exampleID, now, exampleSignature}, exampleBody, exampleAt.Add(-301 * time.Second), Stale},
		"old and wrong":                  {[]Key{other}, Signed{exampleID, now, exampleSignature}, exampleBody, exampleAt.Add(time.Hour), Wrong},
		"another body":                   {[]Key{k}, Signed{exampleID, now, exampleSignature}, exampleBody + " ", exampleAt, Wrong},
		"another id":                     {[]Key{k}, Signed{"msg_2", now, exampleSignature}, exampleBody, exampleAt, Wrong},
		"another time":                   {[]Key{k}, Signed{exampleID, "1614265331", exampleSignature}, exampleBody, exampleAt, Wrong},
		"another key":                    {[]Key{other}, Signed{exampleID, now, exampleSignature}, exampleBody, exampleAt, Wrong},
		"no key":                         {nil, Signed{exampleID, now, exampleSignature}, exampleBody, exampleAt, Wrong},
		"no signature":                   {[]Key{k}, Signed{exampleID, now, ""}, exampleBody, exampleAt, Wrong},
		"no id":                          {[]Key{k}, Signed{"", now, exampleSignature}, exampleBody, exampleAt, Wrong},
		"no time":                        {[]Key{k}, Signed{exampleID, "", exampleSignature}, exampleBody, exampleAt, Wrong},
		"a time that is none":            {[]Key{k}, Signed{exampleID, "yesterday", exampleSignature}, exampleBody, exampleAt, Wrong},
		"of another version":             {[]Key{k}, Signed{exampleID, now, strings.Replace(exampleSignature, "v1", "v2", 1)}, exampleBody, exampleAt, Wrong},
		"without a version":              {[]Key{k}, Signed{exampleID, now, exampleSignature[3:]}, exampleBody, exampleAt, Wrong},
		"behind more than are looked at": {[]Key{k}, Signed{exampleID, now, strings.Repeat("v1,AAAA ", 16) + exampleSignature}, exampleBody, exampleAt, Wrong},
	} {
		if got := Verify(c.keys, c.signed, []byte(c.body), c.at); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestAKeyIsReadOnlyInItsFormAndNeverShown(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!"} {
		if _, err := ParseSecret(secret.New(text)); err == nil {
			t.Errorf("%q was read", text)
		} else if len(text) > len(secretPrefix) && strings.Contains(err.Error(), text) {
			t.Errorf("the error shows %q", text)
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v", key(t, exampleSecret), key(t, exampleSecret), key(t, exampleSecret)); strings.Contains(shown, "MfKQ") || strings.Contains(shown, "1\xf2\x90") {
		t.Errorf("a key prints as %q", shown)
	}
	both, err := ParseSecrets(secret.New(exampleSecret + ", " + exampleSecret))
	if err != nil || len(both) != 2 {
		t.Errorf("%d keys, %v", len(both), err)
	}
}
