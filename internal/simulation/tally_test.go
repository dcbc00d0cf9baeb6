package simulation

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally counts what happened, so that one sees that it did.
type tally struct {
	lives      int // orders that have ended
	placings   int // requests to place
	lost       int // of them those whose answer told nothing
	cancels    int
	replacings int
	lists      int
	bells      int
	webhooks   int
	failures   int // jobs that failed and were tried again
	examined   int // times that touched rows were examined
	reviews    int // positions an operator is asked to look at
	born       map[string]int
	crashes    map[string]int
	faults     map[string]int
	refusals   map[string]int
	ended      map[string]int
	decided    map[string]int // copies, by result and reason
	verdict    verdict
}

func newTally() tally {
	return tally{born: map[string]int{}, crashes: map[string]int{}, faults: map[string]int{}, refusals: map[string]int{}, ended: map[string]int{}, decided: map[string]int{}}
}

// add sums two worlds.
func (t *tally) add(o tally) {
	t.lives += o.lives
	t.placings += o.placings
	t.lost += o.lost
	t.cancels += o.cancels
	t.replacings += o.replacings
	t.lists += o.lists
	t.bells += o.bells
	t.webhooks += o.webhooks
	t.failures += o.failures
	t.examined += o.examined
	t.reviews += o.reviews
	t.verdict.duplicates += o.verdict.duplicates
	t.verdict.lost += o.verdict.lost
	t.verdict.wrong += o.verdict.wrong
	for _, m := range []struct{ to, from map[string]int }{{t.born, o.born}, {t.crashes, o.crashes}, {t.faults, o.faults}, {t.refusals, o.refusals}, {t.ended, o.ended}, {t.decided, o.decided}} {
		for name, n := range m.from {
			m.to[name] += n
		}
	}
}

// report is everything that was counted.
func (t *tally) report() string {
	lines := []string{
		fmt.Sprintf("%d lives: %s", t.lives, counts(t.born)),
		"ended:    " + counts(t.ended),
		"copies:   " + counts(t.decided),
		fmt.Sprintf("requests: %d to place (%d %% of their answers lost), %d to replace, %d to cancel, %d to list; %d webhooks, %d bells",
			t.placings, 100*t.lost/max(t.placings, 1), t.replacings, t.cancels, t.lists, t.webhooks, t.bells),
		"faults:   " + counts(t.faults),
		fmt.Sprintf("crashes:  %s; jobs failed %d times", counts(t.crashes), t.failures),
		"refused:  " + counts(t.refusals),
		fmt.Sprintf("examined: touched rows %d times; %d positions are up for review", t.examined, t.reviews),
		fmt.Sprintf("found:    %d duplicate broker orders, %d lost, %d wrong final states", t.verdict.duplicates, t.verdict.lost, t.verdict.wrong),
	}
	return strings.Join(lines, "\n")
}

func counts(m map[string]int) string {
	if len(m) == 0 {
		return "none"
	}
	parts := make([]string, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	return strings.Join(parts, ", ")
}

// trace is what happened, in order: its end for people, all of it as one number.
type trace struct {
	sum  hash.Hash
	last []string
}

const traceKept = 60

func (t *trace) note(depth int, e event) {
	if t.sum == nil {
		t.sum = sha256.New()
	}
	line := e.at.Format("Jan 02 15:04:05.000000 ") + strings.Repeat("  ", depth) + e.name
	fmt.Fprintln(t.sum, line)
	if t.last = append(t.last, line); len(t.last) > traceKept {
		t.last = t.last[1:]
	}
}

func (t *trace) number() string {
	if t.sum == nil {
		return ""
	}
	return fmt.Sprintf("%x", t.sum.Sum(nil)[:8])
}

// pace is lives a second.
func pace(lives int, since time.Time) string {
	return fmt.Sprintf("%d lives/s", int64(lives)*int64(time.Second)/max(int64(time.Since(since)), 1))
}

// warnings are the last ones of the program's log.
type warnings struct {
	mu    sync.Mutex
	lines []string
}

// Write keeps a line.
func (w *warnings) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lines = append(w.lines, string(line)); len(w.lines) > warningsKept {
		w.lines = w.lines[1:]
	}
	return len(line), nil
}

const warningsKept = 15

func (w *warnings) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "")
}
