package discord

import (
	"context"
	"maps"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// BucketKey names one rate bucket. Discord's bucket string stands for a kind of
// route and is the same for all webhooks, so the webhook belongs to the key.
type BucketKey struct{ Bucket, WebhookID string }

// BucketState is what the last answer said about a bucket.
type BucketState struct {
	Remaining int
	Reset     time.Time // when Remaining is full again, by our clock
}

// Limits remembers what Discord has said about its rate limits, so that we wait
// instead of being refused. It lives in one process; Snapshot and Merge let
// several share what they know.
type Limits struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[BucketKey]BucketState
	routes  map[string]string    // kind of route → its bucket, learnt from answers
	closed  map[string]time.Time // webhook, or everyWebhook → refused until then
	turns   map[string]*turn
}

// bucketsKept bounds the memory: beyond it, states that no longer matter go.
const bucketsKept = 4096

// everyWebhook is the key under which the whole installation is closed.
const everyWebhook = ""

// NewLimits returns a memory that knows nothing yet.
func NewLimits(now func() time.Time) *Limits {
	return &Limits{
		now:     now,
		buckets: make(map[BucketKey]BucketState),
		routes:  make(map[string]string),
		closed:  make(map[string]time.Time),
		turns:   make(map[string]*turn),
	}
}

// Wait says how long a call of this kind of route must wait, 0 means go, and
// whether every webhook has to wait as long.
func (l *Limits) Wait(route, webhookID string) (wait time.Duration, global bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	until := l.closed[webhookID]
	state, known := l.buckets[BucketKey{l.routes[route], webhookID}]
	if known && state.Remaining <= 0 && state.Reset.After(until) {
		until = state.Reset
	}
	if all := l.closed[everyWebhook]; all.After(until) {
		until, global = all, true
	}
	wait = max(0, until.Sub(l.now()))
	return wait, global && wait > 0
}

// Learn takes the rate headers of an answer, whatever its status.
func (l *Limits) Learn(route, webhookID string, h http.Header) {
	bucket := h.Get("X-RateLimit-Bucket")
	remaining, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	after, ok := seconds(h.Get("X-RateLimit-Reset-After"))
	if bucket == "" || err != nil || !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgetOld()
	l.routes[route] = bucket
	l.buckets[BucketKey{bucket, webhookID}] = BucketState{Remaining: remaining, Reset: l.now().Add(after)}
}

// Close refuses a webhook until a time, as a 429 asks for.
func (l *Limits) Close(webhookID string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.closed[webhookID]) {
		l.closed[webhookID] = until
	}
}

// CloseAll refuses every webhook until a time: a global limit, or a ban.
func (l *Limits) CloseAll(until time.Time) { l.Close(everyWebhook, until) }

// Snapshot copies what is known about the buckets.
func (l *Limits) Snapshot() map[BucketKey]BucketState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.buckets)
}

// Merge takes in what another process knows; for the same bucket the later
// reset wins, and the smaller remainder if they agree.
func (l *Limits) Merge(other map[BucketKey]BucketState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, theirs := range other {
		ours, known := l.buckets[key]
		newer := theirs.Reset.After(ours.Reset) || theirs.Reset.Equal(ours.Reset) && theirs.Remaining < ours.Remaining
		if !known || newer {
			l.buckets[key] = theirs
		}
	}
}

func (l *Limits) forgetOld() {
	if len(l.buckets)+len(l.closed) < bucketsKept {
		return
	}
	now := l.now()
	maps.DeleteFunc(l.buckets, func(_ BucketKey, s BucketState) bool { return s.Reset.Before(now) })
	maps.DeleteFunc(l.closed, func(_ string, until time.Time) bool { return until.Before(now) })
}

// turn lets one request per webhook fly at a time.
type turn struct {
	free    chan struct{} // holds one token while nobody flies
	waiters int
}

// takeTurn waits until this webhook has no other request in flight, so that
// messages keep their order and the headers of one answer are known before the
// next request. The returned function gives the turn back.
func (l *Limits) takeTurn(ctx context.Context, webhookID string) (release func(), err error) {
	t := l.joinTurn(webhookID)
	select {
	case <-t.free:
		return func() { t.free <- struct{}{}; l.leaveTurn(webhookID, t) }, nil
	case <-ctx.Done():
		l.leaveTurn(webhookID, t)
		return nil, ctx.Err()
	}
}

func (l *Limits) joinTurn(webhookID string) *turn {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, known := l.turns[webhookID]
	if !known {
		t = &turn{free: make(chan struct{}, 1)}
		t.free <- struct{}{}
		l.turns[webhookID] = t
	}
	t.waiters++
	return t
}

func (l *Limits) leaveTurn(webhookID string, t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.waiters--; t.waiters == 0 {
		delete(l.turns, webhookID)
	}
}

// seconds reads Discord's seconds, which may have a fraction, and rounds up to
// the millisecond: rounding down turns 0.3 s into a hot loop and that into a ban.
func seconds(text string) (time.Duration, bool) {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(s) || s < 0 {
		return 0, false
	}
	ms := math.Ceil(math.Min(s, longestTrustWait.Seconds()) * 1000)
	return time.Duration(ms) * time.Millisecond, true
}
