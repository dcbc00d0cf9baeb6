package snaptrade

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Outcome says what is known after a trading call failed.
type Outcome uint8

const (
	// Unknown says that the request may have been carried out. Never send it again; look.
	// It is the zero value, so that what nobody judged counts as unknown.
	Unknown Outcome = iota
	// NotSent says that nothing was carried out, and it may be sent again after RetryAfter:
	// no byte was written, or SnapTrade refused it with 429 before processing it.
	NotSent
	// Refused says that it was definitely refused: SnapTrade's own error for 400, 401,
	// 402, 403, 404 or 410, or (Status 0) our own rules before anything was sent.
	Refused
)

// String names the outcome for logs.
func (o Outcome) String() string {
	switch o {
	case NotSent:
		return "not sent"
	case Refused:
		return "refused"
	default:
		return "unknown"
	}
}

// PlaceError is what PlaceOption, CancelOrder and ReplaceOption return, always.
type PlaceError struct {
	Outcome Outcome
	Err     *Error // status, code, the broker's words, RetryAfter; never nil
}

// Error says the outcome and the cause.
func (e *PlaceError) Error() string { return e.Outcome.String() + ": " + e.Err.Error() }

// Unwrap gives the *Error.
func (e *PlaceError) Unwrap() error { return e.Err }

// OutcomeOf reads the outcome of a trading call's error. Anything that is not a
// PlaceError is Unknown.
func OutcomeOf(err error) Outcome {
	var e *PlaceError
	if errors.As(err, &e) {
		return e.Outcome
	}
	return Unknown
}

// tradeTimeout holds for a caller that gave no deadline; placing needs 30 s or more (contract §8.6).
const tradeTimeout = 45 * time.Second

// once makes exactly one attempt at a call that trades, on a connection of its
// own, and says what is known when it fails (correctness §3, Claim and send).
func (c *Client) once(ctx context.Context, r request) (Value, answer, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, tradeTimeout)
		defer cancel()
	}
	if err := r.check(); err != nil {
		return Value{}, answer{}, invalid(r.op, err)
	}
	if err := c.take(ctx, r); err != nil {
		return Value{}, answer{}, &PlaceError{NotSent, &Error{Op: r.op, cause: err}}
	}
	req, err := c.sign(ctx, r)
	if err != nil {
		return Value{}, answer{}, invalid(r.op, err)
	}
	a, failed := c.single(req, r)
	if failed != nil {
		return Value{}, a, failed
	}
	v, parseErr := Parse(a.body)
	if parseErr != nil {
		return Value{}, a, &PlaceError{Unknown, unreadable(r.op, a, parseErr.Error())}
	}
	return v, a, nil
}

// invalid is the answer to a request that breaks our own rules: it can never be
// sent, so asking again would not help.
func invalid(op string, err error) *PlaceError {
	return &PlaceError{Refused, &Error{Op: op, Message: err.Error(), cause: fmt.Errorf("%w: %w", ErrInvalid, err)}}
}

// single sends over a fresh connection and judges the outcome.
func (c *Client) single(req *http.Request, r request) (answer, *PlaceError) {
	ctx, hide, started := req.Context(), c.scrubber(r), time.Now()
	g := &gate{ctx: ctx}
	transport := c.singleTransport(g)
	defer transport.CloseIdleConnections()
	a, err := c.send(req, transport, hide)
	wrote := g.shut()
	failed := c.judge(ctx, r, a, err, hide)
	c.record(ctx, r, 1, a, failed, started)
	if failed == nil {
		return a, nil
	}
	if a.status == http.StatusTooManyRequests && failed.RetryAfter == 0 {
		failed.RetryAfter = blindPause
	}
	return a, &PlaceError{outcome(a, wrote, err != nil), failed}
}

// outcome is the whole rule: T5, T6 and T7 of correctness §3.
func outcome(a answer, wrote, broken bool) Outcome {
	switch {
	case !wrote:
		return NotSent
	case broken:
		return Unknown
	case a.status == http.StatusTooManyRequests:
		return NotSent
	case refusal(a.status) && ownError(a.body):
		return Refused
	default:
		return Unknown
	}
}

// refusal reports whether a status definitely means "not placed" (contract §8.6).
func refusal(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusPaymentRequired,
		http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

// ownError tells SnapTrade's JSON error from the page of a proxy in between,
// which knows nothing of the order.
func ownError(body []byte) bool {
	v, err := Parse(body)
	return err == nil && firstText(v, "detail", "default_detail", "error", "message", "code", "default_code") != ""
}

// singleTransport dials one HTTP/1.1 connection and uses it once. Go's transport
// repeats a request only on a connection that was used before, so never here;
// the request carries no idempotency header, which would allow it.
func (c *Client) singleTransport(g *gate) *http.Transport {
	config := c.tls.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.NextProtos = []string{"http/1.1"}
	secure := &tls.Dialer{NetDialer: dialer(), Config: config}
	return &http.Transport{
		Proxy:              nil,
		DisableKeepAlives:  true,
		DisableCompression: true,
		DialContext:        g.wrap(dialer().DialContext),
		DialTLSContext:     g.wrap(secure.DialContext),
	}
}

func dialer() *net.Dialer { return &net.Dialer{Timeout: dialTimeout} }

// errGateShut is what a connection says that must not write any more.
var errGateShut = errors.New("too late to send")

// gate stands above TLS, before the first byte of a request. It remembers
// whether one went through, and once shut lets none follow: the transport's
// writer may still be on its way when the call has already returned.
type gate struct {
	ctx    context.Context //nolint:containedctx // the request's own; a gate lives for one request
	mu     sync.Mutex
	wrote  bool
	closed bool
}

// pass is asked before every write. A process that was frozen wakes up after
// its deadline, perhaps before its timers fire: so the clock is read here.
func (g *gate) pass() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errGateShut
	}
	deadline, _ := g.ctx.Deadline()
	if !g.wrote && (g.ctx.Err() != nil || !time.Now().Before(deadline)) {
		return errGateShut
	}
	g.wrote = true
	return nil
}

// shut closes the gate and reports whether anything may have gone through.
func (g *gate) shut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return g.wrote
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (g *gate) wrap(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &gatedConn{Conn: conn, gate: g}, nil
	}
}

type gatedConn struct {
	net.Conn
	gate *gate
}

func (c *gatedConn) Write(b []byte) (int, error) {
	if err := c.gate.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
