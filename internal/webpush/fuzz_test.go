package webpush

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/alertsify/alertsify/internal/secret"
)

// Whatever a page sends as its subscription: what is accepted leads to a push service on
// the list, by https and without a port, and its keys have one spelling.
func FuzzValidateSubscription(f *testing.F) {
	const point, auth = "BLVYLjSCYjdO-Bl7GTQHk9dXc0Jx9tkU3BQRkP4oz1V3WFm7NtrYJtU-2E4eWq7fZ3uTYJWZ1A3gkUSSxg1OtcI", "dGhpcyBpcyAxNiBieXRl"
	for _, seed := range []string{
		"https://fcm.googleapis.com/fcm/send/x", "https://updates.push.services.mozilla.com/wpush/v2/x", "https://web.push.apple.com/x",
		"https://fcm.googleapis.com.evil.example/", "https://fcm.googleapis.com:443/", "https://a@fcm.googleapis.com/", "https://fcm.googleapis.com./", "https://FCM.googleapis.com/",
		"https://evilpush.apple.com/", "https://push.apple.com\\@evil.example/", "http://127.0.0.1:80/", "https://[::1]/", "https://fcm.googleapis.com%2eevil.example/",
	} {
		f.Add(seed, point, auth)
	}
	f.Add("", "====", "\x00")
	f.Fuzz(func(t *testing.T, endpoint, p256dh, auth string) {
		if err := AllowedEndpoint(endpoint, nil); err == nil {
			host := Subscription{Endpoint: endpoint}.Host()
			if !strings.HasPrefix(strings.ToLower(endpoint), "https://") || !onList(host, pushHosts()) || strings.ContainsAny(host, ":@\\%") {
				t.Errorf("%q leads to %q", endpoint, host)
			}
		}
		s, err := ValidateSubscription(Subscription{Endpoint: endpoint, P256dh: p256dh, Auth: auth}, nil)
		if err != nil {
			if !errors.Is(err, ErrSubscription) || len(endpoint) > 40 && strings.Contains(err.Error(), endpoint) {
				t.Errorf("%q is refused with %v", endpoint, err)
			}
			return
		}
		if again, err := ValidateSubscription(s, nil); err != nil || again != s {
			t.Errorf("%+v does not stay what it is: %+v, %v", s, again, err)
		}
	})
}

// Whatever a push service answers: an outcome, a wait of an hour at most, and nothing of
// the endpoint in the words.
func FuzzAnswer(f *testing.F) {
	f.Add(429, []byte("slow down"), "9223372036854775807")
	f.Add(502, []byte(strings.Repeat("x", errorMessageMax-30)+"https://fcm.googleapis.com/fcm/send/canary-0123456789"), "Fri, 31 Dec 9999 23:59:59 GMT")
	f.Add(201, []byte("\xff"), "-1")
	public, private, err := GenerateKeys()
	if err != nil {
		f.Fatal(err)
	}
	keys, err := ParseKeys(public, private)
	if err != nil {
		f.Fatal(err)
	}
	c, err := New(ClientOptions{Subject: "mailto:ops@example.com", Keys: keys, HTTP: http.DefaultClient, Now: func() time.Time { return time.Unix(1795185000, 0) }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, wait string) {
		s := Subscription{Endpoint: "https://fcm.googleapis.com/fcm/send/canary-0123456789"}
		err := c.understand(s, &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {wait}}}, body)
		var e *Error
		if !errors.As(err, &e) {
			return
		}
		if e.RetryAfter < 0 || e.RetryAfter > longestWait || len(e.Message) > errorMessageMax || !utf8.ValidString(e.Message) {
			t.Errorf("%d %q: %+v", status, body, e)
		}
		if bytes.Contains(body, []byte(s.Endpoint)) && strings.Contains(e.Message, "send/canary") && !strings.Contains(strings.ReplaceAll(string(body), s.Endpoint, ""), "canary") {
			t.Errorf("%q shows the endpoint: %s", body, e.Message)
		}
	})
}

// Whatever is configured as a pair of keys: a pair belongs together or is refused, and
// the refusal shows neither.
func FuzzParseKeys(f *testing.F) {
	public, private, err := GenerateKeys()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(public, private.Reveal())
	f.Add("", "")
	f.Add(private.Reveal(), public)
	f.Fuzz(func(t *testing.T, public, private string) {
		k, err := ParseKeys(public, secret.New(private))
		if err != nil {
			if len(private) > 20 && strings.Contains(err.Error(), private) {
				t.Errorf("the error shows the key: %v", err)
			}
			return
		}
		if again, err := ParseKeys(k.Public(), k.private); err != nil || again.ID() != k.ID() {
			t.Errorf("%q does not stay what it is: %v", public, err)
		}
	})
}
