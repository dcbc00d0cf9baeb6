package getstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	stream "github.com/GetStream/stream-go2/v8"

	"github.com/alertsify/alertsify/internal/httpio"
)

// Outcome is what a failed call means for what was to be written.
type Outcome int

// The outcomes. Success is a nil error.
const (
	// Retry: not done. Try again after RetryAfter, or after the caller's own
	// back-off when that is zero.
	Retry Outcome = iota + 1
	// Unknown: written, no readable answer. Repeating is harmless.
	Unknown
	// Rejected: GetStream will never take this; a human should look.
	Rejected
	// Misconfigured: key, secret, app or feed group is wrong; nothing will get
	// through until somebody mends it.
	Misconfigured
)

// String is the word used in logs, metrics and delivery rows.
func (o Outcome) String() string {
	switch o {
	case Retry:
		return "retry"
	case Unknown:
		return "unknown"
	case Rejected:
		return "rejected"
	case Misconfigured:
		return "misconfigured"
	default:
		return "invalid"
	}
}

// Error is the only kind of error the Client's calls return.
type Error struct {
	Outcome    Outcome
	Status     int // HTTP status; 0 when there was no answer
	Code       int // GetStream's error code; 0 when there was none
	RetryAfter time.Duration
	Limited    bool // a 429: it does not use up an attempt

	doing string
	cause error
}

// Error says what was tried and why it failed; it holds no key and no address.
func (e *Error) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("getstream: %s: %s: %v", e.doing, e.Outcome, e.cause)
	}
	return fmt.Sprintf("getstream: %s: %s: status %d, code %d: %v", e.doing, e.Outcome, e.Status, e.Code, e.cause)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// errInvalid marks what we refuse to send.
var errInvalid = errors.New("not sent")

func invalid(err error) error { return fmt.Errorf("%w: %w", errInvalid, err) }

const (
	codeNoSuchGroup = 6
	codeSuspended   = 7
)

// attempt makes one call of the module and turns what comes of it into an
// *Error, including its panics on answers it does not expect.
func (c *Client) attempt(ctx context.Context, doing string, call func(context.Context) error) (err error) {
	ctx, written := httpio.WatchWritten(ctx)
	ctx, seen := withStatus(ctx)
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Outcome: outcomeWithoutAnswer(written), Status: *seen, doing: doing, cause: fmt.Errorf("unreadable answer: %v", p)}
		}
	}()
	if err := call(ctx); err != nil {
		return c.judge(doing, *seen, written, err)
	}
	return nil
}

func (c *Client) judge(doing string, status int, written *httpio.Written, err error) *Error {
	e := &Error{Status: status, doing: doing, cause: httpio.WithoutURL(err)}
	var answered stream.APIError // a value type: ToAPIError misses wrapped ones
	if errors.As(err, &answered) {
		e.Code = answered.Code
	}
	switch {
	case errors.Is(err, errInvalid):
		e.Outcome = Rejected
	case status == 0 || status/100 == 2:
		e.Outcome = outcomeWithoutAnswer(written)
	case status == http.StatusTooManyRequests:
		e.Outcome, e.Limited, e.RetryAfter = Retry, true, c.untilReset(answered.Rate)
	case status >= 500:
		e.Outcome = Retry
	case isMisconfigured(status, e.Code):
		e.Outcome = Misconfigured
	default:
		e.Outcome = Rejected
	}
	return e
}

func outcomeWithoutAnswer(written *httpio.Written) Outcome {
	if written.Any() {
		return Unknown
	}
	return Retry
}

func isMisconfigured(status, code int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || code == codeNoSuchGroup || code == codeSuspended
}

const longestWait = time.Hour // GetStream's limits are per minute, quarter and hour

// untilReset is how long the 429 lasts; 0 when GetStream did not say.
func (c *Client) untilReset(rate *stream.Rate) time.Duration {
	if rate == nil || rate.Reset.IsZero() {
		return 0
	}
	return min(max(0, rate.Reset.Sub(c.now())), longestWait)
}

func unlessNotFound(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusNotFound {
		return nil
	}
	return err
}
