package getstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

var now = time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC)

func newClient(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	c, err := New(Options{
		Key: "key", Secret: secret.New("secret"), BaseURL: srv.URL + "/",
		HTTP: httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{srv.Listener.Addr().String()}}),
		Now:  func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func alert() Activity {
	newYork := time.FixedZone("EST", -5*60*60)
	return Activity{
		Feed:  FeedRef{GroupTrade, "u1"},
		Key:   "alert:42",
		Time:  time.Date(2026, 11, 20, 9, 30, 0, 123456789, newYork),
		Actor: "u1", Verb: "bto", Object: "alert:42",
		To:    []FeedRef{{GroupGlobal, "all"}, {GroupSignals, "all"}},
		Extra: map[string]string{"x_symbol": "SPY", "x_quantity": "2"},
	}
}

func fault(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *getstream.Error", err)
	}
	return e
}

type call struct {
	method, path, query, auth string
	body                      map[string]any
}

func recorder(t *testing.T) (*Client, *[]call) {
	t.Helper()
	calls := &[]call{}
	return newClient(t, func(w http.ResponseWriter, r *http.Request) {
		c := call{method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, auth: r.Header.Get("Authorization")}
		b, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(b, &c.body) // GET and DELETE have none
		*calls = append(*calls, c)
		io.WriteString(w, `{"duration":"1.2ms"}`)
	}), calls
}

func TestTheWireIsAsRecorded(t *testing.T) {
	t.Parallel()
	client, calls := recorder(t)
	ctx := context.Background()
	err := errors.Join(
		client.Publish(ctx, alert()),
		client.Update(ctx, alert()),
		client.Remove(ctx, FeedRef{GroupTrade, "u1"}, "alert:42"),
		client.Follow(ctx, "u2", "u1", 0),
		client.Follow(ctx, "u2", "u1", 5000),
		client.Unfollow(ctx, "u2", "u1", false),
		client.Unfollow(ctx, "u2", "u1", true),
	)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"POST /api/v1.0/feed/trade/u1/?api_key=key",
		"POST /api/v1.0/activities/?api_key=key",
		"DELETE /api/v1.0/feed/trade/u1/alert:42/?api_key=key&foreign_id=1",
		"POST /api/v1.0/feed/timeline/u2/follows/?api_key=key",
		"POST /api/v1.0/feed/timeline/u2/follows/?api_key=key",
		"DELETE /api/v1.0/feed/timeline/u2/follows/trade:u1/?api_key=key",
		"DELETE /api/v1.0/feed/timeline/u2/follows/trade:u1/?api_key=key&keep_history=1",
	} {
		if c := (*calls)[i]; c.method+" "+c.path+"?"+c.query != want {
			t.Errorf("call %d: %s %s?%s, want %s", i, c.method, c.path, c.query, want)
		}
	}

	published := (*calls)[0]
	want := map[string]any{
		"actor": "SU:u1", "verb": "bto", "object": "alert:42", "foreign_id": "alert:42",
		"time": "2026-11-20T14:30:00.123456", // UTC and microseconds, whatever zone came in
		"to":   []any{"global:all", "signals:all"}, "x_symbol": "SPY", "x_quantity": "2",
	}
	if !maps.EqualFunc(published.body, want, func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("published %v", published.body)
	}
	const token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhY3Rpb24iOiJ3cml0ZSIsImZlZWRfaWQiOiJ0cmFkZXUxIiwicmVzb3VyY2UiOiJmZWVkIn0.AJ8EkBB943OYXdkWE2oJPqTYqz1g-3jBiBbdSzid9gc"
	if published.auth != token {
		t.Errorf("token %s", published.auth)
	}
	if got := (*calls)[3].body["activity_copy_limit"]; got != 0.0 {
		t.Errorf("backfill 0 sent as %v", got)
	}
	if got := (*calls)[4].body["activity_copy_limit"]; got != 1000.0 {
		t.Errorf("backfill 5000 sent as %v", got)
	}
	update := (*calls)[1].body["activities"].([]any)[0].(map[string]any)
	if update["foreign_id"] != published.body["foreign_id"] || update["time"] != published.body["time"] {
		t.Errorf("an update of another activity: %v", update)
	}
}

