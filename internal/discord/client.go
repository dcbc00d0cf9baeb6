package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
)

const (
	// DefaultBaseURL is Discord itself.
	DefaultBaseURL = "https://discord.com"

	apiPath = "/api/v10/webhooks/"

	// Discord bans an address for about an hour after 10,000 answers of 401,
	// 403 or 429 within 10 minutes. We stop at a tenth of that.
	invalidMax    = 1000
	invalidWindow = 10 * time.Minute

	breakInvalid = "invalid requests" // the one name in the breaker; it stops every webhook
)

// Options configure a Client.
type Options struct {
	BaseURL   string       // default DefaultBaseURL; operator configuration, never a user's
	UserAgent string       // "DiscordBot (https://our.url, version)"; others can be blocked
	HTTP      *http.Client // from httpio.NewEgress
	Limits    *Limits      // default: an own one
	Now       func() time.Time
	Jitter    func() time.Duration // added to every wait Discord asks for; default 50 to 250 ms
}

// Client calls Discord's webhook routes. One request per webhook flies at a
// time. Every error of its calls is an *Error.
type Client struct {
	base    string
	agent   string
	http    *http.Client
	limits  *Limits
	breaker *httpio.Breaker
	now     func() time.Time
	jitter  func() time.Duration
}

// New returns a client. It makes no call.
func New(o Options) *Client {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Limits == nil {
		o.Limits = NewLimits(o.Now)
	}
	if o.Jitter == nil {
		o.Jitter = func() time.Duration { return jitterMin + rand.N(jitterSpread) }
	}
	return &Client{
		base:   strings.TrimRight(o.BaseURL, "/") + apiPath,
		agent:  o.UserAgent,
		http:   o.HTTP,
		limits: o.Limits,
		breaker: httpio.NewBreaker(httpio.BreakerOptions{
			Failures: invalidMax, Window: invalidWindow, Pause: invalidWindow, Now: o.Now,
		}),
		now:    o.Now,
		jitter: o.Jitter,
	}
}

// Sent is where a message ended up.
type Sent struct {
	MessageID string `json:"id"`
	ChannelID string `json:"channel_id"`
}

// Info describes a webhook, for the check when a user saves one.
type Info struct {
	ID        string `json:"id"`
	Type      int    `json:"type"` // 1: incoming, the only kind that can be posted to
	Name      string `json:"name"`
	ChannelID string `json:"channel_id"`
	GuildID   string `json:"guild_id"`
}

// Incoming reports whether messages can be posted to this kind of webhook.
func (i Info) Incoming() bool { return i.Type == 1 }

// Execute posts a message and waits until Discord has stored it.
func (c *Client) Execute(ctx context.Context, w Webhook, m Message) (Sent, error) {
	if err := m.Check(); err != nil {
		return Sent{}, &Error{Outcome: Rejected, cause: fmt.Errorf("check message: %w", err)}
	}
	var sent Sent
	err := c.call(ctx, w, request{route: "create", method: http.MethodPost, query: threadQuery(w, true), body: m.wire()}, &sent)
	return sent, err
}

// Edit replaces the content and all embeds of a message posted before.
func (c *Client) Edit(ctx context.Context, w Webhook, messageID string, m Message) (Sent, error) {
	if err := m.Check(); err != nil {
		return Sent{}, &Error{Outcome: Rejected, cause: fmt.Errorf("check message: %w", err)}
	}
	var sent Sent
	err := c.call(ctx, w, messageRequest(w, "edit", http.MethodPatch, messageID, m.wire()), &sent)
	return sent, err
}

// GetMessage asks whether a message still exists.
func (c *Client) GetMessage(ctx context.Context, w Webhook, messageID string) (Sent, error) {
	var sent Sent
	err := c.call(ctx, w, messageRequest(w, "read", http.MethodGet, messageID, nil), &sent)
	return sent, err
}

