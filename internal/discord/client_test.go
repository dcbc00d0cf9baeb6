package discord

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

var hook = Webhook{ID: testID, Token: secret.New(testToken)}

// clock is time that moves only when told.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func newClient(t *testing.T, answer http.HandlerFunc) (*Client, *clock) {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	c := &clock{}
	c.at.Store(time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC).UnixNano())
	return New(Options{
		BaseURL:   srv.URL + "/",
		UserAgent: "DiscordBot (https://alertsify.example, test)",
		HTTP:      httpio.NewEgress(httpio.EgressOptions{AllowLoopback: []string{srv.Listener.Addr().String()}}),
		Now:       c.now,
		Jitter:    func() time.Duration { return 100 * time.Millisecond },
	}), c
}

func alert() Message {
	return Message{Embeds: []*discordgo.MessageEmbed{{Title: "🟢 BTO Alert", Description: "BTO 5 AAPL 200C 1/15/27 @ 3.50"}}}
}

func fault(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *discord.Error", err)
	}
	return e
}

func TestEveryPostWaitsAndMentionsNobody(t *testing.T) {
	t.Parallel()
	type seen struct{ method, target, agent, auth, body string }
	var got []seen
	client, _ := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = append(got, seen{r.Method, r.URL.String(), r.UserAgent(), r.Header.Get("Authorization"), string(b)})
		io.WriteString(w, `{"id":"1001","channel_id":"2002","type":1}`)
	})
	ctx := context.Background()
	inThread := hook
	inThread.ThreadID = "333333333333333333"

	sent, err := client.Execute(ctx, hook, alert())
	if err != nil || sent != (Sent{MessageID: "1001", ChannelID: "2002"}) {
		t.Fatalf("execute: %v, %v", sent, err)
	}
	_, err1 := client.Execute(ctx, inThread, alert())
	_, err2 := client.Edit(ctx, inThread, sent.MessageID, alert())
	info, err3 := client.Get(ctx, hook)
	err4 := client.DeleteMessage(ctx, hook, "1001")
	if err := errors.Join(err1, err2, err3, err4); err != nil || !info.Incoming() {
		t.Fatalf("%v, %+v", err, info)
	}

	path := "/api/v10/webhooks/" + testID + "/" + testToken
	for i, want := range []string{
		"POST " + path + "?wait=true", "POST " + path + "?thread_id=333333333333333333&wait=true",
		"PATCH " + path + "/messages/1001?thread_id=333333333333333333", "GET " + path, "DELETE " + path + "/messages/1001",
	} {
		if call := got[i].method + " " + got[i].target; call != want {
			t.Errorf("call %d: %s, want %s", i, call, want)
		}
		if !strings.HasPrefix(got[i].agent, "DiscordBot (") || got[i].auth != "" {
			t.Errorf("call %d: User-Agent %q, Authorization %q", i, got[i].agent, got[i].auth)
		}
	}
	for _, i := range []int{0, 1, 2} {
		var body struct {
			Mentions struct{ Parse []string } `json:"allowed_mentions"`
		}
		if err := json.Unmarshal([]byte(got[i].body), &body); err != nil || body.Mentions.Parse == nil || len(body.Mentions.Parse) != 0 {
			t.Errorf("call %d: %s (%v)", i, got[i].body, err)
		}
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		status    int
		body      string
		want      Outcome
		duplicate bool
	}{
		{"invalid form", 400, `{"message":"Invalid Form Body","code":50035,"errors":{"embeds":{}}}`, Rejected, false},
		{"empty message", 400, `{"code":50006}`, Rejected, false},
		{"forum needs a post", 400, `{"code":220001}`, Misconfigured, false},
		{"not a forum", 400, `{"code":220003}`, Misconfigured, false},
		{"locked thread", 403, `{"code":160005}`, Misconfigured, false},
		{"automod", 403, `{"code":200000}`, Rejected, false},
		{"harmful link", 400, `{"code":240000}`, Rejected, false},
		{"token invalid", 401, `{"message":"Invalid Webhook Token","code":50027}`, Gone, false},
		{"unauthorized for another reason", 401, `{"message":"401: Unauthorized","code":0}`, Rejected, false},
		{"no permission", 403, `{"code":50013}`, Gone, false},
		{"no access", 403, `{"code":50001}`, Gone, false},
		{"403 that says nothing", 403, ``, Rejected, false},
		{"webhook deleted", 404, `{"message":"Unknown Webhook","code":10015}`, Gone, false},
		{"channel deleted", 404, `{"code":10003}`, Gone, false},
		{"message deleted", 404, `{"code":10008}`, MessageGone, false},
		{"404 that says nothing", 404, `<html>`, Rejected, false},
		{"dead code with another status", 400, `{"code":10015}`, Rejected, false},
		{"too large", 413, `{"code":40005}`, Rejected, false},
		{"old message edited too often", 400, `{"code":30046}`, Retry, false},
		{"server error", 500, `<html>`, Retry, true},
		{"bad gateway", 502, ``, Retry, true},
		{"unavailable", 503, ``, Retry, false},
		{"gateway timeout", 504, ``, Retry, true},
		{"redirect", 302, ``, Rejected, false},
		{"stored, but the answer is garbage", 200, `{"id":`, Unknown, false},
		{"stored, but no id", 200, `{}`, Unknown, false},
		{"no content although we wait", 204, ``, Unknown, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, _ := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://169.254.169.254/")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			_, err := client.Execute(context.Background(), hook, alert())
			e := fault(t, err)
			if e.Outcome != c.want || e.PossibleDuplicate != c.duplicate || e.Status != c.status {
				t.Errorf("%s, duplicate %v, status %d; want %s, %v", e.Outcome, e.PossibleDuplicate, e.Status, c.want, c.duplicate)
			}
			if e.Global {
				t.Error("stopped every webhook")
			}
		})
	}
}

