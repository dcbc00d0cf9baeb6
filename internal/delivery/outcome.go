package delivery

import (
	"time"
)

// Outcome is what one attempt came to.
type Outcome string

// The outcomes.
const (
	Accepted      Outcome = "accepted"
	Retry         Outcome = "retry"         // nothing was sent, or an answer says so: again later
	Unknown       Outcome = "unknown"       // it may have arrived
	Rejected      Outcome = "rejected"      // this message will never work; the destination is fine
	Gone          Outcome = "gone"          // the destination will never work
	Misconfigured Outcome = "misconfigured" // nothing gets through until somebody mends a setting
	MessageGone   Outcome = "message_gone"  // what was to be changed is not there any more
	Withdrawn     Outcome = "withdrawn"     // the destination was taken away meanwhile; nothing was sent
)

// Result is what a Channel says about one attempt.
type Result struct {
	Outcome   Outcome
	MessageID string        // accepted: by what it can be changed later
	After     time.Duration // retry: how long to wait, 0 leaves it to the back-off; accepted: how long the destination takes no more
	Limited   bool          // retry: a rate limit; it costs no attempt
	Everyone  bool          // the wait holds for the whole channel
	Alone     bool          // the wait holds for this message only, not for its destination

	// PossibleDuplicate: the other side failed in the middle, so that a repeat
	// may be a second message.
	PossibleDuplicate bool
	Detail            string // for the log and the dead letters; no secrets
}

// word is the outcome for metrics and receipts, where a rate limit is none of
// the failures.
func (r Result) word() string {
	if r.Limited {
		return "limited"
	}
	return string(r.Outcome)
}

const (
	backoffFirst = time.Second
	backoffMax   = 5 * time.Minute
	limitedWait  = 5 * time.Second  // for a rate limit that does not say how long
	restingWait  = 2 * time.Second  // at most, while the other side rests: it may be well again as soon as one call got through
	ownersWait   = 10 * time.Minute // for a setting that the destination's owner has to mend
	oursWait     = time.Minute      // for one of ours: an operator is told and looks into it

	// unknownsMax: after the second answer that got lost there may be two
	// messages already, and there must never be three (INV-27).
	unknownsMax = 2
)

// verdict is what becomes of a delivery and its destination.
type verdict struct {
	State       string
	NotBefore   time.Time
	Failed      int // counts towards the back-off
	Unknowns    int
	Together    int // from now on at most so many in its message; 0: as before
	Duplicate   bool
	PauseUntil  *time.Time // the destination
	Disable     bool       // the destination
	Tell        bool       // its owner
	MessageGone bool
	Error       string
}

// judge decides what follows from a result. spread lengthens a back-off by its jitter.
func judge(d claimed, r Result, now time.Time, spread func(time.Duration) time.Duration) verdict {
	v := verdict{Error: r.Detail, Duplicate: r.PossibleDuplicate && d.Op == Create}
	switch r.Outcome {
	case Accepted:
		v.State, v.Error = "delivered", ""
		if r.After > 0 {
			until := now.Add(r.After)
			v.PauseUntil = &until
		}
		return v
	case Rejected:
		v.State = "dead"
		return v
	case Gone:
		v.State, v.Disable, v.Tell = "dead", true, true
		return v
	case Withdrawn:
		v.State = "superseded"
		return v
	case MessageGone:
		v.State, v.MessageGone = "superseded", true
		return v
	case Misconfigured:
		return v.mend(r, now)
	case Unknown:
		return v.unknown(d, now, spread)
	default:
		return v.retry(d, r, now, spread)
	}
}

func (v verdict) retry(d claimed, r Result, now time.Time, spread func(time.Duration) time.Duration) verdict {
	if !r.Limited {
		v.Failed = 1
		return v.again(d, now.Add(max(r.After, spread(backoff(d.Attempt)))))
	}
	if r.After == 0 {
		r.After = limitedWait
	}
	until := now.Add(r.After)
	if !r.Alone {
		v.PauseUntil = &until
	}
	return v.again(d, until)
}

// mend leaves the delivery waiting as long as it is worth anything.
func (v verdict) mend(r Result, now time.Time) verdict {
	v.State, v.NotBefore = "pending", now.Add(max(oursWait, r.After))
	if !r.Everyone {
		until := now.Add(ownersWait)
		v.NotBefore, v.PauseUntil, v.Tell = until, &until, true
	}
	return v
}

// unknown: a new message is sent once more, marked. An update says the same
// again, so repeating it harms nobody.
func (v verdict) unknown(d claimed, now time.Time, spread func(time.Duration) time.Duration) verdict {
	v.Failed = 1
	if d.Op == Create {
		v.Unknowns, v.Duplicate = 1, true
		if d.Unknowns+1 >= unknownsMax {
			v.State = "dead"
			return v
		}
	}
	return v.again(d, now.Add(spread(backoff(d.Attempt))))
}

// again puts the delivery back, unless its time will be over by then.
func (v verdict) again(d claimed, at time.Time) verdict {
	v.State, v.NotBefore = "pending", at
	if !at.Before(d.Cutoff) {
		v.State = "stale"
	}
	return v
}

// backoff is 1, 2, 4, 8, 16 s … after so many failures before this one.
func backoff(failures int) time.Duration {
	if failures >= 9 {
		return backoffMax
	}
	return min(backoffFirst<<failures, backoffMax)
}
