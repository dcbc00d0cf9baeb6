package webpush

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestOnlyBrowsersPushServicesAreCalled(t *testing.T) {
	t.Parallel()
	extra := []string{"push.self.example", "127.0.0.1:7070"}
	for _, endpoint := range []string{
		"https://fcm.googleapis.com/fcm/send/abc:def",
		"https://jmt17.google.com/fcm/send/abc",
		"https://updates.push.services.mozilla.com/wpush/v2/abc",
		"https://wns2-am3p.notify.windows.com/w/?token=abc%2b",
		"https://web.push.apple.com/abc",
		"https://push.self.example/abc",
		"http://127.0.0.1:7070/push/abc",
	} {
		if err := AllowedEndpoint(endpoint, extra); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	for _, endpoint := range []string{
		"", "not a url", "/push/abc", "https:///abc", "https:opaque",
		"http://fcm.googleapis.com/fcm/send/abc",
		"https://user@fcm.googleapis.com/abc",
		"https://fcm.googleapis.com:8443/abc", "https://fcm.googleapis.com:443/abc", "https://fcm.googleapis.com:/abc",
		"https://FCM.googleapis.com/abc", "https://fcm.googleapis.com./abc",
		"https://evil.example/x.push.apple.com/", "https://push.apple.com.evil.example/", "https://evilpush.apple.com/x",
		"https://push.apple.com/abc", "https://notfcm.googleapis.com/abc", "https://googleapis.com/abc",
		"https://17.253.144.10/abc", "https://[::1]/abc", "https://127.0.0.1/abc", "https://169.254.169.254/abc",
		"https://2130706433/abc", "https://fcm.googleapis.com/abc#x",
		"http://127.0.0.1:7071/push/abc", "http://localhost:7070/push/abc", "http://push.self.example/abc",
		"https://fcm.googleapis.com/" + strings.Repeat("x", 2048),
	} {
		if err := AllowedEndpoint(endpoint, extra); !errors.Is(err, ErrSubscription) {
			t.Errorf("%s would be called (%v)", endpoint, err)
		}
	}
	var unknown *UnknownHostError
	if err := AllowedEndpoint("https://evil.example/x", nil); !errors.As(err, &unknown) || unknown.Host != "evil.example" {
		t.Errorf("%v does not name the host", err)
	}
}

// browser is a subscription as a page sends it.
func browser(t *testing.T, endpoint string) Subscription {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Subscription{
		Endpoint: endpoint,
		P256dh:   base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()),
		Auth:     base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 16)),
	}
}

func TestASubscriptionsKeysMustWork(t *testing.T) {
	t.Parallel()
	good := browser(t, "https://fcm.googleapis.com/fcm/send/abc")
	point, _ := base64.RawURLEncoding.DecodeString(good.P256dh)

	other := good
	other.P256dh = base64.StdEncoding.EncodeToString(point)
	other.Auth = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 16))
	if got, err := ValidateSubscription(other, nil); err != nil || got != good {
		t.Errorf("standard base64 was not normalised: %v", err)
	}

	offCurve := bytes.Clone(point)
	offCurve[64] ^= 1
	for name, change := range map[string]func(*Subscription){
		"p256dh empty":         func(s *Subscription) { s.P256dh = "" },
		"p256dh not base64":    func(s *Subscription) { s.P256dh = "!!!" },
		"p256dh off curve":     func(s *Subscription) { s.P256dh = base64.RawURLEncoding.EncodeToString(offCurve) },
		"p256dh too short":     func(s *Subscription) { s.P256dh = base64.RawURLEncoding.EncodeToString(point[:64]) },
		"auth empty":           func(s *Subscription) { s.Auth = "" },
		"auth 15 bytes":        func(s *Subscription) { s.Auth = base64.RawURLEncoding.EncodeToString(make([]byte, 15)) },
		"auth 17 bytes":        func(s *Subscription) { s.Auth = base64.RawURLEncoding.EncodeToString(make([]byte, 17)) },
		"endpoint not allowed": func(s *Subscription) { s.Endpoint = "https://evil.example/" },
	} {
		bad := good
		change(&bad)
		if _, err := ValidateSubscription(bad, nil); !errors.Is(err, ErrSubscription) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASubscriptionPrintsWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	s := browser(t, "https://fcm.googleapis.com/fcm/send/s3cret")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("send", "to", s)
	printed := fmt.Sprintf("%v %+v %#v %s", s, s, s, log.String())
	for _, hidden := range []string{"s3cret", s.P256dh, s.Auth} {
		if strings.Contains(printed, hidden) {
			t.Errorf("%q in %s", hidden, printed)
		}
	}
	if !strings.HasPrefix(s.String(), "fcm.googleapis.com#") {
		t.Errorf("printed as %s", s)
	}
}
