package discord

import (
	"fmt"
	"time"
)

// Outcome is what a failed call means for the message and its destination.
type Outcome int

// The outcomes. Success is a nil error.
const (
	// Retry: nothing was posted. Try again after RetryAfter, or after the
	// caller's own back-off when that is zero.
	Retry Outcome = iota + 1
	// Unknown: the request was written and no answer came. It may have been
	// posted; Discord has no idempotency key, so repeat once and say so.
	Unknown
	// Rejected: Discord will never take this message. The destination is fine.
	Rejected
	// Gone: the webhook or its channel is dead. Stop for good and tell the owner.
	Gone
	// MessageGone: the message to be edited was deleted by somebody. Forget its
	// id and do not post it again. The destination is fine.
	MessageGone
	// Misconfigured: the thread setting does not fit the channel, or the thread
	// is locked. Pause the destination and tell the owner.
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

// Error is the only kind of error the Client's calls return.
type Error struct {
	Outcome    Outcome
	Status     int           // HTTP status; 0 when there was no answer
	Code       int           // Discord's JSON error code; 0 when there was none
	Message    string        // Discord's words, for the log; at most 300 bytes
	RetryAfter time.Duration // with Retry: how long to wait, 0 when Discord did not say

	// Limited: refused by a rate limit, theirs or our own knowledge of it. It
	// does not use up an attempt.
	Limited bool
	// Global: the wait is for every webhook of this installation, not just this one.
	Global bool
	// Alone: the wait is for this message only, not for its webhook.
	Alone bool
	// PossibleDuplicate: Discord failed while handling it, so it may have been
	// posted all the same.
	PossibleDuplicate bool

	cause error
}

// Error names the outcome and the reason, never the address or the token.
func (e *Error) Error() string {
	switch {
	case e.cause != nil:
		return fmt.Sprintf("discord: %s: %v", e.Outcome, e.cause)
	case e.Status == 0:
		return fmt.Sprintf("discord: %s: %s", e.Outcome, e.Message)
	default:
		return fmt.Sprintf("discord: %s: status %d, code %d: %s", e.Outcome, e.Status, e.Code, e.Message)
	}
}

// Unwrap gives the cause of a call without an answer.
func (e *Error) Unwrap() error { return e.cause }

// Error codes of Discord's API that we tell apart.
const (
	codeUnknownChannel  = 10003
	codeUnknownMessage  = 10008
	codeUnknownWebhook  = 10015
	codeTooManyOldEdits = 30046 // edits of a message older than an hour
	codeThreadMismatch  = 40058
	codeMissingAccess   = 50001
	codeNoPermission    = 50013
	codeInvalidToken    = 50027
	codeThreadArchived  = 50083
	codeThreadLocked    = 160005
	codeForumNeedsPost  = 220001
	codeNotAForum       = 220003
)

const (
	oldEditPause     = 3 * time.Minute // Discord gives no figure for 30046; "minutes"
	banPause         = time.Hour       // observed length of an IP ban
	defaultWait      = 5 * time.Second // for a 429 that does not say
	longestTrustWait = 24 * time.Hour  // anything longer is a broken answer
	errorMessageMax  = 300             // bytes of Discord's words kept
	jitterMin        = 50 * time.Millisecond
	jitterSpread     = 200 * time.Millisecond
)

// judge turns status and code into an outcome. The pair (status, code) decides;
// a status alone never kills a destination.
func judge(status, code int) (o Outcome, possibleDuplicate bool) {
	switch {
	case code == codeTooManyOldEdits || status == 429:
		return Retry, false
	case status >= 500:
		return Retry, status != 503
	case isGone(status, code):
		return Gone, false
	case status == 404 && code == codeUnknownMessage:
		return MessageGone, false
	case isThreadTrouble(code):
		return Misconfigured, false
	default:
		return Rejected, false
	}
}

func isGone(status, code int) bool {
	switch status {
	case 401:
		return code == codeInvalidToken
	case 403:
		return code == codeNoPermission || code == codeMissingAccess
	case 404:
		return code == codeUnknownWebhook || code == codeUnknownChannel
	default:
		return false
	}
}

func isThreadTrouble(code int) bool {
	switch code {
	case codeForumNeedsPost, codeNotAForum, codeThreadMismatch, codeThreadArchived, codeThreadLocked:
		return true
	default:
		return false
	}
}
