package snaptrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Budget is the one request budget of all processes (correctness §12). The
// counting happens in Postgres, by the functions of migration 00010, in one
// round trip; here callers only wait their turn, most important first.
type Budget struct {
	pool      *pgxpool.Pool
	perMinute int
	restMax   time.Duration // how late we may notice what another process gave up

	asking  chan struct{} // holds the one who is asking Postgres
	mu      sync.Mutex
	waiting [classes][]*waiter // by class, first come first
	next    time.Time          // when asking again makes sense
	tight   time.Time          // until when places may be short: somebody did not get theirs at once
}

// waiter is one Take.
type waiter struct{ granted chan struct{} }

// DefaultPerMinute is SnapTrade's limit for one customer.
const DefaultPerMinute = 250

const (
	restAtLeast = 5 * time.Millisecond
	restAtMost  = 500 * time.Millisecond
	askTime     = 5 * time.Second  // for one question to the database
	tightFor    = 61 * time.Second // what the counts of the database go back
)

// NewBudget makes the budget; perMinute calls are allowed in any 60 s. The
// shares of the classes scale with it.
func NewBudget(pool *pgxpool.Pool, perMinute int) *Budget {
	return &Budget{pool: pool, perMinute: perMinute, restMax: restAtMost, asking: make(chan struct{}, 1)}
}

// ErrNoPlace is the cause when the context ended before there was room.
var ErrNoPlace = errors.New("no place in the request budget")

// Take waits until a call of the class may be made, and counts it. It returns
// early, with ErrNoPlace and the context's error, when the context ends, and
// with the database's error when it cannot be asked.
func (b *Budget) Take(ctx context.Context, class Class) error {
	if !class.valid() {
		return fmt.Errorf("snaptrade budget: class %d", class)
	}
	w := b.enter(class)
	if err := b.wait(ctx, w); err != nil && b.leave(class, w) {
		return fmt.Errorf("snaptrade budget: take %s: %w", class, err)
	}
	if err := ctx.Err(); err != nil { // granted, and too late
		return fmt.Errorf("snaptrade budget: take %s: %w: %w", class, ErrNoPlace, err)
	}
	return nil
}

// wait returns nil when w has its place. Whoever waits may ask, for everybody;
// after a refusal all rest until asking makes sense again. A newcomer asks at
// once, so that a low class's rest never delays a high one.
func (b *Budget) wait(ctx context.Context, w *waiter) error {
	for newcomer := true; ; newcomer = false {
		select {
		case <-w.granted:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrNoPlace, ctx.Err())
		case b.asking <- struct{}{}:
		}
		rest, err := b.ask(ctx, w, newcomer)
		<-b.asking
		if err != nil && ctx.Err() != nil { // the question ended with its asker
			return fmt.Errorf("%w: %w", ErrNoPlace, ctx.Err())
		}
		if err != nil {
			return err
		}
		if err := b.rest(ctx, w, rest); err != nil {
			return err
		}
	}
}

func (b *Budget) rest(ctx context.Context, w *waiter, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.granted:
	case <-timer.C:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNoPlace, ctx.Err())
	}
	return nil
}

// ask requests a place for everyone who waits, unless somebody just did, and
// says how long to rest. The caller holds b.asking.
func (b *Budget) ask(ctx context.Context, w *waiter, newcomer bool) (time.Duration, error) {
	select {
	case <-w.granted:
		return 0, nil
	default:
	}
	b.mu.Lock()
	wants, rest := b.wants(), time.Until(b.next)
	b.mu.Unlock()
	if !newcomer && rest > 0 {
		return rest, nil
	}
	// The question is everybody's: it does not end with the time of who asks it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	grants, rest, err := b.take(ctx, wants)
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = time.Now().Add(rest)
	b.give(grants)
	for i, n := range grants { // who came while the database was asked has not been refused
		if n < wants[i] {
			b.tight = time.Now().Add(tightFor)
		}
	}
	return rest, nil
}

// Room says how long somebody had better wait before asking for a place of the class,
// and counts nothing. Who holds what others need while waiting for a place asks first.
// As long as nobody in this process has had to wait, that costs nothing.
func (b *Budget) Room(ctx context.Context, class Class) (wait time.Duration, err error) {
	b.mu.Lock()
	tight, ahead := time.Now().Before(b.tight), 0
	for _, line := range b.waiting[:class] {
		ahead += len(line)
	}
	b.mu.Unlock()
	if !tight {
		return 0, nil
	}
	free, err := b.Free(ctx)
	if err != nil || free.Room[class] > ahead {
		return 0, err
	}
	return restAtMost, nil
}

