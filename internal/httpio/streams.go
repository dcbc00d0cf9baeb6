package httpio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// streamsCheck leaves a check that has to wait a few seconds of the 30 that an
	// ended sign-in may still hear events.
	streamsCheck  = 25 * time.Second
	streamsChecks = 8 // at once
	streamsRetry  = 200 * time.Millisecond
)

// errNoTakeover says that a connection cannot be taken over from the server.
var errNoTakeover = errors.New("this connection cannot be taken over")

// Streams holds the open event streams of a server on connections taken over from it.
// A stream costs no goroutine and no buffer: frames are shared by all who get them, what
// a reader has not taken yet is a part of the shared frame, and writing never waits, so
// that a reader who does not read costs the others nothing.
type Streams struct {
	o     StreamOptions
	tick  time.Duration
	tasks sync.WaitGroup
	ctx   context.Context //nolint:containedctx // of the streams, which outlive their requests
	stop  context.CancelFunc

	ready  chan struct{} // something is in the queue
	checks chan struct{} // those that are asked at once

	mu     sync.Mutex
	open   map[*Held]struct{}
	queue  []*Held // to be written to
	stuck  []*Held // their readers have taken no more
	closed bool
}

// Source is where a held stream's frames come from. None of its functions may wait for
// the stream.
type Source struct {
	// Next gives the next frame, as Event.Frame makes them; nil while nothing waits.
	Next func() []byte
	// Over tells whether the stream has to end.
	Over func() bool
	// Valid is asked now and then whether the reader may go on; false or an error
	// ends the stream. May be nil.
	Valid func(ctx context.Context) (bool, error)
	// Closed is called once when the stream is over, also when it could not begin.
	Closed func()
	// Holder and Address are whose seat it holds, for Vacate.
	Holder, Address string
}

// NewStreams is made once for a server and closed with it. Zero options are the product's.
func NewStreams(o StreamOptions) *Streams {
	if o.Heartbeat <= 0 {
		o.Heartbeat = streamHeartbeat
	}
	if o.Check <= 0 {
		o.Check = streamsCheck
	}
	s := &Streams{
		o: o, tick: min(time.Second, o.Heartbeat/4, o.Check/4), ready: make(chan struct{}, 1),
		checks: make(chan struct{}, streamsChecks), open: map[*Held]struct{}{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	for range runtime.GOMAXPROCS(0) {
		s.tasks.Go(s.write)
	}
	s.tasks.Go(s.care)
	return s
}

// Held is one stream.
type Held struct {
	streams *Streams
	conn    net.Conn
	raw     syscall.RawConn
	source  Source

	queued   atomic.Bool
	checking atomic.Bool
	cancel   context.CancelFunc // of what Go has begun; nil without

	mu         sync.Mutex
	left       []byte    // of the frame the reader is taking
	stuckSince time.Time // zero: the reader takes what comes
	over       bool
	beatAt     time.Time
	checkAt    time.Time
}

// Hold takes the request's connection over, answers, and goes on with the source's
// frames after the handler has returned. taken false: this connection cannot be taken
// over, nothing was answered, and the caller streams in its own goroutine.
func (s *Streams) Hold(w http.ResponseWriter, r *http.Request, source Source) (h *Held, taken bool, err error) {
	if r.ProtoMajor != 1 {
		return nil, false, nil
	}
	conn, raw, err := takeOver(w)
	if errors.Is(err, errNoTakeover) {
		return nil, false, nil
	}
	if err != nil {
		source.Closed()
		return nil, true, fmt.Errorf("take over a stream's connection: %w", err)
	}
	answeredElsewhere(w)
	stopCounting(r.Context())
	now := time.Now()
	h = &Held{streams: s, conn: conn, raw: raw, source: source, left: streamHead(w.Header()), beatAt: now.Add(s.o.Heartbeat), checkAt: now.Add(s.o.Check)}
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.open[h] = struct{}{}
	}
	s.mu.Unlock()
	if closed {
		h.end()
		return h, true, nil
	}
	h.Wake()
	return h, true, nil
}

// takeOver gets the connection itself. The server's buffers are left to the collector.
func takeOver(w http.ResponseWriter) (net.Conn, syscall.RawConn, error) {
	if !socketsKnown {
		return nil, nil, errNoTakeover
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if errors.Is(err, http.ErrNotSupported) {
		return nil, nil, errNoTakeover
	}
	if err != nil {
		return nil, nil, err
	}
	socket, ok := conn.(syscall.Conn)
	if !ok { // too late to answer otherwise; our server has no such listener
		return nil, nil, errors.Join(errors.New("the connection is no socket"), conn.Close())
	}
	raw, err := socket.SyscallConn()
	if err == nil {
		err = conn.SetDeadline(time.Time{}) // the server's were for the request
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, raw, nil
}

// streamHead is the answer's head, with what the way here has set, and ends with the
// connection.
func streamHead(h http.Header) []byte {
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would otherwise collect events
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	h.Del("Content-Length")
	h.Del("Transfer-Encoding")
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(&b) // a buffer takes everything
	b.WriteString("\r\nretry: 2000\n\n")
	return bytes.Clone(b.Bytes())
}

// answeredElsewhere tells the request's log line what was answered.
func answeredElsewhere(w http.ResponseWriter) {
	for {
		if rec, ok := w.(*recorder); ok {
			rec.code = http.StatusOK
			return
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = inner.Unwrap()
	}
}

// Wake says that the source has something. It never waits, and takes no lock that is
// held while a source is asked.
func (h *Held) Wake() {
	if h.queued.Swap(true) {
		return
	}
	s := h.streams
	s.mu.Lock()
	s.queue = append(s.queue, h)
	s.mu.Unlock()
	s.ring()
}

func (s *Streams) ring() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Go runs f beside the stream, whose end ends its context; Close waits for it. It reports
// whether f was begun: not when the stream is over.
func (h *Held) Go(f func(ctx context.Context)) bool {
	s := h.streams
	h.mu.Lock()
	defer h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.over || s.closed {
		return false
	}
	ctx, cancel := context.WithCancel(s.ctx)
	h.cancel = cancel
	s.tasks.Go(func() { f(ctx) })
	return true
}

// Open is how many streams are held.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// write serves the queue until the streams are closed. Several do it at once.
func (s *Streams) write() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.ready:
		}
		for h := s.pop(); h != nil; h = s.pop() {
			h.queued.Store(false) // what comes from now on wakes it again
			h.pump()
		}
	}
}

func (s *Streams) pop() *Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.queue = nil
		return nil
	}
	h := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	if len(s.queue) > 0 {
		s.ring() // another writer may help
	}
	return h
}

