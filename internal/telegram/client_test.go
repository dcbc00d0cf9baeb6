package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

const token = "123456:AA-a-token-of-the-test"

func newClient(t *testing.T, answer http.HandlerFunc, change ...func(*Options)) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	o := Options{
		BaseURL: server.URL + "/", Token: secret.New(token),
		HTTP: httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{server.Listener.Addr().String()}}),
	}
	for _, c := range change {
		c(&o)
	}
	return New(o)
}

func fault(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *telegram.Error", err)
	}
	if strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "AA-a-token") {
		t.Errorf("the error names the token: %v", err)
	}
	return e
}

func hello() Message {
	return Message{Parts: []Part{{Title: "Hello"}}, Buttons: [][]Button{{{Text: "Open", URL: "https://app.example/copy"}}}, Silent: true}
}

func TestAMessageIsAskedForAsTelegramWantsIt(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		want := `{"chat_id":4001,"disable_notification":true,"link_preview_options":{"is_disabled":true},"parse_mode":"HTML",` +
			`"reply_markup":{"inline_keyboard":[[{"text":"Open","url":"https://app.example/copy"}]]},"text":"\u003cb\u003eHello\u003c/b\u003e"}`
		if r.Method != http.MethodPost || r.URL.Path != "/bot"+token+"/sendMessage" || r.Header.Get("Content-Type") != "application/json" || string(got) != want {
			t.Errorf("%s %s %s\n%s", r.Method, r.URL.Path, r.Header.Get("Content-Type"), got)
		}
		_, _ = io.WriteString(w, `{"ok":true,"result":{"message_id":9007199254740991}}`)
	})
	if id, err := c.Send(t.Context(), 4001, hello()); err != nil || id != 9007199254740991 {
		t.Errorf("sent as %d, %v", id, err)
	}
}

// The contract's table.
func TestEachAnswerHasItsOutcome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		words  string
		want   Outcome
	}{
		{400, "Bad Request: chat not found", Gone},
		{400, "Bad Request: group chat was upgraded to a supergroup chat", Gone},
		{400, "Bad Request: message to edit not found", MessageGone},
		{400, "Bad Request: message is too long", Rejected},
		{400, "", Rejected},
		{401, "Unauthorized", Misconfigured},
		{403, "Forbidden: bot was blocked by the user", Gone},
		{403, "Forbidden: user is deactivated", Gone},
		{403, "Forbidden: bot can't initiate conversation with a user", Gone},
		{403, "Forbidden: bot was kicked from the group chat", Gone},
		{404, "Not Found", Misconfigured},
		{405, "Method Not Allowed", Misconfigured},
		{409, "Conflict: terminated by other getUpdates request", Misconfigured},
		{302, "", Misconfigured},
		{413, "Request Entity Too Large", Rejected},
		{429, "Too Many Requests: retry after 35", Retry},
		{500, "Internal Server Error", Retry},
		{502, "", Retry},
		{503, "", Retry},
	} {
		client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			_ = json.NewEncoder(w).Encode(map[string]any{
				"ok": false, "error_code": c.status, "description": c.words, "parameters": map[string]int{"retry_after": 35, "migrate_to_chat_id": -100},
			})
		})
		_, err := client.Send(t.Context(), 4001, hello())
		e := fault(t, err)
		if e.Outcome != c.want || e.Status != c.status || e.Limited != (c.status == 429) {
			t.Errorf("%d %s: %+v, want %s", c.status, c.words, e, c.want)
		}
		if e.Limited && e.RetryAfter != 35*time.Second {
			t.Errorf("again after %s", e.RetryAfter)
		}
		if e.PossibleDuplicate != (c.status == 500 || c.status == 502) {
			t.Errorf("%d: possible duplicate %v", c.status, e.PossibleDuplicate)
		}
	}
}

// A proxy's page on a failure is a failure; after a success nobody knows what was sent.
func TestAnAnswerThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Outcome{200: Unknown, 502: Retry, 429: Retry} {
		for _, body := range []string{"<html>" + token, `{"ok":true,"result":`, `{"ok":true,"result":{}}`, `{"ok":false}`, `{"ok":true,"result":"` + strings.Repeat("x", httpio.AnswerMax) + `"}`} {
			c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			})
			_, err := c.Send(t.Context(), 4001, hello())
			if e := fault(t, err); e.Outcome != want {
				t.Errorf("%d %.20s: %v, want %s", status, body, err, want)
			}
		}
	}
}

