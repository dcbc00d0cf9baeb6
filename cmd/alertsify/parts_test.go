package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/app"
	"github.com/alertsify/alertsify/internal/risk"
)

// neighbour is another process of a show's installation, inside this one.
type neighbour struct {
	url string
	end func()
}

// beside runs one more program on the stage; change may be nil.
func (s *show) beside(log *slog.Logger, change func(*app.Config)) *neighbour {
	s.t.Helper()
	cfg, err := s.stage.settings(s.options)
	if err != nil {
		s.t.Fatal(err)
	}
	cfg.Addr = "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	a, err := app.New(s.t.Context(), cfg, log)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := a.Listen(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { defer close(ended); ended <- a.Run(ctx) }()
	n := &neighbour{url: strings.Replace("http://"+a.Addr().String(), "127.0.0.1", "localhost", 1)} // where cookies of the first are shown
	gone := false
	n.end = func() {
		if gone {
			return
		}
		gone = true
		stop()
		if err := <-ended; err != nil {
			s.t.Errorf("the neighbour ended: %v", err)
		}
		a.Close()
	}
	s.t.Cleanup(n.end)
	s.eventually("the neighbour answers", func() bool {
		select {
		case err := <-ended:
			s.t.Fatalf("the neighbour did not start: %v", err)
		default:
		}
		return isReady(s.client, n.url)
	})
	return n
}

// at asks a neighbour as nobody.
func (s *show) at(n *neighbour, path string) (status int, body string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, n.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// An installation may be split: one process answers, takes orders and tells open pages,
// another sends, follows and copies.
func TestOneProcessAnswersAndAnotherWorks(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	s.end()
	quiet := slog.New(slog.DiscardHandler)
	doors := s.beside(quiet, func(c *app.Config) { c.Part = app.NoJobs })
	s.url = doors.url

	pages := s.listen("ava", "")
	order := s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	s.exec(`update orders set send_before = send_before + interval '5 minutes'`) // an entry has 30 seconds, and a program's start may take longer
	s.still(time.Second, "nobody sends it", func() bool { return s.order("ava", order).State == "queued" })
	if status, body := s.at(doors, "/api/health/ready"); status != http.StatusOK {
		t.Errorf("the doors are not ready: %d %s", status, body)
	}

	work := s.beside(quiet, func(c *app.Config) { c.Part = app.OnlyJobs })
	s.eventually("it is sent and filled", func() bool { return s.order("ava", order).State == "filled" })
	pages.until("the fill, by the process that did not work it", func(e told) bool { return bytes.Contains(e.Data, []byte(`"filled"`)) })
	s.becomes("ben", "BTO executed")
	for path, want := range map[string]int{
		"/api/health": 200, "/api/health/ready": 200, "/metrics": 200,
		"/": 404, "/api/trading/orders": 404, "/api/webhooks/snaptrade": 404,
	} {
		if status, body := s.at(work, path); status != want {
			t.Errorf("only jobs, %s: %d %.200s", path, status, body)
		}
	}
	s.examine() // while somebody works
}

func TestNoPartOfTheProgramIsNone(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	c := console{out: &said, err: &said, env: func(string) (string, bool) { return "", false }}
	if code := run(t.Context(), c, []string{"serve", "--no-jobs", "--only-jobs"}); code != 1 || !strings.Contains(said.String(), "--no-jobs and --only-jobs exclude each other") {
		t.Errorf("%d: %s", code, said.String())
	}
}

// Two instances of two protocols: everybody hears of it, entries are not copied as long as
// both run, and are again when the other has left.
func TestTwoProtocolsSideBySideStopCopies(t *testing.T) {
	t.Parallel()
	log := &recorder{}
	s := openLogged(t, slog.New(slog.NewJSONHandler(log, nil)))
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	other := s.beside(slog.New(slog.DiscardHandler), func(c *app.Config) { c.Version, c.Protocol = "the next", risk.Protocol+1 })
	s.eventually("the alarm is raised", func() bool { return strings.Contains(log.text(), "ALARM: instances of different protocols run") })
	lines, err := s.app.Instances(t.Context())
	if err != nil || len(lines) != 2 || !strings.Contains(strings.Join(lines, "\n"), "version the next, protocol 2, requests and jobs") {
		t.Errorf("%v, %v", lines, err)
	}
	if _, body := s.at(other, "/metrics"); !strings.Contains(body, `alertsify_instances{protocol="2",version="the next"} 1`) {
		t.Error("the metrics know of one protocol only")
	}

	order := s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("her own order goes on", func() bool { return s.order("ava", order).State == "filled" })
	s.eventually("ben's copy ends for the reason", func() bool { return strings.HasSuffix(s.decided("ben"), ": mixed_versions") })

	other.end()
	s.eventually("the alarm is over", func() bool { return strings.Contains(log.text(), "all instances speak one protocol again") })
	s.place("ava", "BTO 2 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("ben copies again", func() bool { return strings.HasSuffix(s.decided("ben"), "BTO executed") })
}

// While nothing may be written every page and every list is read as before, by somebody
// whose sign-in and token were used before; and the broker hears of nothing.
func TestEverythingIsReadWhileNothingIsWritten(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.mode("immediate")
	s.quote(apple, "3.45", "3.50")
	order := s.place("ava", "BTO 4 AAPL 200C "+expiry+" @ 3.50")
	s.eventually("ava's order fills", func() bool { return s.order("ava", order).State == "filled" })
	browser := s.signIn("ava")
	s.exec(`update sign_ins set last_seen_at = last_seen_at - interval '1 hour'`) // what would be noted, is not
	s.exec(`update access_tokens set last_used_at = last_used_at - interval '1 hour'`)
	before := s.asked("ava")
	moving := s.beside(slog.New(slog.DiscardHandler), func(c *app.Config) { c.ReadOnly = true })
	s.url = moving.url
	pages := 0
	for _, route := range s.app.Routes() {
		// Streams, and ways back from elsewhere, are no pages; who asks SnapTrade counts that.
		if route.Pattern == "/settings/billing/whop" || route.Pattern == "/api/brokers" {
			continue
		}
		if route.Method != http.MethodGet || strings.ContainsAny(route.Pattern, "{*") || strings.HasPrefix(route.Pattern, "/api/events") || strings.HasSuffix(route.Pattern, "/stream") {
			continue
		}
		pages++
		a := s.send(browser, "GET", route.Pattern, "")
		if strings.HasPrefix(route.Pattern, "/api/") {
			a = s.do("ava", "GET", route.Pattern, "")
		}
		if a.status >= http.StatusInternalServerError {
			t.Errorf("GET %s: %d %.300s", route.Pattern, a.status, a.body)
		}
	}
	if pages < 80 {
		t.Errorf("only %d pages were read", pages)
	}
	if a := s.send(browser, "GET", "/dashboard", ""); !contains(a.body, `data-testid="read-only"`) {
		t.Errorf("the dashboard says nothing of it: %.300s", a.body)
	}
	if a := s.do("ava", "POST", "/api/trading/orders", `{"line":"BTO 1 AAPL 200C `+expiry+` @ 3.50"}`, key()); a.status != http.StatusServiceUnavailable || a.code() != "unavailable" {
		t.Errorf("an order: %d %s", a.status, a.body)
	}
	if now := s.asked("ava"); now != before {
		t.Errorf("the broker was asked %d times", now-before)
	}
}
