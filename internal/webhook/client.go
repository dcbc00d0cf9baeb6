package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/httpio"
)

const (
	urlMax      = 1000 // characters
	hostMax     = 253
	longestWait = time.Hour
)

// hostForm is labels of 1 to 63 characters, set apart by single dots.
var hostForm = regexp.MustCompile(`^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$`)

// Client sends signed messages to addresses that users gave. Every error of Send is
// an *Error, and none of them says what the other side answered.
type Client struct {
	http  *http.Client
	agent string
	local []string
	now   func() time.Time
}

// Options configure a Client.
type Options struct {
	HTTP          *http.Client // from httpio.NewEgress: it checks the address at the moment of dialling
	AllowLoopback []string     // "host:port" of this machine; development and tests only
	UserAgent     string
	Now           func() time.Time
}

// New returns a client. It makes no call.
func New(o Options) *Client {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Client{http: o.HTTP, agent: o.UserAgent, local: slices.Clone(o.AllowLoopback), now: o.Now}
}

// ParseURL reads an address that a user gave. It must be https on its own port, name a
// host of the public Internet, and hold no user; what the name resolves to is checked
// when it is dialled. The error is a sentence for its author.
func (c *Client) ParseURL(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	u, err := url.Parse(text)
	switch {
	case len(text) > urlMax:
		return nil, fmt.Errorf("has more than %d characters", urlMax)
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("is not an address like https://example.com/hook")
	case slices.Contains(c.local, u.Host) && u.Scheme == "http":
		return u, nil
	case u.Scheme != "https":
		return nil, errors.New("must begin with https://")
	case u.User != nil:
		return nil, errors.New("must not hold a user or password")
	case u.Fragment != "":
		return nil, errors.New("must not hold a #fragment")
	case u.Port() != "" && u.Port() != "443":
		return nil, errors.New("must use the port of https, 443")
	}
	return u, publicHost(u.Hostname())
}

// publicHost refuses what can only be inside: names without a dot, and numbers. A name
// stands as name servers have it: of letters beyond ASCII the next reader may make others,
// digits among them.
func publicHost(host string) error {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if len(host) > hostMax || !hostForm.MatchString(host) {
		return errors.New("must name its host in ASCII letters, digits and dashes, as in xn--bcher-kva.example")
	}
	if _, err := netip.ParseAddr(host); err == nil || looksNumeric(host) {
		return errors.New("must name its host, not a number")
	}
	inside := !strings.Contains(host, ".")
	for _, zone := range []string{".localhost", ".local", ".internal", ".lan", ".home.arpa", ".onion"} {
		inside = inside || strings.HasSuffix(host, zone)
	}
	if inside {
		return errors.New("must name a host of the public Internet")
	}
	return nil
}

// looksNumeric finds the other forms of an IPv4 address: 127.1, 0x7f000001.
func looksNumeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil
}

// Send hands over one message, once. It is signed with every key: while a key is being
// replaced the receiver may know either. A repeat has the same id.
func (c *Client) Send(ctx context.Context, to string, keys []Key, id string, body []byte) error {
	u, err := c.ParseURL(to)
	if err != nil {
		return &Error{Outcome: Gone, cause: errors.New("the stored address is none that we call")}
	}
	ctx, written := httpio.WatchWritten(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return &Error{Outcome: Gone, cause: errors.New("build request")}
	}
	c.sign(req, keys, id, body)
	resp, err := c.http.Do(req)
	if err != nil {
		return noAnswer(written, err)
	}
	// What it answers besides the status is of no interest, and nobody is told of it.
	_ = resp.Body.Close()
	return c.understand(resp)
}

func (c *Client) sign(req *http.Request, keys []Key, id string, body []byte) {
	at := c.now()
	signatures := make([]string, len(keys))
	for i, k := range keys {
		signatures[i] = k.Sign(id, at, body)
	}
	req.GetBody = nil // the transport must not repeat it by itself
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
}

func noAnswer(written *httpio.Written, err error) *Error {
	switch {
	case errors.Is(err, httpio.ErrAddressRefused):
		return &Error{Outcome: Refused, cause: errors.New("its name leads to no public address")}
	case written.Any():
		return &Error{Outcome: Unknown, cause: errors.New("no answer")}
	}
	return &Error{Outcome: Retry, cause: errors.New("not reached")}
}

// Outcome is what a failed send means.
type Outcome int

// The outcomes. Success is a nil error.
const (
	Retry   Outcome = iota + 1 // not taken now: again later
	Unknown                    // written, no answer
	Refused                    // this message is not taken; one after the other, the receiver is dead
	Gone                       // the receiver says that it wants no more
)

// Error is the only kind of error that Send returns. It says nothing of what the other
// side answered: who gives us an address must not learn of a network by it.
type Error struct {
	Outcome    Outcome
	RetryAfter time.Duration
	Limited    bool // a 429: it uses up no attempt

	cause error
}

// Error is a sentence for the owner of the address.
func (e *Error) Error() string { return "webhook: " + e.cause.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

func (c *Client) understand(resp *http.Response) error {
	switch status := resp.StatusCode; {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusGone:
		return &Error{Outcome: Gone, cause: errors.New("the receiver wants no more")}
	case status == http.StatusTooManyRequests:
		return &Error{Outcome: Retry, Limited: true, RetryAfter: c.retryAfter(resp), cause: errors.New("the receiver asks to wait")}
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		return &Error{Outcome: Retry, RetryAfter: c.retryAfter(resp), cause: errors.New("the receiver failed")}
	default: // redirects too: we follow none
		return &Error{Outcome: Refused, cause: errors.New("the receiver refused it")}
	}
}

// retryAfter reads seconds or a date, at most an hour; 0 when there is neither.
func (c *Client) retryAfter(resp *http.Response) time.Duration {
	told := resp.Header.Get("Retry-After")
	if s, err := strconv.Atoi(told); err == nil && s > 0 {
		return time.Duration(min(s, int(longestWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(told); err == nil {
		return min(max(0, at.Sub(c.now())), longestWait)
	}
	return 0
}
