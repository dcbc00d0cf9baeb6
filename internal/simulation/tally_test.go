package simulation

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
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
	linked     int // orders that a look linked, at most 35 s after they were listed
	linkedLate int // later, because looks were kept from it
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
	t.linked += o.linked
	t.linkedLate += o.linkedLate
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
		fmt.Sprintf("linked:   %d by a look in time, %d when looks could be made again", t.linked, t.linkedLate),
		fmt.Sprintf("found:    %d duplicate broker orders, %d lost, %d wrong final states", t.verdict.duplicates, t.verdict.lost, t.verdict.wrong),
	}
	return strings.Join(lines, "\n")
}

// enoughLives are so many that everything that may happen must have happened.
const enoughLives = 2000

// Where the process may die in the order engine; C3 and C6 are the same places as C2
// and C5, and C12 is of deliveries.
var crashPoints = []string{"C1", "C2", "C4", "C5", "C7", "C8", "C9", "C10", "C11", "C13", "C15"}

// Faults that have no list of fates.
var otherFaults = []string{
	"listed late", "twin in the app", "filled after its end", "filled in spite of a cancel",
	"webhook repeated", "webhook out of order", "webhook forged", "bell lost", "bell rung twice", "bell late",
}

// lacks is what a long simulation must have seen, and has not: it would prove little.
// A fault that so few requests make no likely guest is not missed.
func (t *tally) lacks() (missing []string) {
	if share := 100 * t.lost / max(t.placings, 1); share < 25 {
		missing = append(missing, fmt.Sprintf("only %d %% of the answers to placing were lost", share))
	}
	for _, c := range []struct {
		requests int
		fates    []chance[fate]
	}{{t.placings, placeFates}, {t.lists, listFates}, {t.cancels, cancelFates}, {t.replacings, replaceFates}} {
		for _, f := range c.fates {
			if f.what.name != "" && t.faults[f.what.name] == 0 && c.requests*f.weight > 6*1000 {
				missing = append(missing, "it never came that: "+f.what.name)
			}
		}
	}
	for _, name := range otherFaults {
		if t.faults[name] == 0 {
			missing = append(missing, "it never came that: "+name)
		}
	}
	for _, point := range crashPoints {
		if t.crashes[point] == 0 {
			missing = append(missing, "nobody died at "+point)
		}
	}
	if t.linked < 100 {
		missing = append(missing, fmt.Sprintf("only %d orders were found by a look in the first minutes", t.linked))
	}
	return missing
}

// What a simulation lacks is named, each thing by itself.
func TestASimulationSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	whole := func() *tally {
		all := newTally()
		all.placings, all.lost, all.lists, all.cancels, all.replacings, all.linked = 2000, 560, 8000, 600, 400, 100
		for _, fates := range [][]chance[fate]{placeFates, listFates, cancelFates, replaceFates} {
			for _, f := range fates {
				all.faults[f.what.name] = 1
			}
		}
		for _, name := range otherFaults {
			all.faults[name] = 1
		}
		for _, point := range crashPoints {
			all.crashes[point] = 1
		}
		return &all
	}
	if missing := whole().lacks(); len(missing) > 0 {
		t.Errorf("nothing is missing, and it says %v", missing)
	}
	for name, take := range map[string]func(*tally){
		"only 24 % of the answers":            func(t *tally) { t.lost = 499 },
		"executed, answered garbage":          func(t *tally) { t.faults["executed, answered garbage"] = 0 },
		"cancel lost":                         func(t *tally) { delete(t.faults, "cancel lost") },
		"twin in the app":                     func(t *tally) { t.faults["twin in the app"] = 0 },
		"nobody died at C8":                   func(t *tally) { t.crashes["C8"] = 0 },
		"only 99 orders were found by a look": func(t *tally) { t.linked = 99 },
	} {
		some := whole()
		take(some)
		if missing := some.lacks(); len(missing) != 1 || !strings.Contains(missing[0], name) {
			t.Errorf("without %q it says %v", name, missing)
		}
	}
	few := whole()
	few.replacings, few.faults["replacement refused"] = 80, 0
	if missing := few.lacks(); len(missing) > 0 {
		t.Errorf("of 80 requests none need be refused, and it says %v", missing)
	}
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
	sum   hash.Hash
	lines []string
}

const traceShown = 60

func (t *trace) note(depth int, e event) {
	if t.sum == nil {
		t.sum = sha256.New()
	}
	line := e.at.Format("Jan 02 15:04:05.000000 ") + strings.Repeat("  ", depth) + e.name
	fmt.Fprintln(t.sum, line)
	t.lines = append(t.lines, line)
}

// last is the end of it.
func (t *trace) last() []string { return t.lines[max(0, len(t.lines)-traceShown):] }

// parts is where two traces that began alike go different ways, with what came before in both.
func (t *trace) parts(other *trace) string {
	at := 0
	for at < min(len(t.lines), len(other.lines)) && t.lines[at] == other.lines[at] {
		at++
	}
	from := max(0, at-traceShown/2)
	return fmt.Sprintf("%s\n\nthen\n%s\n\nor\n%s", strings.Join(t.lines[from:at], "\n"),
		strings.Join(t.lines[at:min(len(t.lines), at+5)], "\n"), strings.Join(other.lines[at:min(len(other.lines), at+5)], "\n"))
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
