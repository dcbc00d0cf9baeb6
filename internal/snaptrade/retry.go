package snaptrade

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	readTries   = 4                      // the first try and three more (contract §3)
	firstWait   = 250 * time.Millisecond // doubled each time
	blindPause  = 5 * time.Second        // after a 429 that does not say for how long
	pauseWithin = 2 * time.Second        // for writing the pause down
)

// ask makes a call that does not trade and reads its answer. Reads are repeated
// after 425, 429, 502, 503, 504 and lost connections, four tries in all;
// anything else is tried once.
func (c *Client) ask(ctx context.Context, r request) (Value, error) {
	a, err := c.try(ctx, r)
	if err != nil {
		return Value{}, err
	}
	v, err := Parse(a.body)
	if err != nil {
		return Value{}, unreadable(r.op, a, err.Error())
	}
	return v, nil
}

// tell is ask for calls whose answer says nothing that we need.
func (c *Client) tell(ctx context.Context, r request) error {
	_, err := c.try(ctx, r)
	return err
}

func unreadable(op string, a answer, why string) *Error {
	return &Error{
		Op: op, Status: a.status, RequestID: a.requestID,
		cause: fmt.Errorf("%w: %s", ErrUnreadable, why),
	}
}

func (c *Client) try(ctx context.Context, r request) (answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := c.attempt(ctx, r, attempt)
		if err == nil || !r.read || attempt == readTries || !worthRepeating(ctx, err) {
			return a, err
		}
		if c.pause(ctx, c.jitter(waitBefore(attempt+1, err))) != nil {
			return a, err // the caller's time is over: what we know is better than that
		}
	}
}

// attempt takes a place in the budget, signs and sends once.
func (c *Client) attempt(ctx context.Context, r request, n int) (answer, error) {
	hide := c.scrubber(r)
	if err := r.check(); err != nil {
		return answer{}, &Error{Op: r.op, cause: fmt.Errorf("%w: %w", ErrInvalid, err)}
	}
	if err := c.take(ctx, r); err != nil {
		return answer{}, &Error{Op: r.op, cause: err}
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	req, err := c.sign(ctx, r)
	if err != nil {
		return answer{}, &Error{Op: r.op, cause: fmt.Errorf("%w: %w", ErrInvalid, err)}
	}
	started := time.Now()
	a, err := c.send(req, c.reads, hide)
	failed := c.judge(ctx, r, a, err, hide)
	c.record(ctx, r, n, a, failed, started)
	if failed != nil {
		return a, failed
	}
	return a, nil
}

// judge turns what came back into an *Error, nil when all is well, and stops everybody when
// the customer's limit is used up.
func (c *Client) judge(ctx context.Context, r request, a answer, err error, hide scrubber) *Error {
	if err != nil {
		return &Error{Op: r.op, Status: a.status, RequestID: a.requestID, cause: err}
	}
	if a.ok() {
		return nil
	}
	e := answerError(r.op, a, hide)
	if a.status == http.StatusTooManyRequests {
		c.throttled(ctx, a, e)
	}
	return e
}

// throttled stops all classes until the reset. A 429 for one resource alone
// (refreshed too soon, one account's own limit) stops nobody else.
func (c *Client) throttled(ctx context.Context, a answer, e *Error) {
	ours := a.header.Get("X-RateLimit-Remaining") == "0"
	elsewhere := a.header.Get("X-RateLimit-Remaining") != "" || e.Code == "throttled" || a.header.Get("X-RateLimit-Account-Remaining") == "0"
	if c.budget == nil || !ours && elsewhere {
		return
	}
	wait := e.RetryAfter
	if wait == 0 {
		wait = blindPause
	}
	// The caller's time may be over; the pause must be written down all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pauseWithin)
	defer cancel()
	if err := c.budget.Pause(ctx, wait); err != nil {
		c.log.ErrorContext(ctx, "snaptrade pause not written", "wait", wait, "err", err)
	}
}

// Room says how long a call of the class had better wait before it is made.
func (c *Client) Room(ctx context.Context, class Class) (time.Duration, error) {
	if c.budget == nil {
		return 0, nil
	}
	return c.budget.Room(ctx, class)
}

func (c *Client) take(ctx context.Context, r request) error {
	if c.budget == nil {
		return nil
	}
	if by, ok := ctx.Value(beginByKey{}).(time.Time); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, by)
		defer cancel()
	}
	return c.budget.Take(ctx, classOf(ctx, r.class))
}

func worthRepeating(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, ErrInvalid) {
		return false
	}
	switch StatusOf(err) {
	case http.StatusTooEarly, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return errors.Is(err, ErrNoAnswer)
}

// waitBefore is the pause before try n (from 2): what a 429 told us, else
// 250 ms doubled.
func waitBefore(n int, err error) time.Duration {
	var e *Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	return firstWait << (n - 2)
}
