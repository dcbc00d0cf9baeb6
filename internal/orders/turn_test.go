package orders

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// queuedAt puts an order of the account into the line, created so long ago.
func (s *shelf) queuedAt(symbol string, side Side, ago time.Duration) Order {
	s.t.Helper()
	id := s.id(`insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type,
		time_in_force, source, state, trading_day, send_before, created_at)
		values ($1, $2, $3, $4, $5, 'AAPL', 100, 1, 'Market', 'Day', 'manual', 'queued', '2026-09-21', now() + interval '1 hour',
		        now() - make_interval(secs => $6)) returning id`,
		s.user, s.account, s.position, side, symbol, ago.Seconds())
	o, err := read(s.t.Context(), s.db.Pool(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

// waits is how long an order is told to wait; zero when it is its turn.
func (s *shelf) waits(o Order) time.Duration {
	s.t.Helper()
	err := (&Desk{db: s.db}).turn(s.t.Context(), o)
	var again Again
	if err != nil && !errors.As(err, &again) {
		s.t.Fatal(err)
	}
	return again.After
}

var (
	oneContract   = "AAPL  " + expiryCode + "C00200000"
	otherContract = "AAPL  " + expiryCode + "C00205000"
)

func TestExitsGoFirstThenInTheOrderTheyCame(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	line := []Order{
		s.queuedAt(oneContract, STC, time.Second),
		s.queuedAt(oneContract, STC, 500*time.Millisecond),
		s.queuedAt(oneContract, BTO, 20*time.Second),
		s.queuedAt(oneContract, BTO, 10*time.Second),
	}
	copied := line[len(line)-1]
	copied.Source, copied.CreatedAt = Copy, copied.CreatedAt.Add(-time.Hour) // it came first, and goes last
	for ahead, o := range append(line[:len(line)-1:len(line)-1], copied) {
		if got, want := s.waits(o), min(time.Duration(ahead)*turnEach, turnAtMost); got != want {
			t.Errorf("the %s with %d ahead waits %s, want %s", o.Side, ahead, got, want)
		}
	}
}

// A user's exit is never lost behind a hung entry: it goes as soon as the wire is
// free, before every entry that has waited longer.
func TestAnExitGoesBeforeEntriesThatWaitedLonger(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	hung := s.queuedAt(oneContract, BTO, time.Minute)
	entry := s.queuedAt(otherContract, BTO, 30*time.Second)
	exit := s.queuedAt(oneContract, STC, time.Second)
	s.move(hung, Submitting)
	if s.waits(exit) != turnAtLeast {
		t.Errorf("while the wire is taken, the exit waits %s", s.waits(exit))
	}
	s.move(hung, Unknown)
	if s.waits(exit) != 0 || s.waits(entry) == 0 {
		t.Errorf("once it is free, the exit waits %s, the entry %s", s.waits(exit), s.waits(entry))
	}
}

// What cannot go keeps nobody else: an order sent back for a while, and one whose
// twin may be at the broker.
func TestWhoCannotGoKeepsNobody(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	gone := s.queuedAt(oneContract, STC, time.Minute)
	twin := s.queuedAt(oneContract, STC, 50*time.Second)
	back := s.queuedAt(otherContract, STC, 40*time.Second)
	late := s.queuedAt(otherContract, STC, 30*time.Second)
	next := s.queuedAt(otherContract, STC, time.Second)
	s.move(gone, Submitting)
	s.move(gone, Unknown)
	s.set(back, `not_before = now() + interval '20 seconds'`)
	s.set(late, `send_before = now() - interval '1 second'`)
	if got := s.waits(next); got != 0 {
		t.Errorf("behind a twin of an unknown order, one sent back and one past its time, an exit waits %s", got)
	}
	if got := s.waits(twin); got != twinWait { // R9: for a look to tell
		t.Errorf("behind a twin that nobody knows the fate of, an exit waits %s", got)
	}
}

// Neither does an exit whose contract has an order that may have been replaced.
func TestWhoWaitsForAChangeKeepsNobody(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	replaced := s.order(STC, Accepted, 0)
	behind := s.queuedAt(oneContract, STC, 30*time.Second)
	next := s.queuedAt(otherContract, STC, time.Second)
	if got := s.waits(next); got != turnEach {
		t.Errorf("behind one that can go, an exit waits %s", got)
	}
	for _, state := range []ChangeState{ChangeSubmitting, ChangeUnknown} {
		s.must(`delete from order_changes`)
		s.id(insertChange, replaced, state)
		if got := s.waits(next); got != 0 {
			t.Errorf("behind one that waits for a change that is %s, an exit waits %s", state, got)
		}
		if got := s.waits(behind); got != twinWait {
			t.Errorf("behind a change that is %s, an exit of the same contract waits %s", state, got)
		}
	}
	s.must(`update order_changes set state = 'failed'`)
	if got := s.waits(next); got != turnEach {
		t.Errorf("once it is resolved, an exit waits %s", got)
	}
}

func (s *shelf) move(o Order, to State) {
	s.t.Helper()
	s.set(o, `state = '`+string(to)+`'`)
}

func (s *shelf) set(o Order, what string) {
	s.t.Helper()
	if err := s.try(`update orders set `+what+` where id = $1`, o.ID); err != nil {
		s.t.Fatal(err)
	}
}

func TestExitsHaveQueuesOfTheirOwn(t *testing.T) {
	t.Parallel()
	entry, exit := bell(Order{Side: BTO}).InsertOpts().Queue, bell(Order{Side: STC}).InsertOpts().Queue
	if entry == exit || exit != (CancelJob{}).InsertOpts().Queue {
		t.Errorf("entries wait in %s, exits in %s", entry, exit)
	}
	entry, exit = (ChangeJob{}).InsertOpts().Queue, (ChangeJob{Exit: true}).InsertOpts().Queue
	if entry != SendQueue || exit != ExitQueue {
		t.Errorf("changes of entries wait in %s, those of exits in %s", entry, exit)
	}
}

// The replacing of an entry waits for an exit of its account that can go.
func TestAChangeOfAnEntryWaitsForExits(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.knownToSnapTrade()
	waits := func(o Order) bool {
		err := s.db.AsSystem(t.Context(), byPlacer, func(ctx context.Context, tx pgx.Tx) error { return waitForOrders(ctx, tx, o, 1) })
		if err != nil && !errors.Is(err, errWait) {
			t.Fatal(err)
		}
		return err != nil
	}
	read := func(id uuid.UUID) Order {
		o, err := read(t.Context(), s.db.Pool(), id)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	entry, exit := read(s.order(BTO, Accepted, 0)), read(s.order(STC, Accepted, 0))
	if waits(entry) || waits(exit) {
		t.Error("something waits for nothing")
	}
	queued := s.queuedAt(otherContract, STC, time.Second)
	if !waits(entry) || waits(exit) {
		t.Errorf("with an exit queued, the change of an entry waits: %v, that of an exit: %v", waits(entry), waits(exit))
	}
	s.set(queued, `not_before = now() + interval '20 seconds'`)
	if waits(entry) {
		t.Error("the change of an entry waits for an exit that cannot go")
	}
}

func (s *shelf) knownToSnapTrade() {
	s.t.Helper()
	s.must(`insert into snaptrade_users (user_id, snaptrade_user_id, user_secret) values ($1, $1::uuid::text, 'sealed')`, s.user)
}

// Orders and changes of them wait, exits too, while their owner gets a new secret, and when the
// one that they would be sent with was replaced after it was read.
func TestNothingIsClaimedWithAnOldSecret(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.knownToSnapTrade()
	id := s.order(STC, Accepted, 0)
	o, err := read(t.Context(), s.db.Pool(), id)
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string, secret int64, waits bool) {
		t.Helper()
		claims := map[string]func(context.Context, pgx.Tx) error{
			"a change": func(ctx context.Context, tx pgx.Tx) error { return waitForOrders(ctx, tx, o, secret) },
			"an order": func(ctx context.Context, tx pgx.Tx) error {
				b := &pgx.Batch{}
				queueWaitForChanges(b, o, secret)
				return tx.SendBatch(ctx, b).Close()
			},
		}
		for what, claim := range claims {
			if err := s.db.AsSystem(t.Context(), byPlacer, claim); errors.Is(err, errWait) != waits || !waits && err != nil {
				t.Errorf("%s, %s: %v", when, what, err)
			}
		}
		again := Again{}
		if err := (&Desk{db: s.db}).cancelLater(t.Context(), s.user, secret); errors.As(err, &again) != waits || !waits && err != nil {
			t.Errorf("%s, a cancel: %v", when, err)
		}
	}
	check("usually", 1, false)
	s.must(`update snaptrade_users set rotating_at = now()`)
	check("while it is replaced", 1, true)
	s.must(`update snaptrade_users set rotating_at = null, secret_version = 2`)
	check("with the old one", 1, true)
	check("with the new one", 2, false)
}

// A rotation waits for the orders of the user whose turn it is, and for nobody else's.
func TestSendingCountsAUsersOwn(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	b.entry(Submitting)
	for user, want := range map[uuid.UUID]int{b.user: 1, uuid.New(): 0} {
		if n, err := b.desk.Sending(t.Context(), user); err != nil || n != want {
			t.Errorf("%d are being sent, %v; want %d", n, err, want)
		}
	}
}
