package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/sandbox"
	"github.com/alertsify/alertsify/internal/secret"
)

// office is an operators' channel that the sandbox plays, and what is logged meanwhile.
type office struct {
	*testing.T
	base string
	hook string       // the channel's webhook
	log  *slog.Logger // what the program logs to
	own  bytes.Buffer // what came out
	r    *reports
}

func openOffice(t *testing.T) *office {
	t.Helper()
	world, err := sandbox.Open(sandbox.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- world.Serve(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := world.Close(ctx); err != nil {
			t.Errorf("close sandbox: %v", err)
		}
		<-served
	})
	o := &office{T: t, base: world.URL()}
	var made struct{ URL, ID string }
	o.call("POST", "/_sandbox/discord/webhooks", `{"name":"Operators"}`, &made)
	o.hook = made.ID
	before := slog.New(slog.NewJSONHandler(&o.own, nil))
	o.r, err = newReports(Config{Env: Development, DiscordURL: o.base + "/discord", DiscordErrors: secret.New(made.URL), AppURL: "https://app.example"}, before)
	if err != nil {
		t.Fatal(err)
	}
	o.log = o.r.logger(before)
	return o
}

func (o *office) call(method, path, body string, into any) {
	o.Helper()
	r, err := http.NewRequestWithContext(o.Context(), method, o.base+path, strings.NewReader(body))
	if err != nil {
		o.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		o.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, raw, err)
	}
	if into != nil {
		var wrapped struct{ Data json.RawMessage }
		if json.Unmarshal(raw, &wrapped) == nil && wrapped.Data != nil {
			raw = wrapped.Data
		}
		if err := json.Unmarshal(raw, into); err != nil {
			o.Fatalf("%s: %v", raw, err)
		}
	}
}

// told are the reports that arrived.
func (o *office) told() []string {
	o.Helper()
	var log []struct {
		Method string
		Body   json.RawMessage
	}
	o.call("GET", "/_sandbox/log?target=discord", "", &log)
	var told []string
	for _, entry := range log {
		if entry.Method == http.MethodPost {
			told = append(told, string(entry.Body))
		}
	}
	return told
}

func TestErrorsOfTheLogAreReportedInOurOwnWordsOnly(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	for range 3 {
		o.log.With("user", "canary-secret").Error("settle an order", "err", errors.New("https://canary-secret"))
	}
	o.log.WithGroup("canary-secret").Error("look for deliveries @everyone")
	o.log.Warn("only a warning")
	if o.r.send(t.Context(), o.r.take()) {
		t.Error("the channel is said to be gone")
	}
	o.r.send(t.Context(), o.r.take()) // nothing happened since
	told := o.told()
	if len(told) != 1 {
		t.Fatalf("%d reports", len(told))
	}
	for _, words := range []string{"4 errors were logged", "3 × settle an order", "1 × look for deliveries"} {
		if !strings.Contains(told[0], words) {
			t.Errorf("%q is not in %s", words, told[0])
		}
	}
	for _, words := range []string{"canary-secret", "only a warning", `"parse":["`} {
		if strings.Contains(told[0], words) {
			t.Errorf("%q is in %s", words, told[0])
		}
	}
	if got := strings.Count(o.own.String(), "settle an order"); got != 3 {
		t.Errorf("%d of 3 errors are in the log", got)
	}
}

func TestReportsWaitForNobody(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	for i := range 1000 { // nobody sends them: counting must not wait, nor grow without bound
		o.r.count(fmt.Sprintf("kind %d", i))
	}
	counts := o.r.take()
	if len(counts) > reportsKept+1 || total(counts) != 1000 {
		t.Errorf("%d kinds, %d errors", len(counts), total(counts))
	}
	text := report(counts)
	if text.Title != "1000 errors were logged" || strings.Count(text.Description, "\n") != reportsKinds {
		t.Errorf("%s: %s", text.Title, text.Description)
	}
}

func TestAReportThatFailsIsTriedWithTheNextAndAGoneChannelIsLeftAlone(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.call("POST", "/_sandbox/faults", `{"target":"discord","match":"POST","mode":"error","count":1,"status":503}`, nil)
	o.log.Error("settle an order")
	if o.r.send(t.Context(), o.r.take()) {
		t.Error("a channel that fails once is said to be gone")
	}
	if counts := o.r.take(); total(counts) != 1 {
		t.Errorf("%v is left to report", counts)
	}
	o.call("POST", "/_sandbox/discord/webhooks/"+o.hook, `{"state":"deleted"}`, nil)
	o.log.Error("settle an order")
	before := len(o.told())
	if err := o.r.run(t.Context()); err != nil { // ends by itself
		t.Error(err)
	}
	if calls := len(o.told()) - before; calls != 1 || !strings.Contains(o.own.String(), `"gone":true`) {
		t.Errorf("called %d times, logged %s", calls, o.own.String())
	}
}

func TestReportsEndWithTheProgram(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.r.run(ctx) }()
	o.log.Error("settle an order")
	for len(o.told()) == 0 {
		if t.Context().Err() != nil {
			t.Fatal("never reported")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	var off *reports
	if err := off.run(t.Context()); err != nil || off.logger(o.log) != o.log {
		t.Errorf("without a channel: %v", err)
	}
}
