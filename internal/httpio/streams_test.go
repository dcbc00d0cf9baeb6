package httpio

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fountain is a source in the hand of a test.
type fountain struct {
	mu     sync.Mutex
	frames [][]byte
	over   bool
	closed chan struct{}
}

func (f *fountain) source() Source {
	return Source{
		Next: func() []byte {
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.frames) == 0 {
				return nil
			}
			next := f.frames[0]
			f.frames = f.frames[1:]
			return next
		},
		Over:   func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.over },
		Closed: func() { close(f.closed) },
	}
}

func (f *fountain) give(frame []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frames = append(f.frames, frame)
}

// holder is a server whose streams are held.
type holder struct {
	*testing.T

	streams *Streams
	url     string
	change  func(*Source)

	mu    sync.Mutex
	held  []*Held
	wells []*fountain
}

func holding(t *testing.T, o StreamOptions) *holder {
	t.Helper()
	h := &holder{T: t, streams: NewStreams(o), change: func(*Source) {}}
	t.Cleanup(h.streams.Close)
	front, err := Front(FrontOptions{AppURL: "http://localhost", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(front(Handler(h.serve)))
	server.Config.ReadHeaderTimeout, server.Config.ReadTimeout, server.Config.WriteTimeout = 10*time.Second, serverDeadline, serverDeadline
	server.Start()
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *holder) serve(w http.ResponseWriter, r *http.Request) error {
	f := &fountain{closed: make(chan struct{})}
	source := f.source()
	h.change(&source)
	held, taken, err := h.streams.Hold(w, r, source)
	if !taken || err != nil {
		h.Errorf("taken over: %t, %v", taken, err)
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held, h.wells = append(h.held, held), append(h.wells, f)
	return nil
}

// nth waits for the stream that was opened as the nth.
func (h *holder) nth(n int) (*Held, *fountain) {
	h.Helper()
	for {
		h.mu.Lock()
		if len(h.held) > n {
			defer h.mu.Unlock()
			return h.held[n], h.wells[n]
		}
		h.mu.Unlock()
		select {
		case <-h.Context().Done():
			h.Fatal("the stream never opened")
		case <-time.After(time.Millisecond):
		}
	}
}

func ended(t *testing.T, f *fountain, what string) {
	t.Helper()
	select {
	case <-f.closed:
	case <-time.After(time.Minute):
		t.Fatal(what)
	}
}

func TestAHeldStreamOutlivesItsRequestAndTheServersDeadlines(t *testing.T) {
	t.Parallel()
	h := holding(t, StreamOptions{Heartbeat: serverDeadline / 10})
	body := listen(t, h.url)
	if got := readBlock(t, body); got != "retry: 2000\n" {
		t.Errorf("first block = %q", got)
	}
	for range 30 { // three times the deadlines
		if got := readBlock(t, body); got != ":\n" {
			t.Fatalf("heartbeat = %q", got)
		}
	}
	held, f := h.nth(0)
	f.give(Event{ID: "7", Kind: "order", Data: []byte(`{}`)}.Frame())
	held.Wake()
	for got := ""; got != "id: 7\nevent: order\ndata: {}\n"; got = readBlock(t, body) {
		if got != "" && got != ":\n" {
			t.Fatalf("block = %q", got)
		}
	}
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	held.Wake()
	ended(t, f, "the stream goes on after its source")
	if _, err := io.ReadAll(body); err != nil {
		t.Errorf("it did not end cleanly: %v", err)
	}
}

func TestAHeldStreamKeepsTheHeadersOfItsWay(t *testing.T) {
	t.Parallel()
	h := holding(t, StreamOptions{})
	answer, err := http.Get(h.url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if answer.Header.Get(HeaderRequestID) == "" || answer.Header.Get("Date") == "" {
		t.Errorf("%v", answer.Header)
	}
}

// A request that became a held stream is logged as answered, and is not in work.
func TestAHeldStreamIsLoggedAndNotInWork(t *testing.T) {
	t.Parallel()
	streams := NewStreams(StreamOptions{})
	t.Cleanup(streams.Close)
	status := make(chan int, 1)
	front, err := Front(FrontOptions{
		AppURL: "http://localhost", Logger: slog.New(slog.DiscardHandler), Observe: func(_, _ string, got int, _ time.Duration) { status <- got },
	})
	if err != nil {
		t.Fatal(err)
	}
	load := NewLoad(LoadOptions{Bound: 100, Logger: slog.New(slog.DiscardHandler)})
	working := make(chan int, 1)
	server := httptest.NewServer(front(load.Handle(Feed, Handler(func(w http.ResponseWriter, r *http.Request) error {
		_, _, err := streams.Hold(w, r, (&fountain{closed: make(chan struct{})}).source())
		working <- load.Working()
		return err
	}))))
	t.Cleanup(server.Close)
	listen(t, server.URL)
	if got := <-working; got != 0 {
		t.Errorf("%d requests in work", got)
	}
	if got := <-status; got != http.StatusOK {
		t.Errorf("logged as %d", got)
	}
}

// One of two readers never reads: the other gets everything, in whole frames, while the
// first is put aside and in the end given up.
func TestAReaderWhoDoesNotReadCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	h := holding(t, StreamOptions{})
	var gaveUp atomic.Bool
	h.change = func(s *Source) { s.Over = gaveUp.Load }
	address := strings.TrimPrefix(h.url, "http://")
	deaf, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if _, err := io.WriteString(deaf, "GET / HTTP/1.1\r\nHost: "+address+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	first, firstWell := h.nth(0)
	h.change = func(*Source) {}
	body := listen(t, h.url)
	readBlock(t, body)
	second, secondWell := h.nth(1)
	frame := Event{Data: []byte(strings.Repeat("x", 256<<10))}.Frame()
	for range 100 { // more than the sockets hold
		for _, w := range []struct {
			f    *fountain
			held *Held
		}{{firstWell, first}, {secondWell, second}} {
			w.f.give(frame)
			w.held.Wake()
		}
		if got := readBlock(t, body); got+"\n" != string(frame) {
			t.Fatalf("%d bytes of %d arrived", len(got), len(frame))
		}
	}
	firstWell.mu.Lock()
	waiting := len(firstWell.frames)
	firstWell.mu.Unlock()
	if waiting == 0 {
		t.Error("the sockets took it all: this proved nothing")
	}
	gaveUp.Store(true)
	first.Wake()
	ended(t, firstWell, "who does not read is not given up")
}

func TestAHeldStreamEndsWithTheRightToListen(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]error{"ended": nil, "not known": errors.New("database away")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := holding(t, StreamOptions{Check: 5 * time.Millisecond})
			var asked atomic.Int64
			h.change = func(s *Source) {
				s.Valid = func(context.Context) (bool, error) { return asked.Add(1) < 3, answer }
			}
			body := listen(t, h.url)
			_, _ = io.ReadAll(body)
			_, f := h.nth(0)
			ended(t, f, "it goes on")
			if n := asked.Load(); (answer == nil && n != 3) || (answer != nil && n != 1) {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// Who looks after the streams may have seen this one just before its last check ended it.
func TestAStreamThatIsOverIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	h := holding(t, StreamOptions{Heartbeat: time.Hour, Check: time.Hour})
	var asked atomic.Int64
	h.change = func(s *Source) {
		s.Valid = func(context.Context) (bool, error) { asked.Add(1); return false, nil }
	}
	listen(t, h.url)
	held, f := h.nth(0)
	h.streams.check(held, time.Now())
	ended(t, f, "it goes on")
	waitFor(t, "its check is over", func() bool { return !held.checking.Load() })
	h.streams.check(held, time.Now())
	h.streams.Close() // waits for checks
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAReaderWhoLeavesIsNoticed(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]StreamOptions{"by the next sign of life": {Heartbeat: 20 * time.Millisecond}, "when its seat is asked for": {Heartbeat: time.Hour, Check: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := holding(t, o)
			h.change = func(s *Source) { s.Holder, s.Address = "ava", "here" }
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			readBlock(t, bufio.NewReader(answer.Body))
			_, f := h.nth(0)
			h.streams.Vacate("ava", "")
			select {
			case <-f.closed:
				t.Fatal("somebody who is there was turned out")
			default:
			}
			leave()
			for deadline := time.After(time.Minute); h.streams.Open() > 0; {
				if o.Heartbeat == time.Hour {
					h.streams.Vacate("ben", "elsewhere")
					h.streams.Vacate("ava", "")
				}
				select {
				case <-deadline:
					t.Fatal("nobody noticed")
				case <-time.After(time.Millisecond):
				}
			}
			ended(t, f, "it is not given back")
		})
	}
}

func TestClosingEndsHeldStreamsAndWaits(t *testing.T) {
	t.Parallel()
	h := holding(t, StreamOptions{})
	bodies := []*bufio.Reader{listen(t, h.url), listen(t, h.url)}
	held, _ := h.nth(1)
	var running atomic.Bool
	begun := make(chan struct{})
	running.Store(true)
	if !held.Go(func(ctx context.Context) { close(begun); <-ctx.Done(); running.Store(false) }) {
		t.Fatal("it was not begun")
	}
	<-begun
	h.streams.Close()
	if running.Load() || h.streams.Open() != 0 {
		t.Errorf("%d open, beside them: %t", h.streams.Open(), running.Load())
	}
	for i, body := range bodies {
		if _, err := io.ReadAll(body); err != nil {
			t.Errorf("stream %d: %v", i, err)
		}
		_, f := h.nth(i)
		ended(t, f, "it is not given back")
	}
	if held.Go(func(context.Context) {}) {
		t.Error("something began beside a stream that is over")
	}
	_, _ = io.ReadAll(listenAnyway(t, h.url)) // one that comes too late ends at once
}

// listenAnyway reads whatever comes, an answer or not.
func listenAnyway(t *testing.T, url string) io.Reader {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		return strings.NewReader("")
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer.Body
}

func TestWhatCannotBeTakenOverIsLeftToItsRequest(t *testing.T) {
	t.Parallel()
	streams := NewStreams(StreamOptions{})
	t.Cleanup(streams.Close)
	w := httptest.NewRecorder()
	if _, taken, err := streams.Hold(w, httptest.NewRequest("GET", "/", nil), Source{}); taken || err != nil || w.Body.Len() > 0 {
		t.Errorf("taken %t, %v, answered %q", taken, err, w.Body)
	}
}
