// Package fault gives every error a code for programs, a status for HTTP and a sentence safe to show people.
package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// Error is a failure with two audiences: Code and Details for programs, Public
// for people. Cause is for the log only and never leaves the process.
type Error struct {
	Code       string
	Status     int
	Public     string
	Details    map[string]any
	RetryAfter time.Duration // sent as Retry-After when positive
	Cause      error
}

// Error is what the log shows: the code, the sentence and the cause.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Public, e.Cause)
	}
	return e.Code + ": " + e.Public
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes two faults equal when their codes are, so that
// errors.Is(err, fault.NotFound()) asks for the kind.
func (e *Error) Is(target error) bool {
	var other *Error
	return errors.As(target, &other) && other.Code == e.Code
}

// With adds one machine-readable detail.
func (e *Error) With(key string, value any) *Error {
	if e.Details == nil {
		e.Details = map[string]any{}
	}
	e.Details[key] = value
	return e
}

// Compared are the numbers that a refusal compared, as a JSON object; what a person
// could say to it ("confirm") is none of them.
func (e *Error) Compared() json.RawMessage {
	numbers := maps.Clone(e.Details)
	delete(numbers, "confirm")
	text, err := json.Marshal(numbers)
	if err != nil || len(numbers) == 0 {
		return json.RawMessage("{}")
	}
	return text
}

// Because attaches what the log should know.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

// New makes a fault of any code.
func New(status int, code, public string) *Error {
	return &Error{Status: status, Code: code, Public: public}
}

// CodeOf returns the code of err, or "internal" when it carries none.
func CodeOf(err error) string {
	var f *Error
	if errors.As(err, &f) {
		return f.Code
	}
	return "internal"
}

// InvalidJSON is a body that is not the JSON we asked for.
func InvalidJSON(public string) *Error {
	return New(http.StatusBadRequest, "invalid_json", public)
}

// KeyRequired is a missing or malformed Idempotency-Key.
func KeyRequired() *Error {
	return New(http.StatusBadRequest, "idempotency_key_required",
		"Send an Idempotency-Key header of 16 to 255 printable characters.")
}

// Unauthenticated is a request from nobody we know.
func Unauthenticated() *Error {
	return New(http.StatusUnauthorized, "unauthenticated", "Sign in first.")
}

// InvalidSignature is a webhook that its provider did not sign.
func InvalidSignature() *Error {
	return New(http.StatusUnauthorized, "invalid_signature", "The signature is missing or wrong.")
}

// CSRF is an unsafe request from another origin.
func CSRF() *Error {
	return New(http.StatusForbidden, "csrf_failed", "This request came from another site.")
}

// Forbidden is a role or scope that does not reach.
func Forbidden(public string) *Error {
	return New(http.StatusForbidden, "forbidden", public)
}

// ReauthRequired asks for a fresh sign-in before a sensitive change.
func ReauthRequired() *Error {
	return New(http.StatusForbidden, "reauth_required", "Sign in again to do this.")
}

// NotFound is both "not there" and "not yours": the two answers must not differ.
func NotFound() *Error {
	return New(http.StatusNotFound, "not_found", "Not found.")
}

// Method is a method the path does not have.
func Method() *Error {
	return New(http.StatusMethodNotAllowed, "method_not_allowed", "This path does not take that method.")
}

// Conflict is a request the present state does not allow.
func Conflict(code, public string) *Error {
	return New(http.StatusConflict, code, public)
}

// TooLarge is a body over its limit.
func TooLarge() *Error {
	return New(http.StatusRequestEntityTooLarge, "body_too_large", "The request body is too large.")
}

// NotJSON is a body of another content type.
func NotJSON() *Error {
	return New(http.StatusUnsupportedMediaType, "unsupported_media_type", "Send Content-Type: application/json.")
}

// Validation is a well-formed request with values that cannot be right. The
// details carry the sentence for each field.
func Validation(fields map[string]string) *Error {
	e := New(http.StatusUnprocessableEntity, "validation_failed", "Some fields are not valid.")
	named := make(map[string]any, len(fields))
	for field, sentence := range fields {
		named[field] = sentence
	}
	if len(fields) == 1 {
		for field, sentence := range fields {
			e.Public = field + ": " + sentence
		}
	}
	return e.With("fields", named)
}

// Field is Validation of a single field.
func Field(name, sentence string) *Error {
	return Validation(map[string]string{name: sentence})
}

// Risk is a refusal of a risk check; name is the part after "risk_".
func Risk(name, public string) *Error {
	return New(http.StatusUnprocessableEntity, "risk_"+name, public)
}

// RateLimited asks to come back later.
func RateLimited(after time.Duration) *Error {
	e := New(http.StatusTooManyRequests, "rate_limited", "Too many requests. Try again shortly.")
	e.RetryAfter = after
	return e
}

// Unavailable is a part of ours that is away for now.
func Unavailable(cause error) *Error {
	e := New(http.StatusServiceUnavailable, "unavailable", "Temporarily unavailable. Try again shortly.")
	e.RetryAfter = 2 * time.Second
	e.Cause = cause
	return e
}

// Internal is our bug; people get no detail but the request id.
func Internal(cause error) *Error {
	e := New(http.StatusInternalServerError, "internal", "Something went wrong on our side.")
	e.Cause = cause
	return e
}

// Of turns any error into a fault: itself when it is one, else Internal.
func Of(err error) *Error {
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return Internal(err)
}
