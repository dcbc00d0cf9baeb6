package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// storm is a crowd that trades whatever happens.
type storm struct {
	*crowd

	t           *testing.T
	show        *show // asks and judges
	url         string
	lasts, hang time.Duration
	allows      string

	mu      sync.Mutex
	answers map[string]int // of this weather, by code
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	s := &storm{t: t, crowd: newCrowd(t, stormPeople), answers: map[string]int{}}
	s.lasts = stormTime(t)
	s.hang = min(max(5*s.lasts, 15*time.Second), 50*time.Second)
	s.mode("immediate")
	s.url = startServer(t, built(t), s.stage.dir, slices.Concat(hurried, []string{"LOG_LEVEL=error"})...).url
	s.show = &show{t: t, stage: s.stage, app: s.app, url: s.url, people: s.people, tokens: map[string]string{}, client: s.client}
	for i := range s.size() {
		s.mustPlace(i, fmt.Sprintf("BTO %d AAPL 200C "+expiry+" @ 0.50", stocked))
	}
	s.patiently("everybody holds something", func() bool { return s.left() == "" })
	return s
}

func (s *storm) size() int { return len(s.tokens) }

// rain lets requests to trade come in at the rate, whatever became of those
// before, and waits until each has its answer.
func (s *storm) rain(during time.Duration) {
	s.t.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for i := range int(during.Seconds() * stormPerSecond) {
		<-time.After(time.Until(began.Add(time.Duration(i) * time.Second / stormPerSecond)))
		s.n++
		n := s.n
		all.Go(func() { s.trade(n) })
	}
	all.Wait()
}

// trade places one order as a client does: what was not taken because something
// of ours was away is asked again with the same key.
func (s *storm) trade(n int) {
	// One after the other, so that an order nobody knows the end of bars few (R9).
	entries := crowdStrikes()[1:]
	line := fmt.Sprintf("BTO 1 AAPL %dC "+expiry+" @ 0.50", entries[n/s.size()%len(entries)])
	if n/s.size()%3 == 2 {
		line = "STC 1 AAPL 200C " + expiry + " @ 0.45"
	}
	once := uuid.NewString()
	for try := 0; ; try++ {
		a, err := s.order(n%s.size(), line, once)
		if err != nil {
			s.t.Errorf("%s: %v", line, err)
			return
		}
		s.note(a, line)
		if a.status != http.StatusServiceUnavailable || try == 60 {
			return
		}
		<-time.After(500 * time.Millisecond)
	}
}

// note counts an answer, and fails the test when nothing explains it.
func (s *storm) note(a answer, line string) {
	what := a.code()
	if a.status == http.StatusAccepted {
		what = "taken"
	}
	s.mu.Lock()
	s.answers[what]++
	first := s.answers[what] == 1
	s.mu.Unlock()
	if slices.Contains([]string{"taken", "insufficient_quantity", "unresolved_order"}, what) || what == s.allows && a.header.Get("Retry-After") != "" {
		return
	}
	if first {
		s.t.Errorf("%s: %d %s (Retry-After %q)", line, a.status, a.body, a.header.Get("Retry-After"))
	}
}

// told is how the requests of this weather were answered.
func (s *storm) told() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, code := range slices.Sorted(maps.Keys(s.answers)) {
		list = append(list, fmt.Sprintf("%d %s", s.answers[code], code))
	}
	return strings.Join(list, ", ")
}

func (s *storm) order(person int, line, once string) (answer, error) {
	body := `{"confirmDuplicate":true,"line":"` + line + `"}`
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+"/api/trading/orders", strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+s.tokens[person])
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", once)
	resp, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, got}, err
}
