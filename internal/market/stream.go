package market

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// pace is how often the stream does what; tests go faster.
type pace struct {
	tick    time.Duration // how often it looks at what is due
	away    time.Duration // between two reads of what no subscription carries
	refresh time.Duration // between two reads of everything else: a stream loses messages without saying so
	linger  time.Duration // how long a contract stays subscribed after its last page: reloading is no reason to leave
	least   time.Duration // first pause after a failure
	most    time.Duration // longest pause between tries
	steady  time.Duration // a connection that lived longer starts the pauses over
}

func defaultPace() pace {
	return pace{
		tick: 500 * time.Millisecond, away: 2 * time.Second, refresh: 15 * time.Second, linger: 5 * time.Second,
		least: time.Second, most: time.Minute, steady: time.Minute,
	}
}

// stream keeps the quotes that open pages look at: one subscription upstream for
// each contract, however many pages. What the upstream does not carry, because it
// is away or full, is read in batches instead.
type stream struct {
	alpaca *alpaca
	read   func(ctx context.Context, symbols []string) (map[string]Quote, error)
	log    *slog.Logger
	pace   pace

	ctx   context.Context //nolint:containedctx // the stream's own life, ended by close
	stop  context.CancelFunc
	tasks sync.WaitGroup
	start sync.Once
	moved chan struct{} // what is followed has changed
	fresh chan struct{} // a contract waits for its first quote

	mu    sync.Mutex
	lines map[string]*line // by OCC symbol of 21 characters
	limit int              // contracts one connection may carry
}

// line is one contract that pages follow, or did until a moment ago.
type line struct {
	quote     Quote
	known     bool // quote was read or heard
	followers map[*Follower]struct{}
	carried   bool      // the upstream sends it
	readAt    time.Time // of the last batch it was in, also when nobody quoted it
	leftAt    time.Time // when its last page went
}

func newStream(a *alpaca, read func(context.Context, []string) (map[string]Quote, error), log *slog.Logger) *stream {
	s := &stream{
		alpaca: a, read: read, log: log, pace: defaultPace(), limit: a.streamLimit(),
		moved: make(chan struct{}, 1), fresh: make(chan struct{}, 1), lines: map[string]*line{},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// close ends the stream and everybody's Next, and waits for its own work.
func (s *stream) close() {
	s.start.Do(func() {}) // whoever comes now finds it over
	s.stop()
	s.tasks.Wait()
}

// follow begins with the first page; nothing runs in a process without pages.
func (s *stream) follow(symbols []string) *Follower {
	s.start.Do(func() {
		s.tasks.Go(s.keepReading)
		s.tasks.Go(s.keepUpstream)
	})
	f := &Follower{stream: s, symbols: symbols, waiting: map[string]Quote{}, ready: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, symbol := range symbols {
		l := s.lines[symbol]
		if l == nil {
			l = &line{followers: map[*Follower]struct{}{}}
			s.lines[symbol] = l
		}
		l.followers[f] = struct{}{}
		if l.known {
			f.offer(l.quote)
		}
	}
	ring(s.moved)
	ring(s.fresh)
	return f
}

func (s *stream) leave(f *Follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, symbol := range f.symbols {
		if l := s.lines[symbol]; l != nil {
			delete(l.followers, f)
			l.leftAt = time.Now()
		}
	}
}

// tell changes what is known of a contract and offers it to its pages; change
// reports false when there is nothing new. Nothing happens for a contract that
// nobody follows.
func (s *stream) tell(symbol string, change func(q *Quote) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[symbol]
	if l == nil {
		return
	}
	l.quote.Symbol = symbol
	if !change(&l.quote) {
		return
	}
	l.known = true
	for f := range l.followers {
		f.offer(l.quote)
	}
}

// forget drops what nobody has followed for a while, and tells what is left.
func (s *stream) forget(now time.Time) (left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped := false
	for symbol, l := range s.lines {
		if len(l.followers) == 0 && now.Sub(l.leftAt) >= s.pace.linger {
			delete(s.lines, symbol)
			dropped = true
		}
	}
	if dropped {
		ring(s.moved)
	}
	return len(s.lines)
}

// keepReading reads in batches what no subscription carries, and from time to
// time everything, until the stream is closed. After a failure it waits longer
// and longer: Alpaca in trouble is not asked by every page.
func (s *stream) keepReading() {
	tick := time.NewTicker(s.pace.tick)
	defer tick.Stop()
	pause, restUntil := time.Duration(0), time.Time{}
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.fresh:
		case <-tick.C:
		}
		now := time.Now()
		s.forget(now)
		due := s.due(now)
		if len(due) == 0 || now.Before(restUntil) {
			continue
		}
		if err := s.readNow(due); err != nil {
			pause = s.longer(pause)
			restUntil = time.Now().Add(pause)
			s.log.WarnContext(s.ctx, "quotes of open pages are not read", "contracts", len(due), "again_in", pause, "err", err)
			continue
		}
		pause = 0
	}
}

// due is what must be read now.
func (s *stream) due(now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	// One call carries a hundred contracts; however many are followed, reading them
	// takes at most about one call a second of what Alpaca allows.
	away := max(s.pace.away, time.Duration(len(s.lines)/symbolsPerCall)*time.Second)
	var due []string
	for symbol, l := range s.lines {
		every := away
		if l.carried {
			every = max(s.pace.refresh, away)
		}
		if len(l.followers) > 0 && now.Sub(l.readAt) >= every {
			due = append(due, symbol)
		}
	}
	slices.Sort(due)
	return due
}

func (s *stream) readNow(symbols []string) error {
	ctx, cancel := context.WithTimeout(s.ctx, loadTime)
	defer cancel()
	found, err := s.read(ctx, symbols)
	if err != nil {
		return err
	}
	s.noteRead(symbols)
	for symbol, q := range found {
		s.tell(symbol, func(known *Quote) bool {
			if q.At.Before(known.At) || same(*known, q) {
				return false // the stream was quicker
			}
			*known = q
			return true
		})
	}
	return nil
}

func (s *stream) noteRead(symbols []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, symbol := range symbols {
		if l := s.lines[symbol]; l != nil {
			l.readAt = now
		}
	}
}

// longer doubles a pause, from the least to the most.
func (s *stream) longer(pause time.Duration) time.Duration {
	return min(max(2*pause, s.pace.least), s.pace.most)
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // it is ringing already
	}
}
