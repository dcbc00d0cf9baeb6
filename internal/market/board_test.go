package market

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// reader is a board whose reads a test lets end, and whose clock it turns.
type reader struct {
	*board

	t     *testing.T
	work  sync.WaitGroup
	mu    sync.Mutex
	at    time.Time
	began chan []string // what a read asks for
	end   chan error    // ends one read
}

// newReader waits for company as good as for ever: who waits for that hangs the test.
func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{t: t, at: time.Unix(1_800_000_000, 0), began: make(chan []string, 10), end: make(chan error, 10)}
	r.board = newBoard(r.read, &r.work, Options{Now: r.clock})
	r.wait = time.Hour
	t.Cleanup(func() {
		close(r.end)
		r.work.Wait()
	})
	return r
}

func (r *reader) read(_ context.Context, symbols []string) (map[string]Quote, error) {
	asked := slices.Clone(symbols)
	at := r.clock()
	r.began <- asked
	if err := <-r.end; err != nil {
		return nil, err
	}
	found := map[string]Quote{}
	for _, symbol := range symbols {
		found[symbol] = Quote{Symbol: symbol, At: at}
	}
	return found, nil
}

func (r *reader) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *reader) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

// ask asks for contracts and gives where the answer will come.
func (r *reader) ask(symbols ...string) <-chan map[string]Quote {
	answer := make(chan map[string]Quote, 1)
	go func() {
		found, err := r.quotes(r.t.Context(), symbols)
		if err != nil {
			found = nil
		}
		answer <- found
	}()
	return answer
}

func (r *reader) asks(want ...string) {
	r.t.Helper()
	if got := <-r.began; !slices.Equal(got, want) {
		r.t.Errorf("read %q, want %q", got, want)
	}
}

// collected waits until that many contracts wait for the next read.
func (r *reader) collected(n int) {
	for {
		r.board.mu.Lock()
		ready := r.next != nil && len(r.next.symbols) == n
		r.board.mu.Unlock()
		if ready {
			return
		}
		<-time.After(time.Millisecond)
	}
}

// Who asks while nothing is read waits for nobody's company; who comes meanwhile
// goes together as soon as that read has ended, and what it brings is not asked again.
func TestWhoIsAloneWaitsForNobody(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	first := r.ask("A", "B")
	r.asks("A", "B")
	same, second := r.ask("B"), r.ask("C", "A")
	r.collected(1)
	third := r.ask("D", "C")
	r.collected(2)
	r.end <- nil
	r.asks("C", "D")
	r.end <- nil
	for i, answer := range []<-chan map[string]Quote{first, same, second, third} {
		if got := <-answer; len(got) != []int{2, 1, 2, 2}[i] {
			t.Errorf("answer %d: %v", i, got)
		}
	}
}

// What is asked for all the time is read before it is too old, and nobody waits for that.
func TestAQuoteInUseIsReadAgainInTime(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.end <- nil
	was := (<-r.ask("A"))["A"]
	r.asks("A")
	r.pass(renewAge - time.Millisecond)
	if got := (<-r.ask("A"))["A"]; got != was || len(r.began) > 0 {
		t.Errorf("a fresh quote is read again: %v", got)
	}
	r.pass(time.Millisecond)
	for range 3 { // none of them waits, and they are one read
		if got := (<-r.ask("A"))["A"]; got != was {
			t.Errorf("%v is not what is kept", got)
		}
	}
	r.asks("A")
	r.end <- errors.New("away")
	r.work.Wait()
	r.pass(quoteAge) // what could not be read in time is read now
	r.end <- nil
	if got := (<-r.ask("A"))["A"]; !got.At.After(was.At) {
		t.Errorf("%v is too old", got)
	}
}

// A read that hangs holds nobody who comes a second later.
func TestAReadThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.wait = 0
	hangs := r.ask("A")
	r.asks("A")
	r.pass(quoteAge)
	later := r.ask("A")
	r.asks("A")
	r.end <- nil
	r.end <- nil
	if len(<-later) != 1 || len(<-hangs) != 1 {
		t.Error("an answer is missing")
	}
}
