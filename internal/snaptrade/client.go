// Package snaptrade speaks SnapTrade's protocol: sign, call, retry, verify, within one shared budget.
package snaptrade

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/secret"
)

// Config is what a Client needs.
type Config struct {
	BaseURL      string        // "https://api.snaptrade.com"; a path in it becomes part of what is signed
	ClientID     string        // the public half of the API key
	ConsumerKeys []secret.Text // the first signs; all of them verify webhooks (key rotation)
	Budget       *Budget       // nil: calls are not counted (tools and tests)
	Now          func() time.Time
	Logger       *slog.Logger
	Observe      func(Call) // called after every attempt; must not block
}

// Call is one attempt at a call, for metrics.
type Call struct {
	Op      string // "place option order"
	Class   Class
	Attempt int           // from 1
	Status  int           // 0 without an answer
	Quota   httpio.Quota  // what the answer says is left; zero: nothing
	Took    time.Duration // from the first dial to the last byte, without waiting for the budget
}

// User is who a call is for. The secret leaves its Text only in the query we sign.
type User struct {
	ID     string // our own immutable id: letters, digits, "_", "-"
	Secret secret.Text
}

// Client calls SnapTrade. Safe for concurrent use.
type Client struct {
	base     *url.URL
	clientID string
	keys     []secret.Text
	budget   *Budget
	now      func() time.Time
	log      *slog.Logger
	observe  func(Call)
	tls      *tls.Config // nil: the system's roots
	reads    *http.Transport
	pause    func(context.Context, time.Duration) error
	jitter   func(time.Duration) time.Duration
}

const (
	listMax     = 4 << 20 // bytes of a good answer; a year of activities is one
	errorMax    = 8 << 10 // bytes of an error answer
	readTimeout = 20 * time.Second
	dialTimeout = 5 * time.Second
	idleMax     = 16
	idleTimeout = 60 * time.Second
)

// New checks the configuration and makes a Client. Close it when done.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(cfg.BaseURL, "/"))
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, errors.New("snaptrade: base URL is not an http(s) address without user and query")
	}
	keys := slices.DeleteFunc(slices.Clone(cfg.ConsumerKeys), secret.Text.IsZero)
	if cfg.ClientID == "" || len(keys) == 0 {
		return nil, errors.New("snaptrade: client id or consumer key is empty")
	}
	c := &Client{
		base: base, clientID: cfg.ClientID, keys: keys, budget: cfg.Budget,
		now: cfg.Now, log: cfg.Logger, observe: cfg.Observe,
		pause: pause, jitter: jitter,
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.observe == nil {
		c.observe = func(Call) {}
	}
	c.reads = c.readTransport()
	return c, nil
}

// Close drops the idle connections.
func (c *Client) Close() { c.reads.CloseIdleConnections() }

// Format keeps the keys out of %v, %+v and %#v, which look into unexported fields.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "snaptrade.Client") }

// readTransport serves every call that does not trade. No proxy from the
// environment; redirects are answers, because nothing follows them.
func (c *Client) readTransport() *http.Transport {
	return &http.Transport{
		Proxy:               nil,
		DialContext:         dialer().DialContext,
		TLSClientConfig:     c.tls.Clone(),
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConnsPerHost: idleMax,
		IdleConnTimeout:     idleTimeout,
		ForceAttemptHTTP2:   true,
	}
}

// jitter spreads a wait by up to a half more, so that callers do not return together.
func jitter(d time.Duration) time.Duration { return d + rand.N(d/2+1) }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
