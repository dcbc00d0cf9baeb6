package whop

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is the only kind of error a Client's calls return.
type Error struct {
	Call       string        // what was asked for
	Status     int           // HTTP status; 0 when there was no answer
	Type, Code string        // Whop's names for it
	Message    string        // Whop's words, for the log; at most 300 bytes
	RetryAfter time.Duration // 0 when nobody said

	open  bool // not asked at all
	cause error
}

// Error names call, status and reason, never a key nor an address.
func (e *Error) Error() string {
	switch {
	case e.cause != nil && e.Status == 0:
		return fmt.Sprintf("whop: %s: %v", e.Call, e.cause)
	case e.cause != nil:
		return fmt.Sprintf("whop: %s: status %d: %v", e.Call, e.Status, e.cause)
	case e.Status == 0:
		return fmt.Sprintf("whop: %s: %s", e.Call, e.Message)
	}
	return fmt.Sprintf("whop: %s: status %d %s: %s", e.Call, e.Status, strings.TrimSpace(e.Type+" "+e.Code), e.Message)
}

// Unwrap gives the cause of a call without a readable answer.
func (e *Error) Unwrap() error { return e.cause }

// IsNotFound tells whether Whop says that there is no such thing.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// IsAway tells whether Whop gave no usable answer for now: it is down, busy, or not
// reached. What was known before stands, and asking later is of use.
func IsAway(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.open || e.down() || e.Status == http.StatusTooManyRequests || e.Status == http.StatusConflict)
}

// down is a failure that says that Whop does not work, not that it says no.
func (e *Error) down() bool {
	return e.Status == 0 && !e.open || e.Status == http.StatusRequestTimeout || e.Status >= 500 || e.Status < 300 && e.cause != nil
}

func (e *Error) outcome() string {
	if e.Status == http.StatusTooManyRequests {
		return "limited"
	}
	return "refused"
}

// repeat is the contract's rule. A POST without an idempotency key is never repeated,
// and an answer that cannot be read is no reason to ask again.
func (e *Error) repeat(what call) bool {
	if e.open || what.method == http.MethodPost && what.key == "" {
		return false
	}
	switch e.Status {
	case 0, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	}
	return e.Status >= 500
}

func refusal(what call, resp *http.Response, body []byte) *Error {
	e := &Error{Call: what.name, Status: resp.StatusCode}
	type words struct {
		Type    string `json:"type"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	var nested struct {
		Error words `json:"error"`
	}
	var flat words // some pages show it so
	_ = json.Unmarshal(body, &nested)
	_ = json.Unmarshal(body, &flat)
	if nested.Error == (words{}) {
		nested.Error = flat
	}
	e.Type, e.Code, e.Message = cut(nested.Error.Type, 60), cut(nested.Error.Code, 60), cut(nested.Error.Message, bodyLogged)
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(min(s, 3600)) * time.Second
	}
	return e
}

func cut(s string, bytes int) string {
	return strings.ToValidUTF8(s[:min(len(s), bytes)], "")
}
