package simulation

import (
	"context"
	"time"
)

// timeless is a context in which no deadline passes. The program bounds its calls in
// real time, and a request in which a virtual minute of other things happens may
// take long on a busy machine: the caller would hang up and run on beside us. A
// deadline that seems to be sooner than any other keeps those from being set.
type timeless struct{ context.Context }

// Deadline is always about to come; that of a claim is kept by the wire.
func (timeless) Deadline() (time.Time, bool) { return time.Now().Add(soonest), true }

// soonest is shorter than anything that the program waits for.
const soonest = 500 * time.Millisecond
