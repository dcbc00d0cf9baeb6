package snaptrade

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
)

// Error is a call that did not succeed. It never holds an address or a secret.
type Error struct {
	Op         string        // what was being done, "list accounts"
	Status     int           // HTTP status; 0 when there was no answer
	Code       string        // SnapTrade's code, "1011"; often empty
	Message    string        // SnapTrade's or the broker's words, at most 1,000 bytes
	RequestID  string        // X-Request-ID, for SnapTrade's support
	RetryAfter time.Duration // how long a 429 asks to wait; 0 when it does not say
	Body       string        // the raw answer, at most 8 KiB

	cause error // no answer, an unreadable one, or a request that we refused to send
}

// Error says what failed, and how, in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "snaptrade: %s:", e.Op)
	if e.Status != 0 {
		fmt.Fprintf(&b, " status %d", e.Status)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " code %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, " %q", e.Message)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, " %v", e.cause)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	return b.String()
}

// Unwrap gives the cause: a context's end, ErrNotSent, ErrUnreadable.
func (e *Error) Unwrap() error { return e.cause }

// ErrUnreadable is the cause of an Error whose answer was successful but not
// what the contract promises.
var ErrUnreadable = errors.New("unreadable answer")

// ErrInvalid is the cause of an Error for a request that breaks our own rules
// (contract §2.3) and so was not sent.
var ErrInvalid = errors.New("request not sendable")

// ErrNoAnswer is the cause of an Error whose call got no complete answer.
var ErrNoAnswer = errors.New("no answer")

// StatusOf gives the HTTP status in err, 0 when there is none.
func StatusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// CodeOf gives SnapTrade's code in err, "" when there is none.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

const (
	messageMax = 1000 // bytes kept of a broker's text
	redacted   = "[redacted]"
)

// answerError reads an error answer in any of SnapTrade's shapes (contract §3).
func answerError(op string, a answer, hide scrubber) *Error {
	e := &Error{
		Op: op, Status: a.status,
		RequestID:  a.requestID,
		RetryAfter: a.retryAfter(),
		Body:       hide.clean(string(a.body)),
	}
	if v, err := Parse(a.body); err == nil {
		// Cleaned before it is cut: half a secret is no longer recognised.
		e.Message = cut(hide.clean(firstText(v, "detail", "default_detail", "error", "message")))
		e.Code = cut(hide.clean(firstText(v, "code", "default_code")))
	}
	return e
}

// firstText gives the first of the keys that is there: a string's content, or
// whatever else it is as JSON.
func firstText(v Value, keys ...string) string {
	for _, key := range keys {
		switch found := v.Get(key); found.Kind() {
		case Missing, Null:
		case String:
			return found.Text()
		default:
			return string(found.Canonical())
		}
	}
	return ""
}

func cut(text string) string {
	if len(text) <= messageMax {
		return text
	}
	return strings.ToValidUTF8(text[:messageMax], "") + "…"
}

// retryAfter is what a 429 asks for: the limit that is used up says when it
// opens again, in seconds (contract §11). At most two minutes: the window has one.
func (a answer) retryAfter() time.Duration {
	if a.status != http.StatusTooManyRequests {
		return 0
	}
	for _, limit := range []string{"X-RateLimit-", "X-RateLimit-Account-"} {
		if a.header.Get(limit+"Remaining") == "0" {
			return seconds(a.header.Get(limit + "Reset"))
		}
	}
	return seconds(a.header.Get("Retry-After"))
}

const resetMax = 2 * time.Minute

func seconds(text string) time.Duration {
	n, ok := readDecimal(strings.TrimSpace(text))
	if !ok || n == nil || n.IsNegative() {
		return 0
	}
	whole := n.Ceil().BigInt()
	if !whole.IsInt64() || whole.Int64() > int64(resetMax/time.Second) {
		return resetMax
	}
	return time.Duration(whole.Int64()) * time.Second
}

// scrubber takes secrets out of whatever the other side or the network said.
type scrubber struct{ replace *strings.Replacer }

func newScrubber(secrets ...secret.Text) scrubber {
	var pairs []string
	for _, s := range secrets {
		if s.IsZero() {
			continue
		}
		for _, form := range spellings(s.Reveal()) {
			pairs = append(pairs, form, redacted)
		}
	}
	return scrubber{strings.NewReplacer(pairs...)}
}

// spellings are the forms in which a text can come back: as it is, in a query,
// in a path, in JSON.
func spellings(text string) []string {
	quoted := string(appendString(nil, text))
	return []string{text, url.QueryEscape(text), url.PathEscape(text), quoted[1 : len(quoted)-1]}
}

func (s scrubber) clean(text string) string { return s.replace.Replace(text) }

// failure is a transport error with the address and all secrets taken out. It
// remembers only which well-known error it was.
type failure struct {
	text string
	is   []error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return f.is }
