// Package whop speaks Whop's protocol: memberships, payments, checkouts, and the events
// it sends. What a membership lets anybody do is not its business.
package whop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

const (
	// DefaultBaseURL is Whop's production API.
	DefaultBaseURL = "https://api.whop.com/api/v1"
	// DefaultVersion is the dated version whose shapes we ask for.
	DefaultVersion = "2026-09-29"

	// PageMax is how many rows Whop gives in one page.
	PageMax = 100

	callTimeout = 15 * time.Second // of one call with its repeats
	answerMax   = 1 << 20          // bytes; a page of a hundred payments has about 200 KiB
	triesMax    = 3
	pauseFirst  = 250 * time.Millisecond // before a repeat; doubled, and up to half of it more
	pauseMost   = 3 * time.Second        // a longer wait is the caller's, who has more to do
	bodyLogged  = 300                    // bytes of Whop's words kept in an error
)

// Options configure a Client.
type Options struct {
	BaseURL string      // default DefaultBaseURL; operator configuration, never a user's
	Key     secret.Text // of the account
	Account string      // biz_…: whose memberships these are
	Version string      // default DefaultVersion; an opaque word
	HTTP    *http.Client
	Now     func() time.Time
	Logger  *slog.Logger
	// Observe is told of every try: what was asked for, how it ended (ok, refused,
	// limited, failed, open), and how long it took. Nil: nobody listens.
	Observe func(call, outcome string, took time.Duration)
}

// Client calls Whop. It is safe for several goroutines.
type Client struct {
	base, account, version string
	key                    secret.Text
	http                   *http.Client
	breaker                *httpio.Breaker
	now                    func() time.Time
	log                    *slog.Logger
	observe                func(call, outcome string, took time.Duration)
	pause                  func(ctx context.Context, d time.Duration) error
}

// New returns a client. It makes no call.
func New(o Options) *Client {
	c := &Client{
		base: strings.TrimRight(o.BaseURL, "/"), account: o.Account, version: o.Version, key: o.Key, http: o.HTTP,
		now: o.Now, log: o.Logger, observe: o.Observe, pause: sleep,
	}
	if c.base == "" {
		c.base = DefaultBaseURL
	}
	if c.version == "" {
		c.version = DefaultVersion
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.observe == nil {
		c.observe = func(string, string, time.Duration) {}
	}
	// A party that answers now and then is not down: failures count in a row.
	c.breaker = httpio.NewBreaker(httpio.BreakerOptions{Failures: 6, Window: time.Minute, Pause: 20 * time.Second, InARow: true, Now: c.now})
	return c
}

// Account is whose memberships these are, biz_….
func (c *Client) Account() string { return c.account }

// breakerName is the one name we have: all calls go to one host.
const breakerName = "whop"

// call is one request in the words of the contract.
type call struct {
	name   string // for metrics and errors: never an id
	method string
	path   string // escaped, after the base
	query  url.Values
	body   any
	key    string // Idempotency-Key: only with one is a POST repeated
}

// do makes the call, repeats it where the contract says so (408, 409 in flight, 429,
// 5xx, no answer; three tries in all), and reads the answer into out. The error is an
// *Error.
func (c *Client) do(ctx context.Context, what call, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var body []byte
	if what.body != nil {
		var err error
		if body, err = json.Marshal(what.body); err != nil {
			return &Error{Call: what.name, cause: fmt.Errorf("encode: %w", err)}
		}
	}
	for try := 1; ; try++ {
		err := c.try(ctx, what, body, out)
		if err == nil {
			return nil
		}
		if try == triesMax || !err.repeat(what) || c.pause(ctx, wait(try, err.RetryAfter)) != nil {
			return err
		}
	}
}

// wait is how long before the next try.
func wait(try int, told time.Duration) time.Duration {
	own := pauseFirst << (try - 1)
	return min(max(own+rand.N(own/2), told), pauseMost)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try asks once.
func (c *Client) try(ctx context.Context, what call, body []byte, out any) *Error {
	if wait, ok := c.breaker.Allow(breakerName); !ok {
		c.observe(what.name, "open", 0)
		return &Error{Call: what.name, RetryAfter: wait, Message: "not asked: Whop has kept failing", open: true}
	}
	req, err := c.request(ctx, what, body)
	if err != nil {
		return &Error{Call: what.name, cause: err}
	}
	began := c.now()
	resp, err := c.http.Do(req)
	if err != nil {
		c.failed(ctx, what, "no answer")
		c.observe(what.name, "failed", c.now().Sub(began))
		return &Error{Call: what.name, cause: httpio.WithoutURL(err)}
	}
	defer resp.Body.Close()
	answer, readErr := httpio.ReadBounded(resp.Body, answerMax)
	e := c.judge(what, resp, answer, readErr, out)
	switch {
	case e == nil:
		c.breaker.Success(breakerName)
		c.observe(what.name, "ok", c.now().Sub(began))
	case e.down():
		c.failed(ctx, what, e.Error())
		c.observe(what.name, "failed", c.now().Sub(began))
	default: // it answers, and says no
		c.breaker.Success(breakerName)
		c.observe(what.name, e.outcome(), c.now().Sub(began))
	}
	return e
}

func (c *Client) failed(ctx context.Context, what call, why string) {
	if c.breaker.Failure(breakerName) {
		c.log.WarnContext(ctx, "whop keeps failing; it is left alone for a while", "call", what.name, "err", why)
	}
}

func (c *Client) request(ctx context.Context, what call, body []byte) (*http.Request, error) {
	address := c.base + what.path
	if len(what.query) > 0 {
		address += "?" + what.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, what.method, address, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("build request")
	}
	// The transport repeats a POST by itself where it can read the body again and the
	// request carries an idempotency key; when to repeat is ours to say.
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	req.Header.Set("Api-Version-Date", c.version)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if what.key != "" {
		req.Header.Set("Idempotency-Key", what.key)
	}
	return req, nil
}

// judge reads an answer.
func (c *Client) judge(what call, resp *http.Response, answer []byte, readErr error, out any) *Error {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return refusal(what, resp, answer)
	}
	if readErr != nil {
		return &Error{Call: what.name, Status: resp.StatusCode, cause: fmt.Errorf("read the answer: %w", readErr)}
	}
	if out == nil {
		return nil
	}
	if err := decode(answer, out); err != nil {
		return &Error{Call: what.name, Status: resp.StatusCode, cause: fmt.Errorf("read the answer: %w", err)}
	}
	return nil
}
