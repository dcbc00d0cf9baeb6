package orders

import "time"

// Giving up on an unresolved order (T9) needs both the time and the looks.
const (
	giveUpEntry = 10 * time.Minute
	giveUpExit  = 4 * time.Minute // a user must be able to leave
	giveUpLooks = 4               // complete lists since the claim's deadline
	listFull    = 100             // rows: a list this long may have left older ones out
)

// endedLook is when an order that has ended at the broker is looked at once more,
// from its end: a fill that raced with its cancel may be reported late (T13), and
// what was refused may be listed after all (T14).
const endedLook = 2 * time.Minute

// nextLook is when an order should be looked for again: soon at first, then
// ever more slowly. Zero when it needs no looking.
func nextLook(o Order, now time.Time, open bool) time.Time {
	base := o.CreatedAt
	if o.SentAt != nil {
		base = *o.SentAt
	}
	age := now.Sub(base)
	switch {
	case o.State.Unresolved():
		return now.Add(unresolvedPause(age))
	case o.State.Working() && o.Change.Unresolved():
		return now.Add(min(changePause(*o.Change, now), workingPause(o, age, open)))
	case o.State.Working():
		return now.Add(workingPause(o, age, open))
	case o.State == NotPlaced && age < 24*time.Hour:
		return now.Add(5 * time.Minute)
	case o.State.endedThere() && o.FinishedAt != nil && now.Sub(*o.FinishedAt) < endedLook:
		return o.FinishedAt.Add(endedLook)
	}
	return time.Time{}
}

// unresolvedLooks are the first looks, from sending.
var unresolvedLooks = [...]time.Duration{5 * time.Second, 20 * time.Second, 35 * time.Second, 50 * time.Second}

// unresolvedPause follows the first looks, then every 30 s to 4 min, every minute
// to 10 min, every 5 min after that.
func unresolvedPause(age time.Duration) time.Duration {
	for _, at := range unresolvedLooks {
		if age < at {
			return at - age
		}
	}
	switch {
	case age < 4*time.Minute:
		return 30 * time.Second
	case age < 10*time.Minute:
		return time.Minute
	}
	return 5 * time.Minute
}

// workingPause follows 2, 17, 32 s after the answer to placing, then every 30 s
// in the session, every 5 min for limits resting longer than ten minutes and
// while the market is closed.
func workingPause(o Order, age time.Duration, open bool) time.Duration {
	for _, at := range []time.Duration{2 * time.Second, 17 * time.Second, 32 * time.Second} {
		if age < at {
			return at - age
		}
	}
	if !open || o.Limit != nil && age > 10*time.Minute && o.CancelRequested == nil {
		return 5 * time.Minute
	}
	return 30 * time.Second
}

// mayGiveUp says whether an unresolved order counts as never placed: looked for
// long enough, in enough complete lists, the last of them fetched after both
// were true.
func mayGiveUp(o Order, askedAt time.Time, listsOrders bool) bool {
	if o.State != Unknown || o.SentAt == nil || !listsOrders {
		return false
	}
	return o.CompleteLooks >= giveUpLooks && !askedAt.Before(o.SentAt.Add(giveUpAfter(o.Side)))
}

// mayGiveUpChange is mayGiveUp for the replacing of an order.
func mayGiveUpChange(side Side, c Change, askedAt time.Time, listsOrders bool) bool {
	if c.State != ChangeUnknown || c.SentAt == nil || !listsOrders {
		return false
	}
	return c.CompleteLooks >= giveUpLooks && !askedAt.Before(c.SentAt.Add(giveUpAfter(side)))
}

func giveUpAfter(side Side) time.Duration {
	if side == STC {
		return giveUpExit
	}
	return giveUpEntry
}