func TestA429IsObeyedToTheMillisecond(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		header     map[string]string
		wait       time.Duration
		global     bool
	}{
		{"float seconds", `{"retry_after":0.3004,"global":false}`, nil, 301 * time.Millisecond, false},
		{"body before header", `{"retry_after":2}`, map[string]string{"Retry-After": "9"}, 2 * time.Second, false},
		{"header", `{}`, map[string]string{"Retry-After": "9"}, 9 * time.Second, false},
		{"reset header", `{}`, map[string]string{"X-RateLimit-Reset-After": "1.5"}, 1500 * time.Millisecond, false},
		{"says nothing", ``, nil, 5 * time.Second, false},
		{"global", `{"retry_after":0.5,"global":true}`, nil, 500 * time.Millisecond, true},
		{"ban page", `error code: 1015`, nil, time.Hour, true},
		{"ban page with a time", `<html>`, map[string]string{"Retry-After": "600"}, 10 * time.Minute, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			client, clk := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
				if calls.Add(1) > 1 {
					io.WriteString(w, `{"id":"1","channel_id":"2"}`)
					return
				}
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(429)
				io.WriteString(w, c.body)
			})
			post := func(w Webhook) error { _, err := client.Execute(context.Background(), w, alert()); return err }

			e := fault(t, post(hook))
			if e.Outcome != Retry || !e.Limited || e.Global != c.global || e.RetryAfter < c.wait || e.RetryAfter > c.wait+100*time.Millisecond {
				t.Fatalf("%+v, want to wait %s, global %v", e, c.wait, c.global)
			}
			clk.advance(c.wait - time.Millisecond)
			if e := fault(t, post(hook)); !e.Limited || e.Global != c.global || calls.Load() != 1 {
				t.Fatalf("called again before the time: %+v", e)
			}
			other := Webhook{ID: "222222222222222222", Token: hook.Token}
			if err := post(other); (err != nil) != c.global {
				t.Fatalf("another webhook: %v, global %v", err, c.global)
			}
			clk.advance(time.Millisecond)
			if err := post(hook); err != nil {
				t.Fatalf("after the wait: %v", err)
			}
		})
	}
}

func TestAnEmptyBucketIsNotCalled(t *testing.T) {
	t.Parallel()
	calls := 0
	client, clk := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("X-RateLimit-Bucket", "same-for-every-webhook")
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset-After", "1.2")
		io.WriteString(w, `{"id":"1","channel_id":"2"}`)
	})
	ctx := context.Background()
	if _, err := client.Execute(ctx, hook, alert()); err != nil {
		t.Fatal(err)
	}
	_, err := client.Execute(ctx, hook, alert())
	if e := fault(t, err); !e.Limited || e.Global || e.RetryAfter != 1300*time.Millisecond || calls != 1 {
		t.Fatalf("%+v after %d calls", e, calls)
	}
	if _, err := client.Execute(ctx, Webhook{ID: "222222222222222222", Token: hook.Token}, alert()); err != nil {
		t.Fatalf("another webhook with the same bucket string: %v", err)
	}
	clk.advance(1200 * time.Millisecond)
	if _, err := client.Execute(ctx, hook, alert()); err != nil {
		t.Fatalf("after the reset: %v", err)
	}
}

func TestWhatIsKnownAboutLimitsCanBeShared(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	ours, theirs := NewLimits(func() time.Time { return now }), NewLimits(func() time.Time { return now })
	h := http.Header{}
	h.Set("X-RateLimit-Bucket", "b")
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-Reset-After", "2")
	theirs.Learn("create", testID, h)
	h.Set("X-RateLimit-Remaining", "4")
	h.Set("X-RateLimit-Reset-After", "1")
	ours.Learn("create", testID, h)

	ours.Merge(theirs.Snapshot())
	if wait, _ := ours.Wait("create", testID); wait != 2*time.Second {
		t.Errorf("wait %s, want what the other process learnt", wait)
	}
	theirs.Merge(map[BucketKey]BucketState{{"b", testID}: {Remaining: 5, Reset: now}})
	if wait, _ := theirs.Wait("create", testID); wait != 2*time.Second {
		t.Errorf("wait %s: older knowledge won", wait)
	}
}

