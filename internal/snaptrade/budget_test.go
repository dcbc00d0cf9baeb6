package snaptrade

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/alertsify/alertsify/internal/pgtest"
)

func newBudget(t *testing.T) (*Budget, *pgxpool.Pool) {
	t.Helper()
	pool := pgtest.New(t).Pool()
	b := NewBudget(pool, DefaultPerMinute)
	b.restMax = restAtLeast
	return b, pool
}

// use writes down n calls of a class, made a while ago.
func use(t *testing.T, pool *pgxpool.Pool, class Class, n int, ago time.Duration) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `
		insert into snaptrade_budget_calls (at, class)
		select clock_timestamp() - $3::bigint * interval '1 millisecond', $1::smallint from generate_series(1, $2::int)`,
		class, n, ago.Milliseconds())
	if err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, pool *pgxpool.Pool) int {
	t.Helper()
	var n int
	if err := pool.QueryRow(t.Context(), `select count(*) from snaptrade_budget_calls`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Correctness §12: 250 in all; 25 only for exits and cancels; 75 kept for looks;
// copied entries at most 150; and no low class may use up what a higher one needs.
func TestClassesHaveTheirShares(t *testing.T) {
	t.Parallel()
	b, pool := newBudget(t)
	for _, c := range []struct {
		name string
		used map[Class]int
		want map[Class]int // room of each class alone
	}{
		{"nothing used", nil, map[Class]int{
			Exit: 250, Cancel: 250, Manual: 175, UnresolvedLook: 225, CopiedEntry: 150, WorkingLook: 200, Sync: 125}},
		{"copied entries at their limit leave room above them", map[Class]int{CopiedEntry: 150}, map[Class]int{
			Exit: 100, Cancel: 100, Manual: 25, UnresolvedLook: 75, CopiedEntry: 0, WorkingLook: 50, Sync: 0}},
		{"copied entries are limited even when nobody else calls", map[Class]int{CopiedEntry: 149}, map[Class]int{CopiedEntry: 1}},
		{"manual entries leave 50 to looks and 25 to exits", map[Class]int{Manual: 175}, map[Class]int{
			Exit: 75, Manual: 0, UnresolvedLook: 50, CopiedEntry: 0, WorkingLook: 25, Sync: 0}},
		{"looks beyond their share leave the exits' alone", map[Class]int{UnresolvedLook: 225}, map[Class]int{
			Exit: 25, Cancel: 25, Manual: 0, UnresolvedLook: 0, CopiedEntry: 0, WorkingLook: 0, Sync: 0}},
		{"working looks leave 25 to unresolved ones", map[Class]int{WorkingLook: 200}, map[Class]int{
			UnresolvedLook: 25, WorkingLook: 0, Manual: 25, CopiedEntry: 25, Exit: 50}},
		{"sync leaves 25 to manual entries", map[Class]int{Sync: 125}, map[Class]int{
			Sync: 0, Manual: 50, CopiedEntry: 25, UnresolvedLook: 100, Exit: 125}},
		{"exits use their own share first", map[Class]int{Exit: 20, Cancel: 5}, map[Class]int{
			Exit: 225, Manual: 175, CopiedEntry: 150, Sync: 125}},
		{"exits may take everything", map[Class]int{Exit: 250}, map[Class]int{
			Exit: 0, Cancel: 0, Manual: 0, UnresolvedLook: 0, CopiedEntry: 0, WorkingLook: 0, Sync: 0}},
		{"a limit lowered below what is used", map[Class]int{Exit: 400}, map[Class]int{Exit: 0, Sync: 0}},
	} {
		if _, err := pool.Exec(t.Context(), `delete from snaptrade_budget_calls`); err != nil {
			t.Fatal(err)
		}
		for class, n := range c.used {
			use(t, pool, class, n, time.Second)
		}
		free, err := b.Free(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for class, n := range c.want {
			if free.Room[class] != n {
				t.Errorf("%s: room for %s %d, want %d", c.name, class, free.Room[class], n)
			}
		}
		for class, n := range c.used {
			if free.Used[class] != n {
				t.Errorf("%s: %s used %d, want %d", c.name, class, free.Used[class], n)
			}
		}
	}
}

func TestTwoProcessesTogetherNeverExceedTheLimit(t *testing.T) {
	t.Parallel()
	b, pool := newBudget(t)
	other := NewBudget(pool, DefaultPerMinute)
	ctx, cancel := context.WithCancel(t.Context())
	var granted, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 300 {
		from, class := []*Budget{b, other}[i%2], Class(1+i%2)
		all.Go(func() {
			switch err := from.Take(ctx, class); {
			case err == nil:
				granted.Add(1)
			case errors.Is(err, ErrNoPlace) && errors.Is(err, context.Canceled):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	eventually(t, "all places given", func() bool { return granted.Load() == DefaultPerMinute })
	cancel()
	all.Wait()
	if granted.Load() != DefaultPerMinute || refused.Load() != 50 || count(t, pool) != DefaultPerMinute {
		t.Errorf("granted %d, refused %d, counted %d", granted.Load(), refused.Load(), count(t, pool))
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestTheWindowRollsAndIsTrimmed(t *testing.T) {
	t.Parallel()
	b, pool := newBudget(t)
	use(t, pool, Exit, 200, 62*time.Second)
	use(t, pool, Exit, 249, 30*time.Second)
	if err := b.Take(t.Context(), Exit); err != nil {
		t.Fatal(err)
	}
	if n := count(t, pool); n != 250 {
		t.Errorf("%d rows kept", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.Take(ctx, Exit); !errors.Is(err, ErrNoPlace) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the 251st: %v", err)
	}
}

func TestWaitersAreServedByPriorityThenArrival(t *testing.T) {
	t.Parallel()
	b, pool := newBudget(t)
	// Every share is used, so that only the order of the classes decides.
	use(t, pool, Exit, 50, time.Second)
	use(t, pool, UnresolvedLook, 100, time.Second)
	use(t, pool, Manual, 100, time.Second)
	order := make(chan string, 8)
	var all sync.WaitGroup
	enter := func(name string, class Class) {
		all.Go(func() {
			if err := b.Take(t.Context(), class); err != nil {
				t.Error(err)
			}
			order <- name
		})
	}
	arrivals := []struct {
		name  string
		class Class
	}{{"sync", Sync}, {"working", WorkingLook}, {"copy", CopiedEntry}, {"manual", Manual}, {"look", UnresolvedLook}, {"exit 1", Exit}, {"exit 2", Exit}, {"cancel", Cancel}}
	for i, a := range arrivals {
		enter(a.name, a.class)
		eventually(t, a.name+" waits", func() bool { return b.queued() == i+1 })
	}
	var got []string
	for range arrivals {
		if _, err := pool.Exec(t.Context(), `delete from snaptrade_budget_calls where ctid in (select ctid from snaptrade_budget_calls where class = $1 limit 1)`, Manual); err != nil {
			t.Fatal(err)
		}
		got = append(got, <-order)
	}
	all.Wait()
	want := []string{"exit 1", "exit 2", "cancel", "manual", "look", "copy", "working", "sync"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func (b *Budget) queued() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, line := range b.waiting {
		n += len(line)
	}
	return n
}

// A class at its own limit must not hold up those below it that have room.
func TestAFullClassDoesNotBlockTheOthers(t *testing.T) {
	t.Parallel()
	b, pool := newBudget(t)
	use(t, pool, CopiedEntry, 150, time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	var copied error
	var waiting sync.WaitGroup
	waiting.Go(func() { copied = b.Take(ctx, CopiedEntry) })
	eventually(t, "the copy waits", func() bool { return b.queued() == 1 })
	for _, class := range []Class{WorkingLook, Exit, Manual} {
		if err := b.Take(t.Context(), class); err != nil {
			t.Errorf("%s: %v", class, err)
		}
	}
	cancel()
	waiting.Wait()
	if !errors.Is(copied, ErrNoPlace) || b.queued() != 0 {
		t.Errorf("copied entry: %v, %d still wait", copied, b.queued())
	}
}

func TestAPauseStopsEverybodyUntilItsEnd(t *testing.T) {
	t.Parallel()
	b, pool := newBudget(t)
	if err := b.Pause(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := b.Pause(t.Context(), time.Second); err != nil { // a shorter one changes nothing
		t.Fatal(err)
	}
	free, err := b.Free(t.Context())
	if err != nil || time.Until(free.PausedUntil) < 50*time.Minute || free.Room[Exit] != 0 {
		t.Errorf("%+v %v", free, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := NewBudget(pool, DefaultPerMinute).Take(ctx, Exit); !errors.Is(err, ErrNoPlace) {
		t.Errorf("an exit during the pause: %v", err)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- b.Take(t.Context(), Sync) }()
	eventually(t, "one waits", func() bool { return b.queued() == 1 })
	if _, err := pool.Exec(t.Context(), `update snaptrade_budget_pause set paused_until = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestWithoutADatabaseNobodyGetsAPlace(t *testing.T) {
	t.Parallel()
	b, pool := newBudget(t)
	pool.Close()
	if err := b.Take(t.Context(), Exit); err == nil || errors.Is(err, ErrNoPlace) {
		t.Errorf("%v", err)
	}
	if b.queued() != 0 {
		t.Error("still waits")
	}
	if err := b.Take(t.Context(), 0); err == nil {
		t.Error("a call without a class was counted")
	}
}

func TestCallsCountInTheirClass(t *testing.T) {
	t.Parallel()
	budget, _ := newBudget(t)
	b := serve(t, status(200, `{"brokerage_order_id":"1","orders":[]}`))
	b.budget = budget
	ctx := t.Context()
	exit := limitOrder()
	exit.Action = SellToClose
	calls := []func() error{
		func() error { _, err := b.PlaceOption(ctx, b.user, "a", limitOrder()); return err },
		func() error { _, err := b.PlaceOption(ctx, b.user, "a", exit); return err },
		func() error {
			_, err := b.PlaceOption(WithClass(ctx, CopiedEntry), b.user, "a", limitOrder())
			return err
		},
		func() error { return b.CancelOrder(ctx, b.user, "a", "1") },
		func() error { _, err := b.RecentOrders(ctx, b.user, "a"); return err },
		func() error { _, err := b.RecentOrders(WithClass(ctx, UnresolvedLook), b.user, "a"); return err },
		func() error { return b.RefreshConnection(WithClass(ctx, 99), b.user, "c") },
	}
	for i, call := range calls {
		if err := call(); err != nil {
			t.Fatal(i, err)
		}
	}
	free, err := budget.Free(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for class := Exit; class <= Sync; class++ {
		if free.Used[class] != 1 {
			t.Errorf("%s: %d", class, free.Used[class])
		}
	}
}

func TestEveryRetryIsCounted(t *testing.T) {
	t.Parallel()
	budget, _ := newBudget(t)
	b := serve(t, status(503, own))
	b.budget = budget
	if _, err := b.Accounts(t.Context(), b.user); err == nil {
		t.Fatal("no error")
	}
	if free, err := budget.Free(t.Context()); err != nil || free.Used[Sync] != readTries {
		t.Errorf("%+v %v", free.Used, err)
	}
}

func TestAnOrderWithoutAPlaceInTheBudgetIsNotSent(t *testing.T) {
	t.Parallel()
	budget, pool := newBudget(t)
	use(t, pool, Exit, 250, time.Second)
	for call, make := range trading {
		b := serve(t, status(200, `{"brokerage_order_id":"1"}`))
		b.budget = budget
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := make(ctx, b)
		cancel()
		checkOutcome(t, b, err, NotSent, 0)
		if !errors.Is(err, ErrNoPlace) {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestA429StopsAllProcessesButNotForOneResourceAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		header []string
		pauses bool
	}{
		"the customer's limit":       {`{"code":"0000"}`, []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "30"}, true},
		"no header":                  {``, nil, true},
		"refreshed too soon":         {`{"detail":"x","code":"throttled"}`, nil, false},
		"one account's limit":        {`{}`, []string{"X-RateLimit-Remaining", "9", "X-RateLimit-Account-Remaining", "0", "X-RateLimit-Account-Reset", "30"}, false},
		"throttled, and all used up": {`{"code":"throttled"}`, []string{"X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "30"}, true},
	} {
		budget, _ := newBudget(t)
		b := serve(t, status(429, c.body, c.header...))
		b.budget = budget
		if err := b.RefreshConnection(t.Context(), b.user, "c-1"); StatusOf(err) != 429 {
			t.Fatal(err)
		}
		free, err := budget.Free(t.Context())
		if err != nil || !free.PausedUntil.IsZero() != c.pauses {
			t.Errorf("%s: paused until %v, %v", name, free.PausedUntil, err)
		}
	}
}

func BenchmarkTake(b *testing.B) {
	pool := pgtest.New(b).Pool()
	budget := NewBudget(pool, DefaultPerMinute)
	for n := 0; b.Loop(); n++ {
		if n%DefaultPerMinute == 0 { // the window as full as it ever is
			if _, err := pool.Exec(b.Context(), `truncate snaptrade_budget_calls`); err != nil {
				b.Fatal(err)
			}
		}
		if err := budget.Take(b.Context(), Exit); err != nil {
			b.Fatal(err)
		}
	}
}

// Who comes while the database is asked has not been refused: where there is room for all,
// nobody who sends has to ask for it first.
func TestAskingTogetherIsNotShortage(t *testing.T) {
	t.Parallel()
	b := NewBudget(pgtest.New(t).Pool(), 100_000)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := b.Take(t.Context(), Manual); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if !b.tight.IsZero() {
		t.Error("places count as short although everybody had one at once")
	}
	full := NewBudget(pgtest.New(t).Pool(), 10)
	ctx, cancel := context.WithCancel(t.Context())
	var refused sync.WaitGroup
	for range 20 {
		refused.Go(func() { _ = full.Take(ctx, Manual) })
	}
	for end := time.Now().Add(time.Minute); ; <-time.After(5 * time.Millisecond) {
		full.mu.Lock()
		short := !full.tight.IsZero()
		full.mu.Unlock()
		if short || time.Now().After(end) {
			if !short {
				t.Error("places do not count as short although somebody waits")
			}
			break
		}
	}
	cancel()
	refused.Wait()
}
