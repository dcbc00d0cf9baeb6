package snaptrade

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/alertsify/alertsify/internal/pgtest"
)

var rushesFlag = flag.Int("rushes", 3, "how many rushes the budget stands, each from its own seed")

// The budget reckons by the database's clock and waits by the process's. Here both
// are the bubble's: the database reads a sequence that every use of it sets first, and
// the bubble's time stands still while anybody talks to the database.
const bubbleClock = `
create schema sim;
create unlogged sequence sim.clock;
do $$ begin
	execute format('create function sim.clock_timestamp() returns timestamptz language plpgsql stable as %L', format(
		'begin return timestamptz %L + pg_sequence_last_value(%s::regclass) * interval %L; end', 'epoch', 'sim.clock'::regclass::oid, '1 microsecond'));
	execute format('alter database %I set search_path = public, sim, pg_catalog', current_database());
end $$;`

// process is a budget as one of several processes has it, on its own connections.
func process(t *testing.T, url string) *Budget {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns, config.MinConns, config.HealthCheckPeriod = 2, 2, time.Hour
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	config.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		_, err := conn.Exec(ctx, `select setval('sim.clock', $1)`, time.Now().UnixMicro())
		return err == nil, err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	var conns []*pgxpool.Conn // all are made out here: what is made in a bubble belongs to it
	for range config.MaxConns {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		conn.Release()
	}
	return NewBudget(pool, DefaultPerMinute)
}

// call is one request to SnapTrade that waits for its place.
type call struct {
	class   Class
	process int
	arrives time.Time
	limit   time.Time // it may not begin later
	begins  time.Time // zero: it did not
}

func (c call) String() string {
	return fmt.Sprintf("%s of process %d, arrived %s, began %s, limit %s", c.class, c.process, c.arrives.Format("04:05.000"), c.begins.Format("04:05.000"), c.limit.Format("04:05.000"))
}

// waitsAt says that the call wants a place at a moment and has none.
func (c call) waitsAt(at time.Time) bool {
	return c.arrives.Before(at) && c.limit.After(at) && (c.begins.IsZero() || c.begins.After(at))
}

// rush is some minutes in which far more is asked for than the budget gives: bursts
// of each class, and the rest spread over the time.
func rush(dice *rand.Rand, began time.Time) []*call {
	within := map[Class]time.Duration{
		Exit: 15 * time.Minute, Cancel: time.Minute, Manual: 30 * time.Second, UnresolvedLook: time.Minute,
		CopiedEntry: 60 * time.Second, WorkingLook: time.Minute, Sync: time.Minute,
	}
	var calls []*call
	add := func(class Class, at time.Time) {
		wait := within[class]
		if class == CopiedEntry || class == Exit && dice.IntN(2) == 0 {
			wait = time.Duration(5+dice.IntN(115)) * time.Second
		}
		calls = append(calls, &call{class: class, process: dice.IntN(2), arrives: at, limit: at.Add(wait)})
	}
	const lasts = 5 * time.Minute
	anytime := func() time.Time { return began.Add(time.Duration(dice.Int64N(int64(lasts)))) }
	for range 1000 {
		add(Class(1+dice.IntN(classes)), anytime())
	}
	for range 6 {
		class, at := []Class{Exit, Exit, Manual, CopiedEntry, UnresolvedLook, WorkingLook}[dice.IntN(6)], anytime()
		for range 100 + dice.IntN(250) {
			add(class, at.Add(time.Duration(dice.IntN(200))*time.Millisecond))
		}
	}
	return calls
}

// live lets every call come when it comes and wait as the client lets it wait.
func live(t *testing.T, processes []*Budget, calls []*call) {
	t.Helper()
	var all sync.WaitGroup
	for _, c := range calls {
		all.Go(func() {
			time.Sleep(time.Until(c.arrives))
			client := &Client{budget: processes[c.process]}
			err := client.take(BeginBy(t.Context(), c.limit), request{class: c.class})
			switch {
			case err == nil:
				c.begins = time.Now()
			case !errors.Is(err, ErrNoPlace):
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// With 250 a minute and far more asked for, from two processes that share nothing but
// the database: no minute has more than 250 calls or a class more than its share,
// nothing begins after its limit, no entry, look or sync begins while an exit or a
// cancel waits anywhere, and each process serves a class in the order of arrival.
func TestARushIsServedInOrderAndInTime(t *testing.T) {
	t.Parallel()
	for seed := range *rushesFlag {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			if _, err := pgtest.Open(t, url).Pool().Exec(t.Context(), bubbleClock, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatal(err)
			}
			processes := []*Budget{process(t, url), process(t, url)}
			synctest.Test(t, func(t *testing.T) {
				calls := rush(rand.New(rand.NewPCG(uint64(seed), 1)), time.Now())
				live(t, processes, calls)
				judgeRush(t, calls)
			})
		})
	}
}

func judgeRush(t *testing.T, calls []*call) {
	t.Helper()
	var begun []*call
	for _, c := range calls {
		if !c.begins.IsZero() {
			begun = append(begun, c)
		}
		if c.begins.After(c.limit) {
			t.Errorf("began after its limit: %s", c)
		}
	}
	slices.SortStableFunc(begun, func(a, b *call) int { return a.begins.Compare(b.begins) })
	judgeMinutes(t, begun)
	judgeExitsFirst(t, calls, begun)
	judgeArrival(t, begun)
	t.Logf("%d of %d calls began: %s", len(begun), len(calls), byClass(begun))
}

func byClass(calls []*call) string {
	n := map[Class]int{}
	for _, c := range calls {
		n[c.class]++
	}
	return fmt.Sprint(n)
}

// judgeMinutes counts each minute that ends with a call.
func judgeMinutes(t *testing.T, begun []*call) {
	t.Helper()
	first := 0
	for i, last := range begun {
		for last.begins.Sub(begun[first].begins) >= time.Minute {
			first++
		}
		n := map[Class]int{}
		for _, c := range begun[first : i+1] {
			n[c.class]++
		}
		all := i + 1 - first
		notExits := all - n[Exit] - n[Cancel]
		if all > DefaultPerMinute || notExits > 225 || n[CopiedEntry] > 150 || n[CopiedEntry]+n[Sync] > 175 {
			t.Fatalf("in the minute to %s: %d calls, %d of them no exits: %v", last.begins.Format("04:05.000"), all, notExits, n)
		}
	}
}

// judgeExitsFirst: whatever began, no exit and no cancel was waiting then.
func judgeExitsFirst(t *testing.T, calls, begun []*call) {
	t.Helper()
	wrong := 0
	for _, c := range begun {
		if c.class == Exit || c.class == Cancel {
			continue
		}
		for _, waiting := range calls {
			if waiting.class > Cancel || !waiting.waitsAt(c.begins) {
				continue
			}
			if wrong++; wrong < 5 {
				t.Errorf("%s\n\twent before %s", c, waiting)
			}
			break
		}
	}
	if wrong > 0 {
		t.Errorf("%d calls went before an exit", wrong)
	}
}

// judgeArrival: within a process and a class, who came first began first.
func judgeArrival(t *testing.T, begun []*call) {
	t.Helper()
	last := map[[2]int]*call{}
	for _, c := range slices.SortedFunc(slices.Values(begun), func(a, b *call) int {
		return cmp.Or(a.begins.Compare(b.begins), a.arrives.Compare(b.arrives))
	}) {
		line := [2]int{c.process, int(c.class)}
		if before := last[line]; before != nil && before.arrives.After(c.arrives) {
			t.Errorf("%s\n\twent before %s", before, c)
		}
		last[line] = c
	}
}