// take is the round trip: how many places of each class we want, in; how many
// we got, and how long until asking again makes sense, out.
func (b *Budget) take(ctx context.Context, wants []int32) ([]int32, time.Duration, error) {
	var grants []int32
	var waitMs int64
	err := b.pool.QueryRow(ctx, `select granted, wait_ms from snaptrade_budget_take($1::int[], $2::int)`,
		wants, b.perMinute).Scan(&grants, &waitMs)
	if err != nil {
		return nil, 0, fmt.Errorf("count: %w", err)
	}
	if len(grants) != classes {
		return nil, 0, fmt.Errorf("count: %d classes", len(grants))
	}
	return grants, min(max(time.Duration(waitMs)*time.Millisecond, restAtLeast), b.restMax), nil
}

func (b *Budget) enter(class Class) *waiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &waiter{granted: make(chan struct{})}
	b.waiting[class-1] = append(b.waiting[class-1], w)
	return w
}

// leave gives up waiting; false when the place had been granted meanwhile.
func (b *Budget) leave(class Class, w *waiter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	line := b.waiting[class-1]
	i := slices.Index(line, w)
	if i < 0 {
		return false
	}
	b.waiting[class-1] = slices.Delete(line, i, i+1)
	return true
}

// wants counts who waits. b.mu is held.
func (b *Budget) wants() []int32 {
	wants := make([]int32, classes)
	for i, line := range b.waiting {
		wants[i] = int32(min(len(line), b.perMinute))
	}
	return wants
}

// give hands out places in the order of arrival. b.mu is held. A place for
// someone who has left meanwhile stays counted: too careful by one.
func (b *Budget) give(grants []int32) {
	for i, n := range grants {
		line := b.waiting[i]
		for _, w := range line[:min(int(n), len(line))] {
			close(w.granted)
		}
		b.waiting[i] = slices.Delete(line, 0, min(int(n), len(line)))
	}
}

// Pause stops all classes, in all processes, for d from now. It never shortens
// a pause that is longer.
func (b *Budget) Pause(ctx context.Context, d time.Duration) error {
	_, err := b.pool.Exec(ctx, `
		insert into snaptrade_budget_pause (paused_until) values (clock_timestamp() + $1::bigint * interval '1 millisecond')
		on conflict (only_row) do update
		set paused_until = greatest(snaptrade_budget_pause.paused_until, excluded.paused_until)`, d.Milliseconds())
	if err != nil {
		return fmt.Errorf("snaptrade budget: pause: %w", err)
	}
	return nil
}

// Free is what the budget leaves at one moment.
type Free struct {
	PerMinute   int
	Used        map[Class]int // calls of the last 60 s
	Room        map[Class]int // calls that each class alone could make now
	PausedUntil time.Time     // zero when not paused
}

// Free shows what is left, for the admin and set-up pages.
func (b *Budget) Free(ctx context.Context) (Free, error) {
	var used, room []int32
	var paused *time.Time
	err := b.pool.QueryRow(ctx, `select used, room, paused_until from snaptrade_budget_free($1::int)`, b.perMinute).
		Scan(&used, &room, &paused)
	if err != nil {
		return Free{}, fmt.Errorf("snaptrade budget: free: %w", err)
	}
	f := Free{PerMinute: b.perMinute, Used: map[Class]int{}, Room: map[Class]int{}}
	for i := range used {
		f.Used[Class(i+1)], f.Room[Class(i+1)] = int(used[i]), int(room[i])
	}
	if paused != nil {
		f.PausedUntil = *paused
	}
	return f, nil
}

// Forecast is when further copied entries could be sent if nobody else asked for
// anything: for each call, at most most of them, how long from now, ascending and
// none beyond within.
func (b *Budget) Forecast(ctx context.Context, within time.Duration, most int) ([]time.Duration, error) {
	var offsets []int32
	err := b.pool.QueryRow(ctx, `select snaptrade_budget_forecast($1, $2, $3)`, b.perMinute, within.Milliseconds(), most).Scan(&offsets)
	if err != nil {
		return nil, fmt.Errorf("snaptrade budget: forecast: %w", err)
	}
	calls := make([]time.Duration, len(offsets))
	for i, ms := range offsets {
		calls[i] = time.Duration(ms) * time.Millisecond
	}
	return calls, nil
}
