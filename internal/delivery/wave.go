package delivery

import (
	"sync"
	"time"
)

// When more than a fifth of a push service's answers within ten minutes, and more
// than fifty, say that the subscription is dead, we stop believing it.
const (
	waveWindow = 10 * time.Minute
	waveMin    = 50
	waveShare  = 5 // one in so many
)

// wave counts what push services say, separately for each host.
type wave struct {
	now   func() time.Time
	mu    sync.Mutex
	hosts map[string]waveCount
}

type waveCount struct {
	ends       time.Time
	sent, gone int
}

func newWave(now func() time.Time) *wave { return &wave{now: now, hosts: map[string]waveCount{}} }

// of counts one answer, and reports whether a "gone" is one of too many.
func (w *wave) of(host string, gone bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, now := w.hosts[host], w.now()
	if !now.Before(c.ends) {
		c = waveCount{ends: now.Add(waveWindow)}
	}
	c.sent++
	if gone {
		c.gone++
	}
	w.hosts[host] = c
	return gone && c.gone > waveMin && c.gone*waveShare > c.sent
}
