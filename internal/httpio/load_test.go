package httpio

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// busy is a server of one route for each class, whose vital one works until it is let go.
type busy struct {
	t       *testing.T
	load    *Load
	url     string
	release chan struct{}
	refused map[Class]int

	mu  sync.Mutex
	now time.Time
}

func openBusy(t *testing.T, bound int) *busy {
	t.Helper()
	b := &busy{t: t, release: make(chan struct{}), refused: map[Class]int{}, now: time.Now()}
	b.load = NewLoad(LoadOptions{Bound: bound, Logger: slog.New(slog.DiscardHandler), Refused: func(c Class) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.refused[c]++
	}})
	b.load.now = func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now }
	mux := http.NewServeMux()
	at := func(path string, c Class, h Handler) { mux.Handle(path, b.load.Handle(c, h)) }
	ok := func(w http.ResponseWriter, r *http.Request) error { return Answer(w, http.StatusOK, "done") }
	for c := Anonymous; c <= Vital; c++ {
		at("/"+c.String(), c, ok)
	}
	at("/nobody", Feed, func(w http.ResponseWriter, r *http.Request) error {
		if err := AdmitNobody(r.Context()); err != nil {
			return err
		}
		return ok(w, r)
	})
	at("/buy", EitherSide, func(w http.ResponseWriter, r *http.Request) error {
		if _, err := io.ReadAll(r.Body); err != nil {
			return err
		}
		if err := Admit(r.Context(), Entry); err != nil {
			return err
		}
		return ok(w, r)
	})
	at("/work", Vital, func(w http.ResponseWriter, r *http.Request) error {
		select {
		case <-b.release:
		case <-r.Context().Done():
		}
		return ok(w, r)
	})
	at("/stream", Feed, func(w http.ResponseWriter, r *http.Request) error {
		return Stream(w, r, make(chan Event), StreamOptions{})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// pass lets time go by and the level follow it.
func (b *busy) pass(d time.Duration) {
	b.mu.Lock()
	b.now = b.now.Add(d)
	b.mu.Unlock()
	b.load.Settle()
}

func (b *busy) get(path string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, strings.NewReader("{}"))
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer, string(body)
}

// until waits for a condition that the server reaches by itself.
func (b *busy) until(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(deadline) {
			b.t.Fatalf("never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// work gives the server n requests that stay until the end.
func (b *busy) work(n int) (end func()) {
	b.t.Helper()
	ctx, stop := context.WithCancel(b.t.Context())
	var all sync.WaitGroup
	before := b.load.Working()
	for range n {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/work", http.NoBody)
		if err != nil {
			b.t.Fatal(err)
		}
		all.Go(func() {
			if answer, err := http.DefaultClient.Do(r); err == nil {
				_ = answer.Body.Close()
			}
		})
	}
	b.until("the work is on", func() bool { return b.load.Working() == before+n })
	return func() {
		stop()
		all.Wait()
		b.until("the work is over", func() bool { return b.load.Working() == before })
	}
}

// What goes first under overload, and what never goes (correctness §18).
func TestClassesGoInTheirOrder(t *testing.T) {
	t.Parallel()
	b := openBusy(t, 8)
	all := []string{"/anonymous", "/nobody", "/feed", "/entry", "/buy", "/either_side", "/vital"}
	for _, c := range []struct {
		working int
		refused []string
	}{
		{4, nil},
		{5, all[:2]},
		{7, all[:3]},
		{9, all[:5]},
		{40, all[:5]},
	} {
		end := b.work(c.working)
		b.pass(2 * time.Second)
		for i, path := range all {
			answer, body := b.get(path)
			want := http.StatusOK
			if i < len(c.refused) {
				want = http.StatusServiceUnavailable
			}
			if answer.StatusCode != want {
				t.Errorf("%s with %d in work: %d %s", path, c.working, answer.StatusCode, body)
			}
			if want != http.StatusOK && (answer.Header.Get("Retry-After") != "5" || !strings.Contains(body, `"code":"unavailable"`)) {
				t.Errorf("%s is refused with %s (Retry-After %q)", path, body, answer.Header.Get("Retry-After"))
			}
		}
		end()
		b.pass(0)
		b.pass(time.Minute)
		if b.load.Level() != 0 {
			t.Errorf("level %d after a quiet minute", b.load.Level())
		}
	}
	if b.refused[Anonymous] != 5 || b.refused[Feed] != 6 || b.refused[Entry] != 4 || len(b.refused) != 3 {
		t.Errorf("counted: %v", b.refused)
	}
}

// A burst is no overload, and a moment's quiet is not its end.
func TestTheLevelDoesNotFlap(t *testing.T) {
	t.Parallel()
	l := NewLoad(LoadOptions{Bound: 100, Logger: slog.New(slog.DiscardHandler)})
	now := time.Now()
	l.now = func() time.Time { return now }
	for i, c := range []struct {
		after   time.Duration
		working int64
		level   int
	}{
		{0, 50, 0},                      // at the bound, not above it
		{0, 200, 0},                     // a burst
		{400 * time.Millisecond, 20, 0}, // and gone
		{200 * time.Millisecond, 200, 0},
		{499 * time.Millisecond, 200, 0},
		{time.Millisecond, 200, 1},
		{500 * time.Millisecond, 200, 2},
		{500 * time.Millisecond, 200, 3},
		{time.Hour, 200, 3}, // there is no more to refuse
		{time.Second, 76, 3},
		{time.Hour, 76, 3}, // below the begin, above the end
		{time.Second, 75, 3},
		{4 * time.Second, 75, 3},
		{0, 90, 3}, // a moment's quiet
		{0, 75, 3},
		{5 * time.Second, 75, 2},
		{time.Hour, 75, 2},
		{time.Second, 56, 2},
		{5 * time.Second, 56, 1},
		{0, 52, 1},
		{0, 0, 1},
		{5 * time.Second, 0, 0},
		{time.Hour, 0, 0},
		{0, 200, 0},
		{10 * time.Second, 200, 3}, // nobody looked in between
		{0, 0, 3},
		{12 * time.Second, 0, 1},
		{3 * time.Second, 0, 0},
	} {
		now = now.Add(c.after)
		l.working.Store(c.working)
		l.Settle()
		if l.Level() != c.level {
			t.Fatalf("step %d, %d in work: level %d, want %d", i, c.working, l.Level(), c.level)
		}
	}
}

// Who sends slowly or listens for hours keeps nobody else from anything.
func TestWhatWaitsForItsClientIsNotInWork(t *testing.T) {
	t.Parallel()
	b := openBusy(t, 8)
	address := strings.TrimPrefix(b.url, "http://")
	conns := make([]net.Conn, 20)
	for i := range conns {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
		request := "POST /buy HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{"
		if i%2 == 0 {
			request = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(conns); i += 2 { // the streams are open
		answer, err := http.ReadResponse(bufio.NewReader(conns[i]), nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("open a stream: %v %v", answer, err)
		}
		defer answer.Body.Close() // after its connection: closing reads to the end
	}
	b.until("all wait", func() bool { return b.load.Working() == 0 })
	for i := 1; i < len(conns); i += 2 {
		if _, err := conns[i].Write([]byte("}")); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conns[i]), nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("after its body: %v %v", answer, err)
		}
		_ = answer.Body.Close()
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	b.until("all are gone", func() bool { return b.load.Working() == 0 })
	if b.load.Level() != 0 {
		t.Errorf("level %d", b.load.Level())
	}
}
