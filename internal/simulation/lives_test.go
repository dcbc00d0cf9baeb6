package simulation

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	livesFlag  = flag.Int("lives", 2000, "how many orders to live")
	seedFlag   = flag.Int64("seed", 1, "the seed of the first world; each next world has the next number")
	worldsFlag = flag.Int("worlds", runtime.GOMAXPROCS(0), "how many worlds live at once")
)

// livesAWorld is how many lives one world has: a failure replays in seconds, and no
// account's list of the day is longer than a broker shows.
const livesAWorld = 250

// TestMain lets garbage wait: worlds are small, and collecting was an eighth of the work.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// findingsMost ends a long run: worlds know nothing of each other, so a finding in one is
// no reason to lose the hour that the others had.
const findingsMost = 3

// The whole of it: thousands of lives with everything that can go wrong, and not
// one order twice at the broker, not one lost, not one with another end.
func TestSimulation(t *testing.T) {
	began := time.Now()
	empty := emptyWorld(t)
	var mu sync.Mutex
	total := newTally()
	var findings atomic.Int32
	place := make(chan struct{}, *worldsFlag)
	var all sync.WaitGroup
	for done, seed := 0, *seedFlag; done < *livesFlag && findings.Load() < findingsMost; done, seed = done+livesAWorld, seed+1 {
		want := min(livesAWorld, *livesFlag-done)
		place <- struct{}{}
		all.Go(func() {
			defer func() { <-place }()
			clean := t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				s := liveOnce(t, empty, seed, want)
				mu.Lock()
				defer mu.Unlock()
				total.add(s.tally)
				t.Logf("%d lives in %s of virtual time, history %s; in all %d lives, %s",
					s.tally.lives, s.time.Now().Sub(s.began).Round(time.Minute), s.trace.number(), total.lives, pace(total.lives, began))
			})
			if !clean {
				findings.Add(1)
			}
		})
	}
	all.Wait()
	t.Log("\n" + total.report())
	if *livesFlag >= enoughLives && !t.Failed() {
		for _, missing := range total.lacks() {
			t.Error(missing)
		}
	}
}

// liveOnce is one world, from its first click to rest.
func liveOnce(t *testing.T, empty string, seed int64, want int) *simulation {
	t.Helper()
	s := begin(t, empty, seed, want)
	if err := s.run(); err != nil {
		t.Fatalf("%s\n\n%v\n%s\nreplay it with: make sim SEED=%d LIVES=%d", s.story(), err, s.rows(err), seed, want)
	}
	return s
}

// story is the end of what happened.
func (s *simulation) story() string {
	return fmt.Sprintf("seed %d broke at %s after %d lives:\n%s\n\nthe program's last warnings:\n%s\n\n%s",
		s.seed, s.time.Now(), s.tally.lives, strings.Join(s.trace.last(), "\n"), s.warnings.last(), s.tally.report())
}

// A seed is worth nothing if it tells another story each time.
func TestTheSameSeedIsTheSameHistory(t *testing.T) {
	t.Parallel()
	empty := emptyWorld(t)
	first, second := liveOnce(t, empty, 11, 30), liveOnce(t, empty, 11, 30)
	if first.trace.number() != second.trace.number() || first.tally.report() != second.tally.report() {
		t.Errorf("seed 11 came to\n%s\nand then to\n%s\n%s", first.tally.report(), second.tally.report(), first.trace.parts(&second.trace))
	}
}

var anyID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// rows are what the database has about the first things that a finding names, and of
// an account it names, about the contracts it names.
func (s *simulation) rows(finding error) string {
	ids := anyID.FindAllString(finding.Error(), 4)
	rows, _ := s.observer.Query(s.ctx, `
		select 'order ' || to_jsonb(o)::text from public.orders o
		where id = any($1::uuid[]) or position_id = any($1::uuid[]) or account_id in (select id from public.accounts where broker_account_id = any($1::uuid[]::text[])) and position(symbol in $2) > 0
		union all select 'event ' || to_jsonb(e)::text from public.order_events e where order_id = any($1::uuid[])
		union all select 'position ' || to_jsonb(p)::text from public.positions p
			where id = any($1::uuid[]) or account_id in (select id from public.accounts where broker_account_id = any($1::uuid[]::text[])) and position(symbol in $2) > 0
		union all select 'decision ' || to_jsonb(d)::text from public.copy_decisions d where id = any($1::uuid[])`, ids, finding.Error()) // its error is the collector's
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err.Error()
	}
	return strings.Join(lines, "\n") + "\n"
}
