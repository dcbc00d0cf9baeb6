package webpush

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Outcome is what a failed send means for the message and the subscription.
type Outcome int

// The outcomes. Success is a nil error.
const (
	// Retry: not accepted. Try again after RetryAfter, or after the caller's own
	// back-off when that is zero, while the message is still worth sending.
	Retry Outcome = iota + 1
	// Unknown: written, no answer. Repeating is harmless: the notification's tag
	// makes a second one replace the first.
	Unknown
	// Rejected: this message will never be taken. The subscription is fine.
	Rejected
	// TooLarge: send once more, in the short form.
	TooLarge
	// Gone: the subscription is dead. Disable it; the page subscribes anew.
	Gone
	// Misconfigured: our key or signature was refused. Stop this push host and
	// alert an admin; delete nothing.
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
	case TooLarge:
		return "too_large"
	case Gone:
		return "gone"
	case Misconfigured:
		return "misconfigured"
	default:
		return "invalid"
	}
}

// Error is the only kind of error that Send returns.
type Error struct {
	Outcome    Outcome
	Status     int           // HTTP status; 0 when there was no answer
	Message    string        // the service's words, for the log; at most 300 bytes
	RetryAfter time.Duration // as told by the service; 0 when it did not say
	Limited    bool          // a 429: it does not use up an attempt

	cause error
}

// Error names outcome and reason, never the endpoint.
func (e *Error) Error() string {
	switch {
	case e.cause != nil:
		return fmt.Sprintf("web push: %s: %v", e.Outcome, e.cause)
	case e.Status == 0:
		return fmt.Sprintf("web push: %s: %s", e.Outcome, e.Message)
	default:
		return fmt.Sprintf("web push: %s: status %d: %s", e.Outcome, e.Status, e.Message)
	}
}

// Unwrap gives the cause of a send without an answer.
func (e *Error) Unwrap() error { return e.cause }

const errorMessageMax = 300 // bytes of the service's words kept

func (c *Client) understand(s Subscription, resp *http.Response, body []byte) error {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	words := strings.ReplaceAll(string(body), s.Endpoint, "[endpoint]") // before it is cut: half of it is a secret too
	return &Error{
		Outcome:    c.judge(resp.StatusCode, s.KeyID),
		Status:     resp.StatusCode,
		Message:    strings.ToValidUTF8(words[:min(len(words), errorMessageMax)], ""),
		RetryAfter: c.retryAfter(resp.Header),
		Limited:    resp.StatusCode == http.StatusTooManyRequests,
	}
}

func (c *Client) judge(status int, keyID string) Outcome {
	switch {
	case status == http.StatusNotFound, status == http.StatusGone:
		return Gone
	case status == http.StatusForbidden && keyID != "" && keyID != c.current.ID():
		return Gone // made with an old key that is no longer accepted for it
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Misconfigured
	case status == http.StatusRequestEntityTooLarge:
		return TooLarge
	case status == http.StatusTooManyRequests, status >= 500:
		return Retry
	default:
		return Rejected // also every redirect: we never follow one
	}
}

func isNetwork(err error) bool {
	var withURL *url.Error
	return errors.As(err, &withURL)
}
