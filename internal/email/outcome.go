package email

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Outcome is what a failed send means for the mail and the mailbox.
type Outcome int

// The outcomes. Success is a nil error.
const (
	// Retry: not taken. Try again after RetryAfter, or after the caller's own back-off
	// when that is zero, with the same key and the same bytes.
	Retry Outcome = iota + 1
	// Unknown: written, no answer. The key makes a repeat harmless for 24 hours.
	Unknown
	// Rejected: Resend will never take this mail. The mailbox is fine.
	Rejected
	// Reused: another body came under this key before. What was sent then counts.
	Reused
	// Misconfigured: key, sender's domain, address of the API, or quota. Nothing gets
	// through until somebody sees to it.
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
	case Reused:
		return "reused"
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
	Name       string        // Resend's name for it; what decides beside the status
	Message    string        // Resend's words, for the log; at most 300 bytes
	RetryAfter time.Duration // how long to wait, 0 when nobody said
	Limited    bool          // a rate limit, theirs or our own knowledge of it: it uses up no attempt

	cause error
}

// Error names outcome and reason, never the address nor what the mail says.
func (e *Error) Error() string {
	switch {
	case e.cause != nil:
		return fmt.Sprintf("resend: %s: %v", e.Outcome, e.cause)
	case e.Status == 0:
		return fmt.Sprintf("resend: %s: %s", e.Outcome, e.Message)
	default:
		return fmt.Sprintf("resend: %s: status %d %s: %s", e.Outcome, e.Status, e.Name, e.Message)
	}
}

// Unwrap gives the cause of a send without an answer.
func (e *Error) Unwrap() error { return e.cause }

const (
	messageMax = 300 // bytes of Resend's words kept
	nameMax    = 60

	// quotaPause is how often we look whether a quota is full again: it is a matter of
	// a day or a month, and an operator is told meanwhile.
	quotaPause = time.Hour
)

// failure is Resend's error body. A proxy before it answers with HTML.
type failure struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

func (c *Client) refusal(resp *http.Response, body []byte) *Error {
	var f failure
	_ = json.Unmarshal(body, &f) // without a name the status decides
	e := &Error{
		Outcome: judge(resp.StatusCode, f), Status: resp.StatusCode, Name: cut(f.Name, nameMax),
		Message: cut(c.withoutMailboxes(f.Message), messageMax),
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		if isQuota(f.Name) {
			e.RetryAfter = quotaPause
			return e
		}
		e.Limited, e.RetryAfter = true, defaultWait
		if told, ok := seconds(resp.Header.Get("Retry-After")); ok {
			e.RetryAfter = max(told, time.Second)
		}
	}
	return e
}

// withoutMailboxes keeps people's addresses out of the log: Resend's words repeat them.
func (c *Client) withoutMailboxes(words string) string {
	fields := strings.Fields(words)
	for i, f := range fields {
		if strings.Contains(f, "@") && !strings.Contains(c.from, strings.Trim(f, "<>`'\".,;()")) {
			fields[i] = "[address]"
		}
	}
	return strings.Join(fields, " ")
}

func isQuota(name string) bool {
	return name == "daily_quota_exceeded" || name == "monthly_quota_exceeded"
}

// judge turns status and name into an outcome, as the contract's table has it.
func judge(status int, f failure) Outcome {
	switch {
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		if f.Name == "invalid_from_address" || f.Name == "validation_error" && strings.Contains(f.Message, "`from`") {
			return Misconfigured // every mail has the same sender
		}
		return Rejected
	case status == http.StatusConflict && f.Name == "concurrent_idempotent_requests":
		return Retry
	case status == http.StatusConflict && f.Name == "invalid_idempotent_request":
		return Reused
	case status == http.StatusTooManyRequests && isQuota(f.Name):
		return Misconfigured
	case status == http.StatusTooManyRequests, status >= 500:
		return Retry
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Misconfigured
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status < 400:
		return Misconfigured // the address is not Resend's; redirects are not followed
	default:
		return Rejected
	}
}

func cut(s string, bytes int) string {
	return strings.ToValidUTF8(s[:min(len(s), bytes)], "")
}