func TestWhatWouldBreakAFeedIsNotSent(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(http.ResponseWriter, *http.Request) { t.Error("called") })
	ctx := context.Background()
	for name, change := range map[string]func(*Activity){
		"no time":                 func(a *Activity) { a.Time = time.Time{} },
		"no key":                  func(a *Activity) { a.Key = "" },
		"key with a slash":        func(a *Activity) { a.Key = "alert/42" },
		"key with a percent":      func(a *Activity) { a.Key = "alert%zz" },
		"key too long":            func(a *Activity) { a.Key = strings.Repeat("k", 129) },
		"feed with a colon":       func(a *Activity) { a.Feed.ID = "u:1" },
		"group with a hyphen":     func(a *Activity) { a.Feed.Group = "my-group" },
		"no actor":                func(a *Activity) { a.Actor = "" },
		"long verb":               func(a *Activity) { a.Verb = strings.Repeat("v", 256) },
		"101 targets":             func(a *Activity) { a.To = slices.Repeat([]FeedRef{{GroupGlobal, "all"}}, 101) },
		"target without id":       func(a *Activity) { a.To = []FeedRef{{Group: GroupGlobal}} },
		"a price called target":   func(a *Activity) { a.Extra = map[string]string{"target": "190.5"} },
		"extra replacing the key": func(a *Activity) { a.Extra = map[string]string{"foreign_id": "x"} },
		"over 10 KB":              func(a *Activity) { a.Extra = map[string]string{"x_text": strings.Repeat("x", 10<<10)} },
	} {
		a := alert()
		change(&a)
		for _, err := range []error{client.Publish(ctx, a), client.Update(ctx, a)} {
			if e := fault(t, err); e.Outcome != Rejected {
				t.Errorf("%s: %s", name, e.Outcome)
			}
		}
	}
	for name, err := range map[string]error{
		"remove a path":     client.Remove(ctx, FeedRef{GroupTrade, "u1"}, "../u2"),
		"remove from no id": client.Remove(ctx, FeedRef{Group: GroupTrade}, "alert:42"),
		"follow oneself":    client.Follow(ctx, "u1", "u1", 0),
		"follow a path":     client.Follow(ctx, "u1/..", "u2", 0),
		"unfollow a path":   client.Unfollow(ctx, "u1", "u2?x", false),
	} {
		if e := fault(t, err); e.Outcome != Rejected {
			t.Errorf("%s: %s", name, e.Outcome)
		}
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   Outcome
	}{
		{"bad input", 400, `{"code":4,"detail":"no","duration":"1ms","status_code":400}`, Rejected},
		{"no such group", 400, `{"code":6,"detail":"not configured: 'trade'","duration":"1ms"}`, Misconfigured},
		{"unknown key", 401, `{"code":2,"duration":"1ms"}`, Misconfigured},
		{"bad signature", 401, `{"code":3,"duration":"1ms"}`, Misconfigured},
		{"suspended", 401, `{"code":7,"duration":"1ms"}`, Misconfigured},
		{"not allowed", 403, `{"code":17,"duration":"1ms"}`, Misconfigured},
		{"does not exist", 404, `{"code":16,"duration":"1ms"}`, Rejected},
		{"limit", 429, `{"code":9,"duration":"1ms"}`, Retry},
		{"limit in HTML", 429, `<html>`, Retry},
		{"server error in HTML", 500, `<html>`, Retry},
		{"unavailable", 503, ``, Retry},
		{"accepted, empty body", 201, ``, Unknown},
		{"accepted, a list", 201, `[]`, Unknown},
		{"accepted, to is null: panics inside the module", 201, `{"to":null,"duration":"1ms"}`, Unknown},
		{"accepted, numeric time: panics inside the module", 201, `{"time":1,"duration":"1ms"}`, Unknown},
		{"accepted, endless", 201, `{"x":"` + strings.Repeat("x", httpio.AnswerMax) + `"}`, Unknown},
		{"redirect", 302, ``, Rejected},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Ratelimit-Limit", "1000")
				w.Header().Set("X-Ratelimit-Remaining", "0")
				w.Header().Set("X-Ratelimit-Reset", fmt.Sprint(now.Add(42*time.Second).Unix()))
				w.Header().Set("Location", "http://169.254.169.254/")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			e := fault(t, client.Publish(context.Background(), alert()))
			if e.Outcome != c.want || e.Status != c.status || e.Limited != (c.status == 429) {
				t.Errorf("%v; want %s", e, c.want)
			}
			if len(c.body) > httpio.AnswerMax && !errors.Is(e, httpio.ErrAnswerTooLarge) {
				t.Errorf("a cut answer was taken for a whole one: %v", e)
			}
			if strings.Contains(c.body, `"code":9`) && e.RetryAfter != 42*time.Second {
				t.Errorf("wait %s, want until the reset", e.RetryAfter)
			}
		})
	}
}

