package httpio

import (
	"strings"
	"sync"
	"time"
)

// BreakerState is what a Breaker thinks of one name.
type BreakerState int

// The states: calls pass, calls are refused, one call may try.
const (
	Closed BreakerState = iota
	Open
	HalfOpen
)

// String is the word used in logs and metrics.
func (s BreakerState) String() string {
	return [...]string{"closed", "open", "half-open"}[s]
}

// probePatience is how long one trying call may take before another may try.
// It is longer than any call of ours.
const probePatience = 30 * time.Second

// BreakerOptions say when a Breaker opens and for how long.
type BreakerOptions struct {
	Failures int           // so many failures …
	Window   time.Duration // … within this time open it
	Pause    time.Duration // how long it stays open before one call may try
	InARow   bool          // a success between them starts the count anew: a busy party that fails now and then is not down
	Now      func() time.Time
}

// Breaker stops calling a party that keeps failing, separately for each name
// (a host, a provider, a route). After a pause one call may try; its outcome
// decides. Names must come from a bounded set.
type Breaker struct {
	opts BreakerOptions

	mu    sync.Mutex
	names map[string]*breakerEntry
}

type breakerEntry struct {
	failures    int
	windowEnds  time.Time
	openUntil   time.Time // zero while closed
	probeExpiry time.Time // a probe nobody reports back on is forgotten then
}

// NewBreaker returns a breaker with everything closed.
func NewBreaker(o BreakerOptions) *Breaker {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Breaker{opts: o, names: make(map[string]*breakerEntry)}
}

// Allow reports whether a call may be made now, and if not, how long to wait.
// Report the call's outcome with Success or Failure.
func (b *Breaker) Allow(name string) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, known := b.names[name]
	if !known || e.openUntil.IsZero() {
		return 0, true
	}
	now := b.opts.Now()
	if now.Before(e.openUntil) {
		return e.openUntil.Sub(now), false
	}
	if now.Before(e.probeExpiry) {
		return e.probeExpiry.Sub(now), false
	}
	e.probeExpiry = now.Add(probePatience)
	return 0, true
}

// OpenUntil is when the last of a family is open: of the name itself and those that go
// on behind a space after it. Zero when all are closed. It asks for no call.
func (b *Breaker) OpenUntil(family string) (until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, e := range b.names {
		if (name == family || strings.HasPrefix(name, family+" ")) && e.openUntil.After(until) {
			until = e.openUntil
		}
	}
	return until
}

// Success closes a half-open name. It does not forgive failures counted while closed,
// unless they count in a row: else they run out with their window.
func (b *Breaker) Success(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, known := b.names[name]
	if known && e.openUntil.IsZero() && b.opts.InARow {
		e.failures = 0
	}
	if !known || e.openUntil.IsZero() || b.opts.Now().Before(e.openUntil) {
		return // an old call's answer does not end a pause that began since
	}
	delete(b.names, name)
}

// Failure counts against a name and reports whether that opened it just now.
func (b *Breaker) Failure(name string) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, e := b.opts.Now(), b.entry(name)
	if !e.openUntil.IsZero() {
		if now.Before(e.openUntil) {
			return false
		}
		e.reopen(now.Add(b.opts.Pause)) // the probe failed
		return true
	}
	if !now.Before(e.windowEnds) {
		e.failures, e.windowEnds = 0, now.Add(b.opts.Window)
	}
	e.failures++
	if e.failures < b.opts.Failures {
		return false
	}
	e.reopen(now.Add(b.opts.Pause))
	return true
}

// Trip opens a name until a time the other side has told us. It never shortens
// a pause that already runs.
func (b *Breaker) Trip(name string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entry(name); until.After(e.openUntil) {
		e.reopen(until)
	}
}

// State is for metrics and health pages.
func (b *Breaker) State(name string) BreakerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, known := b.names[name]
	switch {
	case !known || e.openUntil.IsZero():
		return Closed
	case b.opts.Now().Before(e.openUntil):
		return Open
	default:
		return HalfOpen
	}
}

func (b *Breaker) entry(name string) *breakerEntry {
	if e, known := b.names[name]; known {
		return e
	}
	e := &breakerEntry{}
	b.names[name] = e
	return e
}

func (e *breakerEntry) reopen(until time.Time) {
	e.failures, e.openUntil, e.probeExpiry = 0, until, time.Time{}
}
