package market

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	call200 = symbol
	put200  = "AAPL  " + expiryCode + "P00200000"
)

// quick is a stream that does in moments what takes seconds in production.
func quick() pace {
	return pace{
		tick: 5 * time.Millisecond, away: 20 * time.Millisecond, refresh: time.Hour, linger: 20 * time.Millisecond,
		least: 10 * time.Millisecond, most: 50 * time.Millisecond, steady: time.Hour,
	}
}

// wire is Alpaca's stream with a switch in it: every connection can be cut, and
// new ones refused while it is down.
type wire struct {
	url string

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
}

func (s *stage) newWire() *wire {
	s.t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	w := &wire{conns: map[net.Conn]bool{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: time.Second, ConnState: w.note}
	w.url = "http://" + listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	s.t.Cleanup(func() {
		w.set(true)
		_ = server.Close()
		<-served
	})
	return w
}

func (w *wire) note(c net.Conn, state http.ConnState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if state == http.StateNew {
		w.conns[c] = true
	}
	if w.down {
		_ = c.Close()
	}
}

// set takes the wire down, with everything on it, or puts it up again.
func (w *wire) set(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
	for c := range w.conns {
		_ = c.Close()
		delete(w.conns, c)
	}
}

// streaming is a stage whose Market streams over a wire that can be cut.
func streaming(t *testing.T) (*stage, *wire) {
	t.Helper()
	s := newStage(t)
	w := s.newWire()
	s.market.stream.pace = quick()
	s.market.alpaca.streams = w.url + "/alpaca"
	s.pin(call200, "3.40", "3.50", "3.45")
	s.pin(put200, "5.10", "5.20", "5.15")
	return s, w
}

func (s *stage) follow(symbols ...string) *Follower {
	s.t.Helper()
	f, err := s.market.Follow(symbols)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(f.Close)
	return f
}

// until reads batches until one holds the contract with that bid.
func (s *stage) until(f *Follower, symbol, bid string) Quote {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	var last []Quote
	for {
		quotes, err := f.Next(ctx)
		if err != nil {
			s.t.Fatalf("no bid of %s for %s, last %+v: %v", bid, symbol, last, err)
		}
		last = quotes
		for _, q := range quotes {
			if q.Symbol == symbol && q.Bid != nil && q.Bid.String() == bid {
				return q
			}
		}
	}
}

// asked is every subscription that Alpaca was asked for, in order: "+AAPL… -AAPL…".
func (s *stage) asked() string {
	s.t.Helper()
	answer, err := http.Get(s.url + "/_sandbox/log?target=alpaca")
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	var log struct {
		Data []struct {
			Method string
			Body   struct {
				Action string
				Quotes []string
			}
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&log); err != nil {
		s.t.Fatal(err)
	}
	var words []string
	for _, entry := range log.Data {
		if entry.Method != "WS" {
			continue
		}
		sign := map[string]string{"subscribe": "+", "unsubscribe": "-"}[entry.Body.Action]
		for _, name := range entry.Body.Quotes {
			words = append(words, sign+name)
		}
	}
	return strings.Join(words, " ")
}

func (s *stage) eventually(what string, check func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		if time.Now().After(deadline) {
			asked := s.asked()
			s.t.Fatalf("not within 20 s: %s; asked last %q", what, asked[max(0, len(asked)-200):])
		}
		<-tick.C
	}
}

func (s *stage) carried() (n int) {
	s.market.stream.mu.Lock()
	defer s.market.stream.mu.Unlock()
	for _, l := range s.market.stream.lines {
		if l.carried {
			n++
		}
	}
	return n
}

func TestManyPagesAreOneSubscription(t *testing.T) {
	t.Parallel()
	s, _ := streaming(t)
	pages := make([]*Follower, 40)
	for i := range pages {
		pages[i] = s.follow(call200, put200)
	}
	s.eventually("both are carried", func() bool { return s.carried() == 2 })
	s.pin(call200, "3.60", "3.70", "3.65")
	for _, page := range pages {
		q := s.until(page, call200, "3.60")
		if q.Ask == nil || q.Ask.String() != "3.70" || q.At.IsZero() {
			t.Errorf("quote %+v", q)
		}
	}
	if got, want := s.asked(), "+AAPL"+expiryCode+"C00200000 +AAPL"+expiryCode+"P00200000"; got != want {
		t.Errorf("Alpaca was asked for %q, want %q", got, want)
	}
}

func TestWhoeverComesLaterKnowsAtOnceWhatIsKnown(t *testing.T) {
	t.Parallel()
	s, w := streaming(t)
	page := s.follow(call200)
	for s.until(page, call200, "3.40").Last == nil { // the stream tells of the trade after the quote
		continue
	}
	w.set(true)
	s.control("/_sandbox/faults", map[string]any{"target": "alpaca", "match": "/", "mode": "error", "status": 500, "count": 1000})
	if q := s.until(s.follow(call200), call200, "3.40"); q.Last == nil || q.Last.String() != "3.45" {
		t.Errorf("quote %+v", q)
	}
}

func TestTheLastPageTakesItsSubscriptionAlong(t *testing.T) {
	t.Parallel()
	s, _ := streaming(t)
	first, second := s.follow(call200, put200), s.follow(call200)
	s.eventually("both are carried", func() bool { return s.carried() == 2 })
	first.Close()
	s.eventually("the put is dropped", func() bool { return strings.HasSuffix(s.asked(), " -AAPL"+expiryCode+"P00200000") })
	s.pin(call200, "3.60", "3.70", "3.65")
	s.until(second, call200, "3.60")
	second.Close()
	second.Close()
	s.eventually("nothing is followed", func() bool { return s.market.stream.size() == 0 })
	// The next page finds a stream that works.
	third := s.follow(put200)
	s.eventually("the put is carried again", func() bool { return s.carried() == 1 })
	s.pin(put200, "5.30", "5.40", "5.35")
	s.until(third, put200, "5.30")
}

func TestAReloadedPageDoesNotLeave(t *testing.T) {
	t.Parallel()
	s, _ := streaming(t)
	s.market.stream.pace.linger = time.Hour
	page := s.follow(call200)
	s.eventually("it is carried", func() bool { return s.carried() == 1 })
	for range 5 {
		page.Close()
		page = s.follow(call200)
		s.until(page, call200, "3.40")
	}
	if got := s.asked(); got != "+AAPL"+expiryCode+"C00200000" {
		t.Errorf("Alpaca was asked for %q", got)
	}
}

// While the upstream is away, quotes are read; when it is back, it carries them again.
func TestAnUpstreamThatDiesIsReplaced(t *testing.T) {
	t.Parallel()
	s, w := streaming(t)
	page := s.follow(call200)
	s.eventually("it is carried", func() bool { return s.carried() == 1 })
	w.set(true)
	s.eventually("it is not carried", func() bool { return s.carried() == 0 })
	s.pin(call200, "3.60", "3.70", "3.65")
	s.until(page, call200, "3.60")
	w.set(false)
	s.eventually("it is carried again", func() bool { return s.carried() == 1 })
	reads := s.calls.of("/options/snapshots")
	s.pin(call200, "3.80", "3.90", "3.85")
	s.until(page, call200, "3.80")
	if again := s.calls.of("/options/snapshots"); again > reads+1 {
		t.Errorf("read %d times while it streams", again-reads)
	}
	if got, want := s.asked(), "+AAPL"+expiryCode+"C00200000 +AAPL"+expiryCode+"C00200000"; got != want {
		t.Errorf("Alpaca was asked for %q, want %q", got, want)
	}
}

// What the plan does not carry is read instead.
func TestMoreThanThePlanCarriesIsRead(t *testing.T) {
	t.Parallel()
	s, _ := streaming(t)
	s.market.stream.limit = 1
	page := s.follow(call200, put200)
	s.eventually("one is carried", func() bool { return s.carried() == 1 })
	s.pin(call200, "3.60", "3.70", "3.65")
	s.pin(put200, "5.30", "5.40", "5.35")
	s.until(page, put200, "5.30")
	s.pin(call200, "3.62", "3.72", "3.67")
	s.until(page, call200, "3.62")
	if got := s.asked(); got != "+AAPL"+expiryCode+"C00200000" {
		t.Errorf("Alpaca was asked for %q", got)
	}
}

func TestTheLimitIsLearntFromARefusal(t *testing.T) {
	t.Parallel()
	s, _ := streaming(t)
	s.market.stream.limit = 1 << 20 // the sandbox takes a thousand
	var symbols []string
	for strike := range 1200 {
		symbols = append(symbols, fmt.Sprintf("SPX   "+expiryCode+"C%08d", 2_400_000+25_000*strike))
	}
	pages := slices.Collect(slices.Chunk(symbols, FollowMax))
	for _, some := range pages {
		s.follow(some...)
	}
	s.eventually("as many as fit are carried", func() bool { return s.carried() == 1000 })
}

// A page that does not read costs the others nothing, and finds the newest when it does.
func TestASlowPageSeesTheNewestOnly(t *testing.T) {
	t.Parallel()
	s, _ := streaming(t)
	slow, page := s.follow(call200), s.follow(call200)
	for _, bid := range []string{"3.41", "3.42", "3.43"} {
		s.pin(call200, bid, "3.60", "3.50")
		s.until(page, call200, bid)
	}
	quotes, err := slow.Next(s.ctx)
	if err != nil || len(quotes) != 1 || quotes[0].Bid.String() != "3.43" {
		t.Errorf("%+v, %v", quotes, err)
	}
}

// At most four batches a second reach a page, each with the newest of every contract.
func TestBatchesKeepTheirDistance(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	f := s.market.stream.follow([]string{call200}) // nobody upstream
	for i := range 3 {
		due, called := f.next, time.Now()
		f.offer(Quote{Symbol: call200, At: time.Unix(int64(i), 0)})
		f.offer(Quote{Symbol: call200, At: time.Unix(int64(i), 1)})
		quotes, err := f.Next(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range quotes {
			if q.At.Equal(time.Unix(int64(i), 0)) {
				t.Error("an older quote came beside the newer one")
			}
		}
		if early := time.Until(due); early > 0 {
			t.Errorf("batch %d is %s early", i, early)
		}
		if f.next.Before(called.Add(followEvery)) {
			t.Errorf("after batch %d comes the next %s after its call", i, f.next.Sub(called))
		}
	}
}

func TestClosingEndsEveryPage(t *testing.T) {
	t.Parallel()
	s, _ := streaming(t)
	page := s.follow(call200)
	s.until(page, call200, "3.40")
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := page.Next(s.ctx); err != nil {
				ended <- err
				return
			}
		}
	}()
	s.market.Close()
	if err := <-ended; !errors.Is(err, ErrStopped) {
		t.Errorf("ended with %v", err)
	}
	late, err := s.market.Follow([]string{call200})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := late.Next(s.ctx); !errors.Is(err, ErrStopped) {
		t.Errorf("after closing: %v", err)
	}
}

func TestOnlyContractsAreFollowed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	many := make([]string, FollowMax+1)
	for i := range many {
		many[i] = fmt.Sprintf("AAPL  "+expiryCode+"C%08d", 1000*(i+1))
	}
	for name, symbols := range map[string][]string{"no symbol": {"AAPL"}, "too many": many} {
		if _, err := s.market.Follow(symbols); err == nil {
			t.Errorf("%s was followed", name)
		}
	}
	twice, err := s.market.Follow([]string{call200, "AAPL" + expiryCode + "C00200000"})
	if err != nil || len(twice.symbols) != 1 {
		t.Errorf("the same in two forms: %v, %v", twice, err)
	}
	off := New(Options{})
	defer off.Close()
	if _, err := off.Follow([]string{call200}); !errors.Is(err, ErrOff) {
		t.Errorf("without Alpaca: %v", err)
	}
}
