package delivery

import "time"

// How old news may be when it is first told. An entry that is told late makes
// people chase a price that is gone; an exit is worth hearing for longer.
const (
	entryAfterLearnt    = 120 * time.Second
	entryAfterExecution = 15 * time.Minute
	exitAfterLearnt     = 15 * time.Minute
	exitAfterExecution  = 2 * time.Hour

	// updatesFor is how long a message is kept up to date.
	updatesFor = 24 * time.Hour
)

// Cutoff is the instant after which a trade is no longer announced. executed is
// by the broker's clock and nil where the broker does not say.
func Cutoff(side string, executed *time.Time, learnt time.Time) time.Time {
	afterLearnt, afterExecution := entryAfterLearnt, entryAfterExecution
	if side == "STC" {
		afterLearnt, afterExecution = exitAfterLearnt, exitAfterExecution
	}
	cutoff := learnt.Add(afterLearnt)
	if executed == nil {
		return cutoff
	}
	if e := executed.Add(afterExecution); e.Before(cutoff) {
		return e
	}
	return cutoff
}
