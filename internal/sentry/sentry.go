// Package sentry tells Sentry of failures of ours: what kind of failure, where in the program,
// in which request or job. Nothing that people sent, and no text that may hold a secret.
//
// It writes Sentry's envelopes itself. Its SDK collects by default what we must never send –
// headers, cookies, query strings, bodies, the machine – and its client would leave the house
// past our own guarded one.
package sentry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

const (
	waitingMax  = 50              // failures that wait to be sent; more are only counted
	perMinute   = 20              // sent in a minute, of all kinds
	sameEvery   = time.Minute     // how soon the same failure is told of again
	sameMax     = 500             // different failures that are remembered
	endWithin   = 3 * time.Second // of one sending, and of all that is left once the program stops
	restDefault = time.Minute     // for a refusal that says no time
)

// DSN is where failures go, and by which key.
type DSN struct {
	url url.URL
	key secret.Text
}

// ParseDSN reads https://KEY@HOST/PROJECT. The error does not repeat it.
func ParseDSN(text secret.Text) (DSN, error) {
	u, err := url.Parse(text.Reveal())
	if err != nil || u.Host == "" || u.User == nil || u.User.Username() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return DSN{}, errors.New("is no DSN such as https://KEY@HOST/PROJECT")
	}
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	project := path[len(path)-1]
	if _, err := strconv.ParseUint(project, 10, 64); err != nil {
		return DSN{}, errors.New("is no DSN: it does not end with the number of a project")
	}
	path[len(path)-1] = "api/" + project + "/envelope/"
	return DSN{url: url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + strings.Join(path, "/")}, key: secret.New(u.User.Username())}, nil
}

// Port is where failures go to on their host.
func (d DSN) Port() string {
	switch port := d.url.Port(); {
	case port != "":
		return port
	case d.Secure():
		return "443"
	}
	return "80"
}

// Host is where they go to, with the port where one is named.
func (d DSN) Host() string { return d.url.Host }

// Local tells whether they stay on this machine, as in development.
func (d DSN) Local() bool { return d.url.Hostname() == "127.0.0.1" }

// Secure tells whether failures go there by https.
func (d DSN) Secure() bool { return d.url.Scheme == "https" }

// Options say what a Client works with.
type Options struct {
	DSN         DSN
	HTTP        *http.Client // the guarded one
	Release     string       // version of the program
	Environment string
	Instance    string // which process
	Now         func() time.Time
	Observe     func(outcome string) // hears of each failure: sent, lost, or throttled; may be nil
	Logger      *slog.Logger
}

// Client tells of failures. A nil one tells nobody.
type Client struct {
	o     Options
	queue chan []byte

	mu    sync.Mutex
	told  map[string]time.Time // when each failure was told of last
	began time.Time            // of the minute that is counted
	count int
}

// New makes a Client; Run sends.
func New(o Options) *Client {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string) {}
	}
	return &Client{o: o, queue: make(chan []byte, waitingMax), told: map[string]time.Time{}}
}

// Failure is something that went wrong in the program.
type Failure struct {
	Kind  string // request, job
	Where string // the route, the kind of the job: a word of ours
	Err   error  // its type is told, and its words as far as they are ours
	Stack []byte // as runtime/debug has it; nil: none
	Panic bool

	RequestID string
	Code      string // the fault's
	JobID     int64
	Attempt   int
}

// Report takes a failure. It never waits: one that was told of in the last minute, and one
// that finds too many waiting, is only counted.
func (c *Client) Report(f Failure) {
	if c == nil || f.Err == nil {
		return
	}
	now := c.o.Now()
	if !c.may(f.fingerprint(), now) {
		c.o.Observe("throttled")
		return
	}
	body, err := c.envelope(f, now)
	if err != nil {
		c.o.Observe("lost")
		return
	}
	select {
	case c.queue <- body:
	default:
		c.o.Observe("lost")
	}
}

// may counts a failure against what is told in a minute.
func (c *Client) may(fingerprint string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, known := c.told[fingerprint]; known && now.Sub(at) < sameEvery {
		return false
	}
	if now.Sub(c.began) >= time.Minute {
		c.began, c.count = now, 0
	}
	if c.count >= perMinute {
		return false
	}
	if len(c.told) >= sameMax {
		clear(c.told)
	}
	c.count++
	c.told[fingerprint] = now
	return true
}

// Run sends what was reported until ctx ends, then what waits still; it is over endWithin later.
func (c *Client) Run(ctx context.Context) error {
	if c == nil {
		return nil
	}
	sending, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(endWithin, end) })()
	var rest time.Time // Sentry told us to wait until then
	for ctx.Err() == nil {
		select {
		case body := <-c.queue:
			rest = c.sendAfter(sending, body, rest)
		case <-ctx.Done():
		}
	}
	c.drain(sending, rest)
	return nil
}

// drain sends what waits, one after the other, as long as ctx lasts; the rest is lost.
func (c *Client) drain(ctx context.Context, rest time.Time) {
	for {
		select {
		case body := <-c.queue:
			if ctx.Err() != nil {
				c.o.Observe("lost")
				continue
			}
			rest = c.sendAfter(ctx, body, rest)
		default:
			return
		}
	}
}

// sendAfter sends one, unless we were told to wait, and says how long to wait now.
func (c *Client) sendAfter(ctx context.Context, body []byte, rest time.Time) time.Time {
	if c.o.Now().Before(rest) {
		c.o.Observe("lost")
		return rest
	}
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	wait, err := c.send(ctx, body)
	if err != nil {
		c.o.Observe("lost")
		c.o.Logger.WarnContext(ctx, "a failure was not told to Sentry", "err", err)
	} else {
		c.o.Observe("sent")
	}
	return c.o.Now().Add(wait)
}

// send makes one attempt; there is no second. wait is how long to send nothing.
func (c *Client) send(ctx context.Context, body []byte) (wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.DSN.url.String(), bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("build the request")
	}
	r.Header.Set("Content-Type", "application/x-sentry-envelope")
	r.Header.Set("User-Agent", "alertsify")
	r.Header.Set("X-Sentry-Auth", "Sentry sentry_version=7, sentry_client=alertsify/1, sentry_key="+c.o.DSN.key.Reveal())
	resp, err := c.o.HTTP.Do(r)
	if err != nil {
		return 0, httpio.WithoutURL(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, httpio.AnswerMax)) // so that the connection serves again
	if resp.StatusCode == http.StatusTooManyRequests {
		return retryAfter(resp.Header), errors.New("it takes no more for a while")
	}
	if resp.StatusCode/100 != 2 {
		return 0, fmt.Errorf("it answered %d", resp.StatusCode)
	}
	return 0, nil
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return restDefault
	}
	return min(time.Duration(seconds)*time.Second, time.Hour)
}

// Check asks whether Sentry takes failures, by an envelope with nothing in it.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.send(ctx, []byte("{}\n"))
	return err
}
