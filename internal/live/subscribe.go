package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
)

var (
	// ErrTooMany says that the user has as many open streams as allowed: 429.
	ErrTooMany = errors.New("too many open streams of this user")
	// ErrFull says that this process has as many open streams as it takes: 503.
	ErrFull = errors.New("too many open streams")
	// ErrSlow ended a stream whose reader left 64 events waiting; the page comes back
	// and goes on from its last event.
	ErrSlow = errors.New("stream ended: reader too slow")
	// ErrClosed ended a stream because the hub or the stream was closed.
	ErrClosed = errors.New("stream ended")
)

const queueMax = 64 // events waiting for one reader

// Subscription is one open page. It needs no goroutine and, while nothing happens,
// next to no memory: wait for Ready, then Take.
type Subscription struct {
	hub  *Hub
	user uuid.UUID

	mu      sync.Mutex
	queue   []*Event
	knows   snapshot // what this saw was told while resuming; the hub may still hand it out
	waiting bool     // resuming: events wait until the missed ones are there
	onReady func()
	err     error

	ready chan struct{}
	done  chan struct{}
}

// Subscribe opens a stream of the user's events. lastEventID is the page's last
// Event.ID or Hub.Cursor, and the stream begins with what it missed since; when that
// is more than 10 minutes ago, more than 64 events, or unreadable, it begins with a
// Resync. Empty: it begins now. Errors: ErrTooMany, ErrFull, ErrClosed, or the
// database's.
func (h *Hub) Subscribe(ctx context.Context, user uuid.UUID, lastEventID string) (*Subscription, error) {
	s := &Subscription{hub: h, user: user, ready: make(chan struct{}, 1), done: make(chan struct{}), waiting: lastEventID != ""}
	if err := h.add(s); err != nil {
		return nil, err
	}
	if lastEventID == "" {
		return s, nil
	}
	missed, knows, err := h.missed(ctx, user, lastEventID)
	if err != nil {
		s.Close()
		return nil, err
	}
	s.resume(missed, knows)
	return s, nil
}

func (h *Hub) add(s *Subscription) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return ErrClosed
	case len(h.subs[s.user]) >= h.perUser:
		return ErrTooMany
	case h.open >= h.perProcess:
		return ErrFull
	}
	h.subs[s.user] = append(h.subs[s.user], s)
	h.open++
	return nil
}

func (h *Hub) remove(s *Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := slices.DeleteFunc(h.subs[s.user], func(other *Subscription) bool { return other == s })
	if len(left) == len(h.subs[s.user]) {
		return
	}
	h.open--
	h.subs[s.user] = left
	if len(left) == 0 {
		delete(h.subs, s.user)
	}
}

// missed reads what happened for the user since the cursor, or a Resync; either
// way the page knows what the snapshot saw.
func (h *Hub) missed(ctx context.Context, user uuid.UUID, lastEventID string) ([]*Event, snapshot, error) {
	c, ok := parseCursor(lastEventID)
	if !ok || !c.fresh(h.now()) {
		return h.resync()
	}
	// The limit is one more than a queue holds, so that too many can be told from enough.
	text, events, err := query(ctx, h.db, h.now(), `e.id in (
			select id from live_events
			where (user_id = $2 or user_id is null)
			  and (id > $3 or (xid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::pg_snapshot)))
			order by id limit $4)`, c.snapshot, user, c.row, queueMax+1)
	if err != nil {
		return nil, snapshot{}, fmt.Errorf("resume stream of %s: %w", user, err)
	}
	if len(events) > queueMax || wentBack(c.snapshot, text) {
		return h.resync()
	}
	knows, _ := parseSnapshot(text)
	return events, knows, nil
}

// resync tells the page to load itself anew. It will know then what the last read
// saw at least.
func (h *Hub) resync() ([]*Event, snapshot, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	knows, _ := parseSnapshot(h.snapshot)
	return []*Event{h.resyncEvent()}, knows, nil
}

// resume puts what was missed before what has come meanwhile, each once.
func (s *Subscription) resume(missed []*Event, knows snapshot) {
	s.mu.Lock()
	meanwhile := slices.DeleteFunc(s.queue, func(e *Event) bool { return knows.saw(e.xid) && e.Kind != Resync })
	s.queue, s.waiting, s.knows = slices.Concat(missed, meanwhile), false, knows
	s.mu.Unlock()
	s.signal()
}

// push adds an event, or ends the stream of a reader that does not keep up.
func (s *Subscription) push(e *Event) {
	s.mu.Lock()
	if s.knows.saw(e.xid) && e.Kind != Resync {
		s.mu.Unlock()
		return
	}
	full := len(s.queue) >= queueMax
	if !full && s.err == nil {
		s.queue = append(s.queue, e)
	}
	s.mu.Unlock()
	if full {
		s.end(ErrSlow)
		return
	}
	s.signal()
}

func (s *Subscription) signal() {
	s.mu.Lock()
	notify := s.onReady
	silent := s.waiting || len(s.queue) == 0
	s.mu.Unlock()
	if silent {
		return
	}
	wake(s.ready)
	if notify != nil {
		notify()
	}
}

// Ready receives when events are waiting.
func (s *Subscription) Ready() <-chan struct{} { return s.ready }

// OnReady sets a function that is called when events are waiting or the stream has
// ended, for servers without a goroutine for each stream. It must not wait and must
// not call the hub or Close.
func (s *Subscription) OnReady(fn func()) {
	s.mu.Lock()
	s.onReady = fn
	s.mu.Unlock()
	s.signal()
}

// Take gives the waiting events, oldest first; none while there is nothing.
func (s *Subscription) Take() []*Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting {
		return nil
	}
	events := s.queue
	s.queue = nil
	return events
}

// Next gives the oldest waiting event and leaves the others in line; nil while there is
// nothing.
func (s *Subscription) Next() *Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting || len(s.queue) == 0 {
		return nil
	}
	e := s.queue[0]
	if s.queue = s.queue[1:]; len(s.queue) == 0 {
		s.queue = nil // an idle page keeps no memory
	}
	return e
}

// Done is closed when the stream has ended; Err says why.
func (s *Subscription) Done() <-chan struct{} { return s.done }

// Err is nil while the stream is open, then ErrSlow or ErrClosed.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the stream; the reader calls it when the page is gone, also after the
// stream ended by itself.
func (s *Subscription) Close() {
	s.hub.remove(s)
	s.end(ErrClosed)
}

// end may be called under the hub's lock, so removing it from the hub is Close's.
func (s *Subscription) end(why error) {
	s.mu.Lock()
	first := s.err == nil
	notify := s.onReady
	if first {
		s.err = why
		s.queue = nil
	}
	s.mu.Unlock()
	if !first {
		return
	}
	close(s.done)
	if notify != nil {
		notify()
	}
}
