package getstream

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/alertsify/alertsify/internal/secret"
)

// answering is a far side that always says the same.
type answering struct {
	status int
	body   []byte
	header http.Header
}

// RoundTrip answers.
func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Header: a.header, Body: io.NopCloser(strings.NewReader(string(a.body))), ContentLength: -1, Request: r, ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// Whatever GetStream, or a proxy before it, answers: no panic in the module, an outcome,
// a wait that is not negative, and neither key nor secret in the words.
func FuzzAnswer(f *testing.F) {
	f.Add(201, []byte(`{"id":"x","duration":"1ms"}`), "")
	f.Add(429, []byte(`{"code":9,"detail":"slow","exception":"RateLimitReached","status_code":429}`), "1795185000")
	f.Add(400, []byte(`{"code":6,"exception_fields":{"a":["b"]}}`), "-9223372036854775808")
	f.Add(200, []byte(`{"results":[{"activities":[{"time":"x"}]}],"unseen":"y"}`), "")
	f.Add(500, []byte(`<html>`), "x")
	f.Fuzz(func(t *testing.T, status int, body []byte, reset string) {
		if status < 200 || status > 599 {
			return
		}
		c, err := New(Options{Key: "key", Secret: secret.New("canary"), HTTP: &http.Client{
			Transport:     answering{status, body, http.Header{"X-Ratelimit-Reset": {reset}, "X-Ratelimit-Limit": {"1"}, "X-Ratelimit-Remaining": {"0"}}},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{c.Publish(t.Context(), alert()), c.readOne(t.Context(), GroupNotification), c.Follow(t.Context(), "u2", "u1", 0)} {
			var e *Error
			if errors.As(err, &e) && (e.RetryAfter < 0 || e.Outcome.String() == "invalid" || strings.Contains(e.Error(), "canary")) {
				t.Errorf("%d %q: %+v", status, body, e)
			}
		}
	})
}
