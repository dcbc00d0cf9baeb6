package webhook

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
)

func newClient(t *testing.T, answer http.HandlerFunc) (*Client, string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	local := []string{server.Listener.Addr().String()}
	return New(Options{
		HTTP: httpio.NewEgress(httpio.EgressOptions{AllowLoopback: local}), AllowLoopback: local, UserAgent: "Alertsify/1",
		Now: func() time.Time { return exampleAt },
	}), server.URL + "/hook"
}

func TestOnlyPublicHttpsAddressesAreTaken(t *testing.T) {
	t.Parallel()
	c := New(Options{AllowLoopback: []string{"127.0.0.1:4010"}})
	for _, good := range []string{
		"https://example.com/hook", "https://example.com:443/hook?key=1", " https://hooks.example.co.uk ", "http://127.0.0.1:4010/hook",
	} {
		if _, err := c.ParseURL(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "example.com/hook", "http://example.com/hook", "ftp://example.com", "https://", "https:example.com", "//example.com/hook",
		"https://example.com:8443/hook", "https://user:pass@example.com/hook", "https://example.com/#x",
		"https://127.0.0.1/hook", "https://[::1]/hook", "https://10.0.0.1", "https://2130706433/", "https://127.1/", "https://0x7f.1", "https://1.2.3.0x4/",
		"https://localhost/hook", "https://intranet/hook", "https://db.internal", "https://printer.local", "https://a.localhost.", "https://8.8.8.8/",
		"http://127.0.0.1:4011/hook", "https://example.com/" + strings.Repeat("x", 1000), "https://exa mple.com/",
	} {
		if u, err := c.ParseURL(bad); err == nil {
			t.Errorf("%q was taken as %s", bad, u)
		}
	}
}

func TestAMessageIsSignedWithEveryKey(t *testing.T) {
	t.Parallel()
	old, now := key(t, exampleSecret), key(t, "whsec_"+strings.Repeat("QUJD", 11))
	body := []byte(`{"type":"test"}`)
	c, to := newClient(t, func(_ http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		s := Signed{r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), r.Header.Get("webhook-signature")}
		for _, k := range []Key{old, now} {
			if Verify([]Key{k}, s, got, exampleAt) != OK {
				t.Errorf("not signed with a key: %+v", s)
			}
		}
		if s.ID != "d-1" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("User-Agent") != "Alertsify/1" || string(got) != string(body) {
			t.Errorf("%v %s", r.Header, got)
		}
	})
	if err := c.Send(t.Context(), to, []Key{now, old}, "d-1", body); err != nil {
		t.Error(err)
	}
}

func TestTheStatusDecidesAndIsToldToNobody(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Error{
		200: {}, 204: {}, 299: {},
		301: {Outcome: Refused}, 307: {Outcome: Refused}, 400: {Outcome: Refused}, 401: {Outcome: Refused}, 404: {Outcome: Refused},
		408: {Outcome: Retry, RetryAfter: 7 * time.Second}, 425: {Outcome: Retry, RetryAfter: 7 * time.Second},
		410: {Outcome: Gone}, 429: {Outcome: Retry, Limited: true, RetryAfter: 7 * time.Second},
		500: {Outcome: Retry, RetryAfter: 7 * time.Second}, 503: {Outcome: Retry, RetryAfter: 7 * time.Second},
	} {
		calls := 0
		c, to := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "an inner secret")
		})
		err := c.Send(t.Context(), to, nil, "d-1", []byte("{}"))
		var e *Error
		if status < 300 {
			if err != nil {
				t.Errorf("%d: %v", status, err)
			}
			continue
		}
		if !errors.As(err, &e) || e.Outcome != want.Outcome || e.Limited != want.Limited || e.RetryAfter != want.RetryAfter || calls != 1 {
			t.Errorf("%d: %+v after %d calls", status, e, calls)
		}
		if strings.Contains(err.Error(), "secret") || strings.ContainsAny(err.Error(), "0123456789") {
			t.Errorf("%d: the error says %q", status, err)
		}
	}
}

func TestWhereNobodyAnswersIsTold(t *testing.T) {
	t.Parallel()
	dropping, to := newClient(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	outside := New(Options{HTTP: httpio.NewEgress(httpio.EgressOptions{}), AllowLoopback: []string{"127.0.0.1:1"}})
	for name, c := range map[string]struct {
		client *Client
		to     string
		want   Outcome
	}{
		"dropped":              {dropping, to, Unknown},
		"this machine":         {outside, "http://127.0.0.1:1/", Refused}, // taken as an address, stopped at dialling
		"an address no longer": {outside, "http://127.0.0.1:2/", Gone},
	} {
		var e *Error
		if err := c.client.Send(t.Context(), c.to, nil, "d-1", []byte("{}")); !errors.As(err, &e) || e.Outcome != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