func TestSilenceAfterWritingIsUnknownAndBeforeItIsNot(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if e := fault(t, client.Publish(context.Background(), alert())); e.Outcome != Unknown {
		t.Errorf("hung up after the request: %v", e)
	}
	unreachable, err := New(Options{Key: "key", Secret: secret.New("s3cret"), BaseURL: "https://127.0.0.1", HTTP: httpio.NewEgress(httpio.EgressOptions{})})
	if err != nil {
		t.Fatal(err)
	}
	e := fault(t, unreachable.Publish(context.Background(), alert()))
	if e.Outcome != Retry || !errors.Is(e, httpio.ErrAddressRefused) || strings.Contains(e.Error(), "api_key") {
		t.Errorf("never connected: %v", e)
	}
}

func TestRemovingWhatIsNotThereSucceeds(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		io.WriteString(w, `{"code":16,"detail":"does not exist","duration":"1ms"}`)
	})
	err := errors.Join(
		client.Remove(context.Background(), FeedRef{GroupTrade, "u1"}, "alert:42"),
		client.Unfollow(context.Background(), "u2", "u1", false))
	if err != nil {
		t.Error(err)
	}
}

func TestTheHealthCheckNamesEachMissingGroup(t *testing.T) {
	t.Parallel()
	missing := []string{GroupSignals, GroupAdmin}
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		group := strings.Split(r.URL.Path, "/")[4]
		if r.URL.Query().Get("limit") != "1" {
			t.Errorf("read %s without limit=1", group)
		}
		if slices.Contains(missing, group) {
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"code":6,"detail":"The following feeds are not configured: '%s'","duration":"1ms"}`, group)
			return
		}
		io.WriteString(w, `{"results":[],"next":"","duration":"1ms","unseen":0,"unread":0}`)
	})
	err := client.Check(context.Background())
	if e := fault(t, err); e.Outcome != Misconfigured {
		t.Errorf("%v", e)
	}
	for _, group := range Groups() {
		if named := strings.Contains(err.Error(), "feed group "+group); named != slices.Contains(missing, group) {
			t.Errorf("%s: named %v in %q", group, named, err)
		}
	}
}

func TestNoGroupBeginsWithAnother(t *testing.T) {
	t.Parallel()
	for _, a := range Groups() {
		for _, b := range Groups() {
			if a != b && strings.HasPrefix(a, b) {
				t.Errorf("%s1 and %s:%s1 would share a token", a, b, strings.TrimPrefix(a, b))
			}
		}
		if !groupShape.MatchString(a) {
			t.Errorf("%s is no group name", a)
		}
	}
}