// pump writes what waits, as far as the reader takes it.
func (h *Held) pump() {
	h.mu.Lock()
	over := h.over || h.take()
	h.mu.Unlock()
	if over {
		h.end()
	}
}

// take reports whether the stream is over.
func (h *Held) take() (over bool) {
	for !h.source.Over() {
		if len(h.left) > 0 {
			n, err := tryWrite(h.raw, h.left)
			h.left = h.left[n:]
			if err != nil {
				return true
			}
			if len(h.left) > 0 {
				return h.wait(n)
			}
			h.left = nil // or an empty piece of it would keep the whole frame
			h.stuckSince, h.beatAt = time.Time{}, time.Now().Add(h.streams.o.Heartbeat)
		}
		if h.left = h.source.Next(); h.left == nil {
			return false
		}
	}
	return true
}

// wait puts the stream aside until its reader takes more; after a time that is over.
func (h *Held) wait(taken int) (over bool) {
	now := time.Now()
	if taken > 0 || h.stuckSince.IsZero() {
		h.stuckSince = now
	}
	if now.Sub(h.stuckSince) > streamWrite {
		return true
	}
	h.streams.mu.Lock()
	defer h.streams.mu.Unlock()
	h.streams.stuck = append(h.streams.stuck, h)
	return false
}

// end closes the connection and gives everything back, once.
func (h *Held) end() {
	s := h.streams
	h.mu.Lock()
	h.over, h.left = true, nil
	closed, cancel := h.source.Closed, h.cancel
	h.source.Closed = nil
	h.mu.Unlock()
	if closed == nil {
		return
	}
	if cancel != nil {
		cancel()
	}
	s.mu.Lock()
	delete(s.open, h)
	s.mu.Unlock()
	_ = h.conn.Close()
	closed()
}

// care looks after all streams: a sign of life for those who have heard nothing for a
// while, a new try for those who were not reading, a question whether they may go on.
func (s *Streams) care() {
	tick, retry := time.NewTicker(s.tick), time.NewTicker(streamsRetry)
	defer tick.Stop()
	defer retry.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-retry.C:
			for _, h := range s.takeStuck() {
				h.Wake()
			}
		case now := <-tick.C:
			for _, h := range s.all() {
				s.attend(h, now)
			}
		}
	}
}

func (s *Streams) takeStuck() []*Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	stuck := s.stuck
	s.stuck = nil
	return stuck
}

func (s *Streams) all() []*Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Held, 0, len(s.open))
	for h := range s.open {
		all = append(all, h)
	}
	return all
}

func (s *Streams) attend(h *Held, now time.Time) {
	h.mu.Lock()
	beat, check := !now.Before(h.beatAt), !now.Before(h.checkAt)
	if beat {
		h.beatAt = now.Add(s.o.Heartbeat)
	}
	over := h.over || beat && (!alive(h.raw) || h.beat())
	h.mu.Unlock()
	if over {
		h.end()
		return
	}
	if check {
		s.check(h, now)
	}
}

// beat writes a comment, unless something is on its way anyhow; it reports whether the
// reader is gone.
func (h *Held) beat() (gone bool) {
	if len(h.left) > 0 {
		return false
	}
	h.left = heartbeat
	return h.take()
}

var heartbeat = []byte(":\n\n") //nolint:gochecknoglobals // one frame for all

// check asks whether the reader may go on, unless enough are being asked: then the next
// tick does.
func (s *Streams) check(h *Held, now time.Time) {
	if h.source.Valid == nil || h.checking.Swap(true) {
		return
	}
	if h.isOver() { // by a check that ran to its end since the caller looked
		h.checking.Store(false)
		return
	}
	select {
	case s.checks <- struct{}{}:
	default:
		h.checking.Store(false)
		return
	}
	s.tasks.Go(func() {
		defer func() { <-s.checks; h.checking.Store(false) }()
		valid, err := h.source.Valid(s.ctx)
		if s.ctx.Err() == nil && (err != nil || !valid) {
			h.end()
			return
		}
		h.mu.Lock()
		h.checkAt = now.Add(s.o.Check)
		h.mu.Unlock()
	})
}

func (h *Held) isOver() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.over
}

// Vacate ends the streams of a holder or an address whose readers have left without
// anybody noticing yet. Without both it looks at all.
func (s *Streams) Vacate(holder, address string) {
	for _, h := range s.all() {
		if (holder != "" || address != "") && h.source.Holder != holder && h.source.Address != address {
			continue
		}
		h.mu.Lock()
		left := h.over || !alive(h.raw)
		h.mu.Unlock()
		if left {
			h.end()
		}
	}
}

// Close ends every stream and waits until all is given back. The readers come back by
// themselves, after the pause they were told at the beginning.
func (s *Streams) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	for _, h := range s.all() {
		h.end()
	}
	s.tasks.Wait()
}
