package webhook

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

// Whatever is given as an address: what is accepted is https, without a user, on its own
// port, and names a host instead of a number.
func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{
		"https://example.com/hook?a=b", "https://example.com:443/", "https://127.1/", "https://0x7f000001/", "https://2130706433/", "https://[::ffff:10.0.0.1]/",
		"https://a@b.example/", "https://localhost./", "https://%31%32%37.0.0.1/", "https://１２７.0.0.1/", "https://127。0。0。1/", "https:/\\evil.example", "http://example.com",
	} {
		f.Add(seed)
	}
	c := New(Options{})
	f.Fuzz(func(t *testing.T, text string) {
		u, err := c.ParseURL(text)
		if err != nil {
			return
		}
		host := u.Hostname()
		if u.Scheme != "https" || u.User != nil || u.Port() != "" && u.Port() != "443" || u.Fragment != "" || !strings.Contains(host, ".") {
			t.Errorf("%q is taken as %s", text, u)
		}
		if _, err := netip.ParseAddr(host); err == nil {
			t.Errorf("%q is a number", text)
		}
		if again, err := c.ParseURL(u.String()); err != nil || again.Host != u.Host {
			t.Errorf("%q is kept as %s, which reads as %v, %v", text, u, again, err)
		}
	})
}

// Nothing passes that the key did not sign, whatever the headers say.
func FuzzVerify(f *testing.F) {
	key, err := ParseSecret(secret.New("whsec_MDEyMzQ1Njc4OWFiY2RlZg=="))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("msg_1", "1795185000", "v1,AAAA v1a,AAAA", []byte("{}"))
	f.Add("", "99999999999999999999", "v1,", []byte(nil))
	f.Add("a.b", "-9223372036854775808", strings.Repeat("v1,AA== ", 100), []byte("x"))
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		if v := Verify([]Key{key}, Signed{id, stamp, signature}, body, time.Unix(1795185000, 0)); v != Wrong {
			t.Errorf("%q by %q is %v", body, signature, v)
		}
	})
}

// Whatever a receiver answers: an outcome, a wait of an hour at most, and nothing of its
// words.
func FuzzAnswer(f *testing.F) {
	f.Add(429, "9223372036854775807")
	f.Add(503, "Fri, 31 Dec 9999 23:59:59 GMT")
	f.Add(302, "-1")
	f.Fuzz(func(t *testing.T, status int, wait string) {
		c := New(Options{Now: func() time.Time { return time.Unix(1795185000, 0) }})
		err := c.understand(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {wait}}})
		var e *Error
		if errors.As(err, &e) && (e.RetryAfter < 0 || e.RetryAfter > longestWait || len(wait) > 10 && strings.Contains(e.Error(), wait)) {
			t.Errorf("%d %q: %v after %s", status, wait, e, e.RetryAfter)
		}
	})
}

// A key is long enough to be none, and its error does not repeat it.
func FuzzParseSecrets(f *testing.F) {
	f.Add("whsec_MDEyMzQ1Njc4OWFiY2RlZg==, MDEyMzQ1Njc4OWFiY2RlZg==")
	f.Add("whsec_,,")
	f.Add("whsec_whsec_AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := ParseSecrets(secret.New(text))
		if err != nil && len(text) > 20 && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats it: %v", err)
		}
		for _, k := range keys {
			if len(k.key.Reveal()) < secretLeast {
				t.Errorf("%q has a key of %d bytes", text, len(k.key.Reveal()))
			}
		}
	})
}
