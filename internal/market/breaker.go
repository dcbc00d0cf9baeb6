package market

import (
	"errors"
	"sync"
	"time"
)

const (
	breakAfter = 5               // failures in a row
	breakFor   = 3 * time.Second // before one request may try again
)

var errBroken = errors.New("several calls in a row failed; Alpaca is asked again shortly")

// breaker answers at once while Alpaca is in trouble, so that pages do not each
// wait for the same silence. After a pause one request goes through and decides.
type breaker struct {
	mu       sync.Mutex
	failures int
	until    time.Time
}

func (b *breaker) allows(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakAfter {
		return true
	}
	if now.Before(b.until) {
		return false
	}
	b.until = now.Add(breakFor)
	return true
}

func (b *breaker) note(failed bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !failed {
		b.failures = 0
		return
	}
	b.failures++
	b.until = now.Add(breakFor)
}
