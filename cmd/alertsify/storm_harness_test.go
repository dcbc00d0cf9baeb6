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
	fair        time.Duration // 99 of 100 in fair weather

	mu      sync.Mutex
	answers map[string]int  // of this weather, by code
	took    []time.Duration // until the first answer to each request of this weather
	acked   []string        // orders that were taken
}

func newStorm(t *testing.T) *storm {
	t.Helper()
	s := gatherStorm(t, stormPeople)
	s.lasts = stormTime(t)
	s.hang = min(max(5*s.lasts, 15*time.Second), 50*time.Second)
	s.through(startServer(t, built(t), s.stage.dir, quietly...).url)
	if _, err := s.stage.cast(t.Context(), s.app); err != nil {
		t.Fatal(err)
	}
	if _, err := s.stage.db.Pool().Exec(t.Context(), `update users set role = 'trader' where username in ('person0', 'person1', 'person2', 'person3')`); err != nil {
		t.Fatal(err)
	}
	s.stock()
	return s
}

// quietly are the settings of servers whose log nobody reads unless something is wrong.
var quietly = slices.Concat(hurried, []string{"LOG_LEVEL=error"})

// gatherStorm is a crowd whose orders fill at once, and nobody yet who takes them.
func gatherStorm(t *testing.T, people int) *storm {
	t.Helper()
	s := &storm{t: t, crowd: newCrowd(t, people), answers: map[string]int{}}
	s.mode("immediate")
	return s
}

// through is where orders and questions go.
func (s *storm) through(url string) {
	s.url = url
	s.show = &show{t: s.t, stage: s.stage, app: s.app, url: url, people: s.people, tokens: map[string]string{}, client: s.client}
}

// stock buys everybody something that they can sell later.
func (s *storm) stock() {
	s.t.Helper()
	for i := range s.size() {
		s.mustPlace(i, fmt.Sprintf("BTO %d AAPL 200C "+expiry+" @ 0.50", stocked))
	}
	s.patiently("everybody holds something", func() bool { return s.left() == "" })
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

// pour is rain until it is stopped, which waits for the last answers, also a second time.
func (s *storm) pour(perSecond int, trade func(n int)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			s.n++
			n := s.n
			all.Go(func() { trade(n) })
		}
	})
	return func() { cancel(); all.Wait() }
}

// line is what request n asks for: one thing after the other, so that an order nobody
// knows the end of bars few (R9).
func (s *storm) line(n int) string {
	if n/s.size()%3 == 2 {
		return "STC 1 AAPL 200C " + expiry + " @ 0.45"
	}
	entries := crowdStrikes()[1:]
	return fmt.Sprintf("BTO 1 AAPL %dC "+expiry+" @ 0.50", entries[n/s.size()%len(entries)])
}

// trade places one order as a client does: what was not taken because something
// of ours was away is asked again with the same key.
func (s *storm) trade(n int) {
	line, once := s.line(n), uuid.NewString()
	for try := 0; ; try++ {
		began := time.Now()
		a, err := s.order(n%s.size(), line, once)
		if err != nil {
			s.t.Errorf("%s: %v", line, err)
			return
		}
		if try == 0 {
			s.timed(time.Since(began))
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
	var taken struct{ ID string }
	if a.status == http.StatusAccepted {
		what = "taken"
		a.into(s.t, &taken)
	}
	s.mu.Lock()
	if taken.ID != "" {
		s.acked = append(s.acked, taken.ID)
	}
	s.answers[what]++
	first := s.answers[what] == 1
	s.mu.Unlock()
	soldOut := what == "validation_failed" && strings.HasPrefix(line, "STC") // who holds none any more is told so
	if slices.Contains([]string{"taken", "insufficient_quantity", "unresolved_order"}, what) || soldOut || what == s.allows && a.header.Get("Retry-After") != "" {
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

func (s *storm) timed(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, took)
}

// pace is how long half of the requests of this weather waited at most, and 99 of 100.
func (s *storm) pace() (half, most time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.took) == 0 {
		return 0, 0
	}
	slices.Sort(s.took)
	return s.took[len(s.took)/2], s.took[len(s.took)*99/100]
}

// lost are orders that were taken and are not there.
func (s *storm) lost() int {
	s.t.Helper()
	s.mu.Lock()
	acked := slices.Clone(s.acked)
	s.mu.Unlock()
	return s.show.number(`select count(*) from unnest($1::uuid[]) taken (id) where not exists (select from orders o where o.id = taken.id)`, acked)
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