func TestTooManyRefusalsStopEverythingLongBeforeABan(t *testing.T) {
	t.Parallel()
	calls := 0
	client, clk := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(403)
		io.WriteString(w, `{"code":200000}`)
	})
	for range invalidMax {
		client.Execute(context.Background(), hook, alert())
	}
	_, err := client.Execute(context.Background(), hook, alert())
	if e := fault(t, err); calls != invalidMax || !e.Global || e.RetryAfter != invalidWindow {
		t.Fatalf("%d calls, then %+v", calls, e)
	}
	clk.advance(invalidWindow)
	client.Execute(context.Background(), hook, alert())
	if calls != invalidMax+1 {
		t.Fatalf("%d calls: nothing tried after the pause", calls)
	}
}

func TestASharedLimitIsNotOurDoing(t *testing.T) {
	t.Parallel()
	client, clk := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-RateLimit-Scope", "shared")
		w.WriteHeader(429)
		io.WriteString(w, `{"retry_after":0.001}`)
	})
	for range invalidMax + 1 {
		_, err := client.Execute(context.Background(), hook, alert())
		if e := fault(t, err); e.Global || e.Status != 429 {
			t.Fatalf("%+v", e)
		}
		clk.advance(time.Millisecond)
	}
}

func TestSilenceAfterWritingIsUnknownAndBeforeItIsNot(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := client.Execute(context.Background(), hook, alert())
	if e := fault(t, err); e.Outcome != Unknown {
		t.Errorf("hung up after the request: %s", e.Outcome)
	}

	refused := New(Options{BaseURL: "https://127.0.0.1", HTTP: httpio.NewEgress(httpio.EgressOptions{})})
	_, err = refused.Execute(context.Background(), hook, alert())
	if e := fault(t, err); e.Outcome != Retry || !errors.Is(err, httpio.ErrAddressRefused) {
		t.Errorf("never connected: %v", e)
	}
	if strings.Contains(err.Error(), testToken) {
		t.Errorf("token in %q", err)
	}
}

func TestOneRequestPerWebhookFliesAtATime(t *testing.T) {
	t.Parallel()
	const callers = 20
	var flying, most, flown atomic.Int32
	var client *Client
	client, _ = newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		most.Store(max(most.Load(), flying.Add(1)))
		defer flying.Add(-1)
		everybodyElseWaits(t, client, callers-int(flown.Add(1))+1)
		io.WriteString(w, `{"id":"1","channel_id":"2"}`)
	})
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() { client.Execute(context.Background(), hook, alert()) })
	}
	wg.Wait()
	if most.Load() != 1 || flown.Load() != callers {
		t.Errorf("%d at once, %d in all", most.Load(), flown.Load())
	}
	if n := len(client.limits.turns); n != 0 {
		t.Errorf("%d turns kept for ever", n)
	}
}

// everybodyElseWaits returns once so many callers hold or want the turn.
func everybodyElseWaits(t *testing.T, c *Client, callers int) {
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		c.limits.mu.Lock()
		turn := c.limits.turns[testID]
		queued := turn != nil && turn.waiters == callers
		c.limits.mu.Unlock()
		if queued {
			return
		}
		runtime.Gosched()
	}
	t.Error("the others are not waiting for their turn")
}

func TestWaitingForATurnEndsWithTheContext(t *testing.T) {
	t.Parallel()
	inside, done := make(chan struct{}), make(chan struct{})
	client, _ := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-done
		io.WriteString(w, `{"id":"1","channel_id":"2"}`)
	})
	var wg sync.WaitGroup
	wg.Go(func() { client.Execute(context.Background(), hook, alert()) })
	<-inside
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := client.Execute(ctx, hook, alert())
	if e := fault(t, err); e.Outcome != Retry || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(done)
	wg.Wait()
}

func TestAMessageDiscordWouldRefuseIsNotSent(t *testing.T) {
	t.Parallel()
	client, _ := newClient(t, func(http.ResponseWriter, *http.Request) { t.Error("called") })
	_, err := client.Execute(context.Background(), hook, Message{Content: strings.Repeat("x", ContentMax+1)})
	if e := fault(t, err); e.Outcome != Rejected {
		t.Errorf("%s", e.Outcome)
	}
	_, err = client.Edit(context.Background(), hook, "1", Message{})
	if e := fault(t, err); e.Outcome != Rejected {
		t.Errorf("%s", e.Outcome)
	}
}
