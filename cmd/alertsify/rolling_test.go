package main

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// Two instances behind a proxy are restarted in turns while 50 orders a second come in:
// none fails at the proxy, none becomes unknown by it, and each stop ends within a minute
// (INV-48). It is no part of the suite, whose ten minutes it would use up: `make rolling`.
func TestRollingRestartsFailNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv("ROLLING_ROUNDS") == "" {
		t.Skip("it needs a machine of its own: make rolling")
	}
	s := gatherStorm(t, stormPeople)
	b := newBalancer(t, s.stage.listener) // where the providers' webhooks go too
	start := func() *childServer {
		server := startServer(t, built(t), s.stage.dir, append(quietly, "STOP_DELAY=1")...)
		b.add(t, server.url)
		return server
	}
	instances := []*childServer{start(), start()}
	s.through(b.url)
	s.stock()
	// So that something is on the wire whenever one stops.
	s.fault(map[string]any{"match": placing, "mode": "delay", "delayMs": 150})
	s.acked, s.took, s.answers = nil, nil, map[string]int{}
	stop := s.pour(rollingPerSecond, s.trade)
	defer stop()
	rounds, slowest := countOf(t, "ROLLING_ROUNDS", 1), time.Duration(0)
	for range rounds {
		for i, old := range instances {
			<-time.After(time.Second)
			began := time.Now()
			old.stop(t)
			slowest = max(slowest, time.Since(began))
			if code := old.child.ProcessState.ExitCode(); code != 0 {
				t.Errorf("a stop ended with exit status %d", code)
			}
			b.drop(old.url)
			instances[i] = start()
		}
	}
	stop()
	s.patiently("everything comes to its end", func() bool { return s.left() == "" })
	unknown := s.show.number(`select count(*) from order_events where to_state = 'unknown'`)
	half, most := s.pace()
	t.Logf("%d restarts under %d orders a second, %d of them taken: %d failed at the proxy, %d became unknown, the slowest stop took %s; half answered within %s, 99 of 100 within %s; answers: %s",
		2*rounds, rollingPerSecond, len(s.acked), b.failed.Load(), unknown, slowest.Round(100*time.Millisecond), half.Round(time.Millisecond), most.Round(time.Millisecond), s.told())
	if b.failed.Load() > 0 || unknown > 0 || s.lost() > 0 {
		t.Errorf("%d failed, %d unknown, %d lost", b.failed.Load(), unknown, s.lost())
	}
	if slowest > time.Minute {
		t.Errorf("a stop took %s", slowest)
	}
	if len(s.acked) < 50 {
		t.Errorf("only %d orders were taken: this proved nothing", len(s.acked))
	}
	s.show.examine()
}

const rollingPerSecond = 50

// countOf is a number from the environment, or the suite's.
func countOf(t *testing.T, name string, short int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return short
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s: %q is not a number above 0", name, text)
	}
	return n
}