// DeleteMessage removes a message posted before.
func (c *Client) DeleteMessage(ctx context.Context, w Webhook, messageID string) error {
	return c.call(ctx, w, messageRequest(w, "remove", http.MethodDelete, messageID, nil), nil)
}

// Get asks Discord about the webhook itself; the token is all it takes. Limit
// how often a user may ask: failed guesses count against everybody's address.
func (c *Client) Get(ctx context.Context, w Webhook) (Info, error) {
	var info Info
	err := c.call(ctx, w, request{route: "webhook", method: http.MethodGet}, &info)
	return info, err
}

// Delete removes the webhook itself, when a user disconnects one we created.
func (c *Client) Delete(ctx context.Context, w Webhook) error {
	return c.call(ctx, w, request{route: "webhook", method: http.MethodDelete}, nil)
}

// request is one call in terms of the webhook.
type request struct {
	route  string // the kind of route, for rate buckets
	method string
	path   string // after the webhook's own
	query  url.Values
	body   any
}

func messageRequest(w Webhook, route, method, messageID string, body any) request {
	return request{
		route:  route,
		method: method,
		path:   "/messages/" + url.PathEscape(messageID),
		query:  threadQuery(w, false),
		body:   body,
	}
}

// threadQuery always asks to wait: without it Discord answers before it has
// stored the message, and gives no id to edit it by.
func threadQuery(w Webhook, wait bool) url.Values {
	q := url.Values{}
	if wait {
		q.Set("wait", "true")
	}
	if w.ThreadID != "" {
		q.Set("thread_id", w.ThreadID)
	}
	return q
}

// call makes one request and never repeats it: when to try again is the
// caller's decision.
func (c *Client) call(ctx context.Context, w Webhook, r request, into any) error {
	release, err := c.limits.takeTurn(ctx, w.ID)
	if err != nil {
		return &Error{Outcome: Retry, cause: fmt.Errorf("wait for a turn: %w", err)}
	}
	defer release()
	if held := c.heldBack(w, r.route); held != nil {
		return held
	}
	ctx, written := httpio.WatchWritten(ctx)
	req, err := c.build(ctx, w, r)
	if err != nil {
		return &Error{Outcome: Rejected, cause: err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return noAnswer(written, err)
	}
	defer resp.Body.Close()
	body, err := httpio.ReadBounded(resp.Body, httpio.AnswerMax)
	return c.understand(w, r.route, answer{resp, body, err}, into)
}

// heldBack refuses a call of which we know that Discord would refuse it.
func (c *Client) heldBack(w Webhook, route string) *Error {
	if wait, ok := c.breaker.Allow(breakInvalid); !ok {
		return &Error{Outcome: Retry, RetryAfter: wait, Limited: true, Global: true, Message: "paused: too many refused requests"}
	}
	wait, global := c.limits.Wait(route, w.ID)
	if wait > 0 {
		return &Error{Outcome: Retry, RetryAfter: wait + c.jitter(), Limited: true, Global: global, Message: "rate limit known to be reached"}
	}
	return nil
}

// Closed is how long a webhook takes neither messages nor edits any more, as far as we
// know; 0 when it takes both.
func (c *Client) Closed(w Webhook) time.Duration {
	create, _ := c.limits.Wait("create", w.ID)
	edit, _ := c.limits.Wait("edit", w.ID)
	if wait := max(create, edit); wait > 0 {
		return wait + c.jitter()
	}
	return 0
}

func (c *Client) build(ctx context.Context, w Webhook, r request) (*http.Request, error) {
	address := c.base + url.PathEscape(w.ID) + "/" + url.PathEscape(w.Token.Reveal()) + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body bytes.Buffer
	if r.body != nil {
		if err := json.NewEncoder(&body).Encode(r.body); err != nil {
			return nil, fmt.Errorf("encode message: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, &body)
	if err != nil {
		return nil, errors.New("build request") // the cause would repeat the address
	}
	req.Header.Set("User-Agent", c.agent)
	if r.body != nil {
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