func TestWithoutAnAnswerItIsTheWrittenByteThatCounts(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	dropped := newClient(t, func(http.ResponseWriter, *http.Request) { calls.Add(1); panic(http.ErrAbortHandler) })
	if _, err := dropped.Send(t.Context(), 4001, hello()); fault(t, err).Outcome != Unknown || calls.Load() != 1 {
		t.Errorf("dropped: %v after %d calls", err, calls.Load())
	}
	nobody := New(Options{BaseURL: "http://127.0.0.1:1", Token: secret.New(token), HTTP: httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{"127.0.0.1:1"}})})
	if _, err := nobody.Send(t.Context(), 4001, hello()); fault(t, err).Outcome != Retry {
		t.Errorf("nobody there: %v", err)
	}
	odd := New(Options{BaseURL: "http://[", Token: secret.New(token), HTTP: http.DefaultClient})
	if _, err := odd.Send(t.Context(), 4001, hello()); fault(t, err).Outcome != Misconfigured {
		t.Errorf("no address: %v", err)
	}
}

// Our own markup should always parse. Where it does not, the words still arrive, once.
func TestWhatCannotBeParsedGoesOnceMoreAsPlainText(t *testing.T) {
	t.Parallel()
	var bodies []string
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(got))
		if strings.Contains(string(got), "parse_mode") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: Unsupported start tag \"x\""}`)
			return
		}
		_, _ = io.WriteString(w, `{"ok":true,"result":{"message_id":7}}`)
	})
	id, err := c.Send(t.Context(), 4001, Message{Parts: []Part{{Title: "<x>"}}})
	if err != nil || id != 7 || len(bodies) != 2 || !strings.Contains(bodies[1], `"text":"\u003cx\u003e"`) {
		t.Errorf("%d, %v, %q", id, err, bodies)
	}
}

func TestAnEditThatChangesNothingIsDone(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		if got, _ := io.ReadAll(r.Body); !strings.Contains(string(got), `"message_id":7`) || !strings.HasSuffix(r.URL.Path, "/editMessageText") {
			t.Errorf("%s %s", r.URL.Path, got)
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"ok":false,"error_code":400,"description":"Bad Request: message is not modified: specified new message content …"}`)
	})
	if err := c.Edit(t.Context(), 4001, 7, hello()); err != nil {
		t.Error(err)
	}
}

func TestTheBotsNameIsAskedOnce(t *testing.T) {
	t.Parallel()
	calls, name := 0, "alertsify_bot"
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		_, _ = io.WriteString(w, `{"ok":true,"result":{"username":"`+name+`"}}`)
	})
	for range 3 {
		if got, err := c.Name(t.Context()); err != nil || got != name {
			t.Errorf("%q, %v", got, err)
		}
	}
	if calls != 1 {
		t.Errorf("asked %d times", calls)
	}
	name = `x?start=another`
	evil := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ok":true,"result":{"username":"`+name+`"}}`)
	})
	if _, err := evil.Name(t.Context()); fault(t, err).Outcome != Misconfigured {
		t.Errorf("took %q for a name", name)
	}
}

// A place that comes soon is waited for; for a longer wait the caller has better to do.
func TestTheRateIsWaitedForOnlyAMoment(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		waits []time.Duration
		sent  bool
	}{
		{[]time.Duration{20 * time.Millisecond, 0}, true},
		{[]time.Duration{time.Minute}, false},
		{[]time.Duration{time.Millisecond, time.Minute}, false},
	} {
		calls, asked := 0, 0
		c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
			calls++
			_, _ = io.WriteString(w, `{"ok":true,"result":{"message_id":7}}`)
		}, func(o *Options) {
			o.Take = func(context.Context) time.Duration { asked++; return k.waits[asked-1] }
		})
		_, err := c.Send(t.Context(), 4001, hello())
		if (err == nil) != k.sent || (calls == 1) != k.sent || asked != len(k.waits) {
			t.Errorf("%v: %v, %d calls, asked %d times", k.waits, err, calls, asked)
		}
		if !k.sent {
			if e := fault(t, err); !e.Limited || e.RetryAfter != time.Minute || e.Outcome != Retry {
				t.Errorf("%v: %+v", k.waits, e)
			}
		}
	}
}
