// Package email sends mail through Resend and reads what Resend reports about it.
//
// It is a client of our own: the known module, resend-go v2.28, drops the status and
// the name of an error, so that 409, 403 and 500 cannot be told apart, and a used-up
// quota looks like a rate limit.
package email

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

const (
	// DefaultBaseURL is Resend itself.
	DefaultBaseURL = "https://api.resend.com"

	// KeyMax is how long an idempotency key may be.
	KeyMax = 256
	// KeyKept is how long Resend remembers one. After it a repeat is a new mail.
	KeyKept = 24 * time.Hour

	// rateFirst is how many requests a second we make until an answer says how many
	// are allowed; copies of the documentation disagree.
	rateFirst = 2
	rateMost  = 100 // more is no rate that a header honestly tells

	patience    = 2 * time.Second // for a place within the rate; then the caller waits
	defaultWait = 2 * time.Second // for a 429 that does not say
	closedMost  = time.Minute
	longestWait = 24 * time.Hour
)

// Options configure a Client.
type Options struct {
	BaseURL   string       // default DefaultBaseURL; operator configuration, never a user's
	Key       secret.Text  // one that may only send
	From      string       // "Alertsify <alerts@mail.example>"; the domain is verified at Resend
	ReplyTo   string       // where replies to our mail go; empty: to From
	UserAgent string       // Resend refuses requests without one
	HTTP      *http.Client // from httpio.NewEgress
	Now       func() time.Time

	// Take asks for a place among so many a second, which all processes share; it
	// answers how long to wait, 0 for go. Nil: nobody counts.
	Take func(ctx context.Context, perSecond int) time.Duration
}

// Client calls Resend. Every error of its calls is an *Error.
type Client struct {
	base  string
	key   secret.Text
	from  string
	reply string
	agent string
	http  *http.Client
	now   func() time.Time
	take  func(ctx context.Context, perSecond int) time.Duration

	mu     sync.Mutex
	rate   int       // requests a second, as last told
	closed time.Time // no request before it: the last answer said that nothing is left
}

// New returns a client. It makes no call.
func New(o Options) *Client {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Take == nil {
		o.Take = func(context.Context, int) time.Duration { return 0 }
	}
	return &Client{
		base: strings.TrimRight(o.BaseURL, "/"), key: o.Key, from: o.From, reply: o.ReplyTo, agent: o.UserAgent, http: o.HTTP,
		now: o.Now, take: o.Take, rate: rateFirst,
	}
}

// From is the sender of every mail.
func (c *Client) From() string { return c.from }

// ReplyTo is where replies to a mail go; empty: to From.
func (c *Client) ReplyTo() string { return c.reply }

// Send hands over one mail as Encode made it, once. The same key with the same bytes
// within 24 hours is one mail, however often it is sent. It answers Resend's id of it.
func (c *Client) Send(ctx context.Context, key string, body []byte) (id string, err error) {
	if key == "" || len(key) > KeyMax {
		return "", &Error{Outcome: Rejected, Message: "the idempotency key is empty or too long"}
	}
	if err := c.waitForPlace(ctx); err != nil {
		return "", err
	}
	ctx, written := httpio.WatchWritten(ctx)
	req, err := c.request(ctx, http.MethodPost, "/emails", body)
	if err != nil {
		return "", &Error{Outcome: Rejected, cause: err}
	}
	req.Header.Set("Idempotency-Key", key)
	resp, err := c.http.Do(req)
	if err != nil {
		return "", noAnswer(written, err)
	}
	defer resp.Body.Close()
	answer, readErr := httpio.ReadBounded(resp.Body, httpio.AnswerMax)
	c.learn(resp)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return "", c.refusal(resp, answer)
	}
	return accepted(resp.StatusCode, answer, readErr)
}

// accepted reads the id. If the answer breaks off the mail is taken, but we do not
// know as what: the repeat gets the same answer.
func accepted(status int, body []byte, readErr error) (string, error) {
	var sent struct {
		ID string `json:"id"`
	}
	err := errors.Join(readErr, json.Unmarshal(body, &sent))
	if err == nil && sent.ID == "" {
		err = errors.New("no id")
	}
	if err != nil {
		return "", &Error{Outcome: Unknown, Status: status, cause: fmt.Errorf("read answer: %w", err)}
	}
	return sent.ID, nil
}

// Check asks for something that a key for sending may not see: being refused for that
// reason proves the key, and a key that may see it is good as well.
func (c *Client) Check(ctx context.Context) error {
	req, err := c.request(ctx, http.MethodGet, "/domains", nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask Resend: %w", httpio.WithoutURL(err))
	}
	defer resp.Body.Close()
	body, _ := httpio.ReadBounded(resp.Body, httpio.AnswerMax) // what cannot be read has no name
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	e := c.refusal(resp, body)
	if e.Status == http.StatusUnauthorized && e.Name == "restricted_api_key" || e.Limited {
		return nil
	}
	return e
}

func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("build request")
	}
	// The transport repeats a POST by itself where it can read the body again and the
	// request carries an idempotency key; when to repeat is ours to say.
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	req.Header.Set("User-Agent", c.agent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

func noAnswer(written *httpio.Written, err error) *Error {
	outcome := Retry
	if written.Any() {
		outcome = Unknown
	}
	return &Error{Outcome: outcome, cause: httpio.WithoutURL(err)}
}

// waitForPlace waits a moment for a place within the rate; a longer wait is the
// caller's, who has more to do.
func (c *Client) waitForPlace(ctx context.Context) error {
	wait, perSecond := c.known()
	if wait == 0 {
		wait = c.take(ctx, perSecond)
	}
	for left := patience; wait > 0; wait = c.take(ctx, perSecond) {
		if wait > left {
			return &Error{Outcome: Retry, RetryAfter: wait, Limited: true, Message: "rate limit known to be reached"}
		}
		select {
		case <-ctx.Done():
			return &Error{Outcome: Retry, cause: fmt.Errorf("wait for a place: %w", ctx.Err())}
		case <-time.After(wait):
		}
		left -= wait
	}
	return nil
}

// known is what the last answer said: how long nothing is allowed, and the rate.
func (c *Client) known() (wait time.Duration, perSecond int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, c.closed.Sub(c.now())), c.rate
}

// learn takes the rate headers of an answer, whatever its status.
func (c *Client) learn(resp *http.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if told, err := strconv.Atoi(resp.Header.Get("RateLimit-Limit")); err == nil && told >= 1 {
		c.rate = min(told, rateMost)
	}
	left, err := strconv.Atoi(resp.Header.Get("RateLimit-Remaining"))
	reset, ok := seconds(resp.Header.Get("RateLimit-Reset"))
	if err == nil && ok && left <= 0 {
		c.close(reset)
	}
	if told, ok := seconds(resp.Header.Get("Retry-After")); ok && resp.StatusCode == http.StatusTooManyRequests {
		c.close(min(told, closedMost)) // a quota has its own pause
	}
}

func (c *Client) close(wait time.Duration) {
	if until := c.now().Add(wait); until.After(c.closed) {
		c.closed = until
	}
}

// seconds reads whole or broken seconds of a header, up to a day.
func seconds(text string) (time.Duration, bool) {
	s, err := time.ParseDuration(strings.TrimSpace(text) + "s")
	if err != nil || s < 0 {
		return 0, false
	}
	return min(s, longestWait), true
}
