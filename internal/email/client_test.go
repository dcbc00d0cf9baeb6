package email

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

var now = time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)

func newClient(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return New(Options{
		BaseURL: server.URL + "/", Key: secret.New("re_key"), From: "Alertsify <alerts@mail.example>", UserAgent: "Alertsify/1",
		HTTP: httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{server.Listener.Addr().String()}}),
		Now:  func() time.Time { return now },
	})
}

func fault(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *email.Error", err)
	}
	return e
}

func TestTheRequestIsAsResendWantsIt(t *testing.T) {
	t.Parallel()
	body := []byte(`{"from":"…"}`)
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		for name, want := range map[string]string{
			"Authorization": "Bearer re_key", "User-Agent": "Alertsify/1", "Idempotency-Key": "delivery/1", "Content-Type": "application/json",
		} {
			if r.Header.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, r.Header.Get(name), want)
			}
		}
		if r.Method != http.MethodPost || r.URL.Path != "/emails" || string(got) != string(body) {
			t.Errorf("%s %s %s", r.Method, r.URL.Path, got)
		}
		_, _ = io.WriteString(w, `{"id":"e-1"}`)
	})
	if id, err := c.Send(t.Context(), "delivery/1", body); err != nil || id != "e-1" {
		t.Errorf("sent as %q, %v", id, err)
	}
}

// The contract's table.
func TestEachAnswerHasItsOutcome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status        int
		name, message string
		want          Outcome
		limited       bool
	}{
		{400, "validation_error", "Invalid `to` field", Rejected, false},
		{400, "validation_error", "Invalid `from` field", Misconfigured, false},
		{400, "invalid_idempotency_key", "", Rejected, false},
		{422, "missing_required_field", "", Rejected, false},
		{422, "invalid_parameter", "", Rejected, false},
		{422, "invalid_from_address", "", Misconfigured, false},
		{401, "missing_api_key", "", Misconfigured, false},
		{401, "restricted_api_key", "", Misconfigured, false},
		{403, "invalid_api_key", "", Misconfigured, false},
		{403, "validation_error", "The domain is not verified", Misconfigured, false},
		{403, "", "error code: 1010", Misconfigured, false},
		{404, "not_found", "", Misconfigured, false},
		{405, "method_not_allowed", "", Misconfigured, false},
		{307, "", "", Misconfigured, false},
		{409, "concurrent_idempotent_requests", "", Retry, false},
		{409, "invalid_idempotent_request", "", Reused, false},
		{409, "", "", Rejected, false},
		{429, "rate_limit_exceeded", "", Retry, true},
		{429, "", "", Retry, true},
		{429, "daily_quota_exceeded", "", Misconfigured, false},
		{429, "monthly_quota_exceeded", "", Misconfigured, false},
		{451, "security_error", "", Rejected, false},
		{500, "application_error", "", Retry, false},
		{500, "internal_server_error", "", Retry, false},
		{503, "", "<html>", Retry, false},
	} {
		client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, `{"statusCode":0,"name":"`+c.name+`","message":"`+c.message+` user@example.com"}`)
		})
		_, err := client.Send(t.Context(), "k", []byte("{}"))
		e := fault(t, err)
		if e.Outcome != c.want || e.Status != c.status || e.Limited != c.limited || e.Name != c.name {
			t.Errorf("%d %s: %+v, want %s", c.status, c.name, e, c.want)
		}
		if c.limited && e.RetryAfter != 7*time.Second || e.Outcome == Misconfigured && c.status == 429 && e.RetryAfter != time.Hour {
			t.Errorf("%d %s: again after %s", c.status, c.name, e.RetryAfter)
		}
		if strings.Contains(err.Error(), "user@") || strings.Contains(err.Error(), "re_key") {
			t.Errorf("the error says %q", err)
		}
	}
}

func TestWithoutAnAnswerItIsTheWrittenByteThatCounts(t *testing.T) {
	t.Parallel()
	dropped := newClient(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := dropped.Send(t.Context(), "k", []byte("{}")); fault(t, err).Outcome != Unknown {
		t.Errorf("dropped: %v", err)
	}
	cut := newClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":`) })
	if _, err := cut.Send(t.Context(), "k", []byte("{}")); fault(t, err).Outcome != Unknown {
		t.Errorf("cut off: %v", err)
	}
	away := newClient(t, nil)
	away.base = "http://127.0.0.1:1" // not allowed, so never dialled
	if _, err := away.Send(t.Context(), "k", []byte("{}")); fault(t, err).Outcome != Retry {
		t.Errorf("away: %v", err)
	}
	if _, err := away.Send(t.Context(), strings.Repeat("k", 257), []byte("{}")); fault(t, err).Outcome != Rejected {
		t.Errorf("a key too long: %v", err)
	}
}

// What an answer says about the rate holds for the next request.
func TestNothingIsSentWhileALimitIsKnown(t *testing.T) {
	t.Parallel()
	calls := 0
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("RateLimit-Limit", "5")
		w.Header().Set("RateLimit-Remaining", "0")
		w.Header().Set("RateLimit-Reset", "30")
		_, _ = io.WriteString(w, `{"id":"e-1"}`)
	})
	if _, err := c.Send(t.Context(), "k", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	_, err := c.Send(t.Context(), "k", []byte("{}"))
	if e := fault(t, err); e.Outcome != Retry || !e.Limited || e.RetryAfter != 30*time.Second || calls != 1 {
		t.Errorf("%+v after %d calls", e, calls)
	}
	if _, rate := c.known(); rate != 5 {
		t.Errorf("%d a second, the answer said 5", rate)
	}
}

func TestAKeyForSendingOnlyIsAGoodKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		good   bool
	}{
		"restricted": {401, `{"name":"restricted_api_key"}`, true},
		"full":       {200, `{"data":[]}`, true},
		"busy":       {429, `{"name":"rate_limit_exceeded"}`, true},
		"wrong":      {403, `{"name":"invalid_api_key"}`, false},
		"missing":    {401, `{"name":"missing_api_key"}`, false},
		"down":       {500, ``, false},
	} {
		client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		if err := client.Check(t.Context()); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
