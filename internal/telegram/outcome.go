package telegram

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Outcome is what a failed call means for the message and the chat.
type Outcome int

// The outcomes. Success is a nil error.
const (
	// Retry: not taken. Try again after RetryAfter, or after the caller's own back-off
	// when that is zero.
	Retry Outcome = iota + 1
	// Unknown: written, no answer that can be read. Telegram has no idempotency key, so
	// repeat once and say so.
	Unknown
	// Rejected: Telegram will never take this message. The chat is fine.
	Rejected
	// Gone: this chat will never take anything again from us.
	Gone
	// MessageGone: the message to be edited is not there any more.
	MessageGone
	// Misconfigured: token, address, or somebody else who reads this bot's updates.
	// Nothing gets through until an operator sees to it.
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
	case Gone:
		return "gone"
	case MessageGone:
		return "message_gone"
	case Misconfigured:
		return "misconfigured"
	default:
		return "invalid"
	}
}

// Error is the only kind of error that the Client's calls return.
type Error struct {
	Outcome    Outcome
	Status     int           // HTTP status; 0 when there was no answer
	Message    string        // Telegram's words, for the log; at most 300 bytes
	RetryAfter time.Duration // how long to wait, 0 when nobody said
	Limited    bool          // a rate limit, theirs or our own: it holds for the whole bot and uses up no attempt

	// PossibleDuplicate: Telegram failed while handling it, so it may have been sent
	// all the same.
	PossibleDuplicate bool

	unparsed, unmodified bool
	cause                error
}

// Error names outcome and reason, never the address, in which the token stands.
func (e *Error) Error() string {
	switch {
	case e.cause != nil:
		return fmt.Sprintf("telegram: %s: %v", e.Outcome, e.cause)
	case e.Status == 0:
		return fmt.Sprintf("telegram: %s: %s", e.Outcome, e.Message)
	default:
		return fmt.Sprintf("telegram: %s: status %d: %s", e.Outcome, e.Status, e.Message)
	}
}

// Unwrap gives the cause of a call without an answer.
func (e *Error) Unwrap() error { return e.cause }

const messageMax = 300 // bytes of Telegram's words kept

// refusal reads an answer that is no success. Telegram's words decide where a status says
// too little; they are compared without regard to case.
func (c *Client) refusal(status int, a answer) *Error {
	words := strings.ToLower(a.Description)
	e := &Error{
		Outcome: judge(status, words), Status: status, Message: c.masked(a.Description),
		PossibleDuplicate: status >= 500 && status != http.StatusServiceUnavailable,
		unparsed:          status == http.StatusBadRequest && strings.Contains(words, "can't parse entities"),
		unmodified:        status == http.StatusBadRequest && strings.Contains(words, "message is not modified"),
	}
	if status == http.StatusTooManyRequests {
		e.Limited, e.RetryAfter = true, defaultWait
		if told := a.Parameters.RetryAfter; told > 0 {
			e.RetryAfter = time.Duration(min(told, int(longestWait/time.Second))) * time.Second
		}
	}
	return e
}

// masked keeps the token out of what is logged, should an answer ever repeat it.
func (c *Client) masked(words string) string {
	if token := c.token.Reveal(); token != "" {
		words = strings.ReplaceAll(words, token, "[token]")
	}
	return strings.ToValidUTF8(words[:min(len(words), messageMax)], "")
}

// judge turns status and words into an outcome.
func judge(status int, words string) Outcome {
	switch {
	case status == http.StatusTooManyRequests, status >= 500:
		return Retry
	case status == http.StatusUnauthorized, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return Misconfigured // the token was revoked, or the address is not Telegram's
	case status == http.StatusConflict:
		return Misconfigured // somebody polls this bot's updates besides our webhook
	case status == http.StatusForbidden:
		return Gone // blocked, deactivated, kicked, or never started: only the person can change that
	case status < 400:
		return Misconfigured // redirects are not followed
	case status == http.StatusBadRequest:
		return judgeBadRequest(words)
	default:
		return Rejected
	}
}

func judgeBadRequest(words string) Outcome {
	switch {
	case strings.Contains(words, "chat not found"):
		return Gone
	case strings.Contains(words, "upgraded to a supergroup"):
		// Only a group moves to another id (migrate_to_chat_id), and only private chats are
		// ever linked: whatever that chat is now, it is not its owner's alone.
		return Gone
	case strings.Contains(words, "message to edit not found"), strings.Contains(words, "message can't be edited"):
		return MessageGone
	}
	return Rejected
}
