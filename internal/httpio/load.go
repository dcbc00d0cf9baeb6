package httpio

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
)

// Class says when a route goes while there is more to do than the server can: the
// lowest first. The zero Class is none; every route declares one.
type Class uint8

const (
	// Anonymous is what strangers read.
	Anonymous Class = iota + 1
	// Feed is what can be read or set a minute later: feeds, rankings, settings. For
	// nobody known it counts as Anonymous.
	Feed
	// Entry is what leads to a new position, and signing in, which may be the way to
	// an exit and so goes last of what goes.
	Entry
	// EitherSide takes entries and exits: its handler asks Admit about Entry once it
	// has read which it is.
	EitherSide
	// Vital is never refused: exits, cancels, positions, stopping, signing out,
	// webhooks, health, and what those pages are drawn with.
	Vital
)

// Valid tells whether c is one of the classes.
func (c Class) Valid() bool { return c >= Anonymous && c <= Vital }

// String names the class in metrics and logs.
func (c Class) String() string {
	if !c.Valid() {
		return "none"
	}
	return [...]string{"anonymous", "feed", "entry", "either_side", "vital"}[c-1]
}

const (
	// overFor and calmFor are how long the load must lie beyond a bound before the
	// level moves by one: a burst that is gone in half a second is no overload, and a
	// quiet second is no end of one.
	overFor = 500 * time.Millisecond
	calmFor = 5 * time.Second
)

// Load admits requests by their class while the server is overloaded (correctness
// §18: anonymous first, then feeds and rankings, then entries; never exits, cancels
// and positions).
//
// What it measures is how many requests are in work at once. That one number rises
// whatever is short, processor, database connections or a lock, because the time that
// a request takes is part of it; and it needs no clock and no sample of anything. A
// request that waits for its own client, for its body or because its answer is not
// taken, is not in work meanwhile, and an open stream is not at all: else whoever
// sends slowly could stop the entries of everybody else.
//
// The levels are the classes refused: 0 none, 1 Anonymous, 2 Feed too, 3 Entry too.
// They begin above a half, three quarters and all of the bound, and end at three
// quarters of where they began.
type Load struct {
	bound   int64
	log     *slog.Logger
	refused func(Class)
	now     func() time.Time

	working atomic.Int64
	level   atomic.Int64

	mu     sync.Mutex
	toward int       // +1: above the next level's begin, -1: below the end of this one
	since  time.Time // when that began, or when the level last moved
}

// LoadOptions say how much is too much.
type LoadOptions struct {
	Bound   int // requests in work at once above which entries are refused
	Logger  *slog.Logger
	Refused func(Class) // counts refusals; may be nil
}

// NewLoad makes the measure of one server.
func NewLoad(o LoadOptions) *Load {
	return &Load{bound: int64(o.Bound), log: o.Logger, refused: o.Refused, now: time.Now}
}

// Level is the highest class refused at the moment, 0 for none.
func (l *Load) Level() int { return int(l.level.Load()) }

// Working is how many requests are in work.
func (l *Load) Working() int { return int(l.working.Load()) }

// Settle moves the level where that is due although no request comes or ends.
func (l *Load) Settle() { l.observe() }

// begins is the number of requests above which a level begins.
func (l *Load) begins(level int) int64 { return l.bound * int64(level+1) / 4 }

// direction is where the load asks the level to go.
func (l *Load) direction(level int, working int64) int {
	switch {
	case level < int(Entry) && working > l.begins(level+1):
		return 1
	case level > 0 && working <= l.begins(level)*3/4:
		return -1
	}
	return 0
}

// observe moves the level by one for each span that the load has been beyond it.
func (l *Load) observe() {
	working := l.working.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	level := l.Level()
	toward := l.direction(level, working)
	if toward == 0 {
		l.toward = 0
		return
	}
	now := l.now()
	if toward != l.toward {
		l.toward, l.since = toward, now
	}
	from, span := level, overFor
	if toward < 0 {
		span = calmFor
	}
	for now.Sub(l.since) >= span && l.direction(level, working) == toward {
		level, l.since = level+toward, l.since.Add(span)
	}
	if level == from {
		return
	}
	l.level.Store(int64(level))
	l.log.Warn("overload level", "from", from, "to", level, "refused", refusedAt(level), "working", working, "bound", l.bound)
}

// refusedAt says in a word what goes at a level.
func refusedAt(level int) string {
	return [...]string{"nothing", "anonymous", "anonymous and feeds", "anonymous, feeds and entries"}[level]
}

// errBusy is the cause of every refusal here.
var errBusy = errors.New("overloaded")

func (l *Load) refuses(c Class) bool { return int(c) <= l.Level() }

// admit refuses a class whose turn has come.
func (l *Load) admit(c Class) error {
	if !l.refuses(c) {
		return nil
	}
	if l.refused != nil {
		l.refused(c)
	}
	busy := fault.Unavailable(errBusy)
	busy.Public = "Too much is asked of us right now. Try again in a few seconds; selling and cancelling go on."
	busy.RetryAfter = calmFor
	return busy
}

// Handle counts the requests of a route while they are in work and refuses them when
// their class goes. Without a Load nothing is counted.
func (l *Load) Handle(c Class, next http.Handler) http.Handler {
	if l == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{load: l, class: c}
		l.working.Add(1)
		l.observe()
		defer v.leave()
		if err := l.admit(c); err != nil {
			Fail(w, r, err)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &visitBody{r.Body, v}
		}
		next.ServeHTTP(&visitWriter{w, v}, r)
	})
}

// Admit refuses with 503 and Retry-After when requests of class c go at the moment.
// A handler asks before it writes anything.
func Admit(ctx context.Context, c Class) error {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v.load.admit(c)
	}
	return nil
}

// Refused tells whether Admit would refuse, for a handler that must look further first.
func Refused(ctx context.Context, c Class) bool {
	v, ok := ctx.Value(visitKey{}).(*visit)
	return ok && v.load.refuses(c)
}

// AdmitNobody is Admit for a request whose sender turned out to be nobody known.
func AdmitNobody(ctx context.Context) error {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok && v.class <= Feed {
		return v.load.admit(Anonymous)
	}
	return nil
}

type visitKey struct{}

// visit is one request while it is in work.
type visit struct {
	load  *Load
	class Class
	left  atomic.Bool
}

func (v *visit) leave() {
	if !v.left.Swap(true) {
		v.load.working.Add(-1)
		v.load.observe()
	}
}

// away runs f, which waits for the client, without counting the request.
func (v *visit) away(f func() (int, error)) (int, error) {
	if v.left.Load() {
		return f()
	}
	v.load.working.Add(-1)
	defer v.load.working.Add(1)
	return f()
}

// stopCounting takes a request that lives on as a stream out of the count.
func stopCounting(ctx context.Context) {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		v.leave()
	}
}

type visitBody struct {
	io.ReadCloser
	visit *visit
}

func (b *visitBody) Read(p []byte) (int, error) {
	return b.visit.away(func() (int, error) { return b.ReadCloser.Read(p) })
}

type visitWriter struct {
	http.ResponseWriter
	visit *visit
}

func (w *visitWriter) Write(p []byte) (int, error) {
	return w.visit.away(func() (int, error) { return w.ResponseWriter.Write(p) })
}

// Unwrap serves http.ResponseController and started.
func (w *visitWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
