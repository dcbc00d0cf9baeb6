package orders

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

func (s *shelf) must(sql string, args ...any) {
	s.t.Helper()
	if err := s.try(sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// planned says whether a reading of the account's holdings, and a look with it, is due.
func (s *shelf) planned() (due bool) {
	s.t.Helper()
	err := s.db.Pool().QueryRow(s.t.Context(), `
		select coalesce(bool_or(next_holdings_at <= clock_timestamp() and next_look_at <= clock_timestamp()), false) from account_looks`).Scan(&due)
	if err != nil {
		s.t.Fatal(err)
	}
	return due
}

// Each account's holdings are read four times a day at most by schedule, and what
// a crash lost comes again.
func TestHoldingsAreReadBySchedule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, account, look string
		want                bool
	}{
		{"never read", ``, ``, true},
		{"read seven hours ago", ``, `holdings_at = now() - interval '7 hours'`, true},
		{"read five hours ago", ``, `holdings_at = now() - interval '5 hours'`, false},
		{"planned for later", ``, `holdings_at = now() - interval '7 hours', next_holdings_at = now() + interval '5 minutes'`, false},
		{"lost by a crash", ``, `holdings_at = now() - interval '1 hour', next_holdings_at = now() - interval '2 minutes'`, true},
		{"not synced yet", `synced_at = null`, ``, false},
		{"broken", `status = 'broken'`, ``, false},
		{"removed", `removed_at = now()`, ``, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			s.must(`update accounts set synced_at = now()`)
			if c.account != "" {
				s.must(`update accounts set ` + c.account)
			}
			if c.look != "" {
				s.must(`insert into account_looks (account_id, user_id) values ($1, $2)`, s.account, s.user)
				s.must(`update account_looks set ` + c.look)
			}
			if err := New(Options{DB: s.db, Now: time.Now}).PlanHoldings(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := s.planned(); got != c.want {
				t.Errorf("planned: %v", got)
			}
		})
	}
}

// A person's own request is served at once, a webhook's hint not more often than
// every ten minutes, and neither puts off what is due sooner.
func TestHoldingsAreReadOnDemand(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	d := New(Options{DB: s.db, Now: time.Now})
	if err := d.HintHoldings(t.Context(), s.account); err != nil || !s.planned() {
		t.Errorf("the first hint plans nothing (%v)", err)
	}
	s.must(`update account_looks set holdings_at = now() - interval '1 minute', next_holdings_at = null, next_look_at = null`)
	if err := d.HintHoldings(t.Context(), s.account); err != nil || s.planned() {
		t.Errorf("a hint a minute after a reading is served at once (%v)", err)
	}
	if err := d.Sync(t.Context(), s.account); err != nil || !s.planned() {
		t.Errorf("a person is not served (%v)", err)
	}
	if err := wantHoldings(t.Context(), s.db.Pool(), s.account, time.Now().Add(time.Hour), 0); err != nil || !s.planned() {
		t.Errorf("a later wish put off an earlier one (%v)", err)
	}
}

// nextReading is when the account's holdings are read next, from now on.
func (s *shelf) nextReading() (in time.Duration, planned bool) {
	s.t.Helper()
	var seconds *int64
	err := s.db.Pool().QueryRow(s.t.Context(), `select extract(epoch from next_holdings_at - clock_timestamp())::bigint from account_looks`).Scan(&seconds)
	if err != nil {
		s.t.Fatal(err)
	}
	if seconds == nil {
		return 0, false
	}
	return time.Duration(*seconds) * time.Second, true
}

// A look that fails before the holdings are read leaves them for later, and does not
// come back for them at once. What cannot be read is not planned any more.
func TestAFailedLookDoesNotComeBackForHoldingsAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, account string
		again         bool
	}{
		{"a link that works", `status = 'ok'`, true},
		{"a broken one", `status = 'broken'`, false},
		{"a removed account", `removed_at = now()`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			s.must(`update accounts set ` + c.account)
			s.must(`insert into account_looks (account_id, user_id, next_look_at, next_holdings_at) values ($1, $2, now(), now())`, s.account, s.user)
			// Nobody has linked a broker for this user: the look fails before it lists.
			accounts, err := brokers.New(brokers.Options{DB: s.db, AppURL: "http://localhost", Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			d := New(Options{
				DB: s.db, Now: time.Now, Clock: exchange.NewClock(time.Now), Logger: slog.New(slog.DiscardHandler), Accounts: accounts,
			})
			if err := d.LookDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			if in, planned := s.nextReading(); planned != c.again || planned && in < 5*time.Minute {
				t.Errorf("planned: %v, in %s", planned, in)
			}
			if s.planned() {
				t.Error("the look is due again")
			}
		})
	}
}

// A reading that is asked for while one runs is not lost with it, and one that is
// claimed is claimed once.
func TestAReadingAskedForWhileOneRunsStays(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.must(`insert into account_looks (account_id, user_id, next_holdings_at) values ($1, $2, now())`, s.account, s.user)
	d := New(Options{DB: s.db, Now: time.Now})
	claim := func() *time.Time {
		claimed, err := d.claimHoldings(t.Context(), s.account)
		if err != nil {
			t.Fatal(err)
		}
		return claimed
	}
	first := claim()
	if first == nil || claim() != nil {
		t.Fatalf("claimed until %v, and again", first)
	}
	if err := d.Sync(t.Context(), s.account); err != nil {
		t.Fatal(err)
	}
	for _, again := range []time.Duration{0, holdingsConfirm} {
		if err := d.planHoldings(t.Context(), s.account, *first, again); err != nil || !s.planned() {
			t.Errorf("again in %s: what was asked for is not due (%v)", again, err)
		}
	}
	second := claim()
	s.must(`update account_looks set holdings_at = clock_timestamp()`) // the reading has begun
	if err := d.HintHoldings(t.Context(), s.account); err != nil {
		t.Fatal(err)
	}
	if err := d.planHoldings(t.Context(), s.account, *second, 0); err != nil {
		t.Fatal(err)
	}
	if in, planned := s.nextReading(); !planned || in > holdingsWait {
		t.Errorf("what a broker hinted at is read: %t, in %s", planned, in)
	}
	s.must(`update account_looks set next_holdings_at = clock_timestamp()`)
	third := claim()
	if err := d.planHoldings(t.Context(), s.account, *third, 0); err != nil {
		t.Fatal(err)
	}
	if in, planned := s.nextReading(); planned {
		t.Errorf("with nothing to read again, in %s", in)
	}
}

// What expired is asked about by one process for each account and try, again the
// next day, and again after a while on the same day.
func TestOneProcessSettlesAnAccount(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.must(`insert into account_looks (account_id, user_id) values ($1, $2)`, s.account, s.user)
	s.must(`update positions set bought = 1, expiration = '2027-01-15'`)
	d := New(Options{DB: s.db, Now: time.Now})
	claims := func(day string) (n int64) {
		var claimed atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				list, err := d.claimSettlements(t.Context(), exchange.MustDate(day))
				if err != nil {
					t.Error(err)
				}
				claimed.Add(int64(len(list)))
			})
		}
		all.Wait()
		return claimed.Load()
	}
	for _, c := range []struct {
		day  string
		want int64
	}{{"2027-01-15", 0}, {"2027-01-19", 1}, {"2027-01-19", 0}, {"2027-01-20", 1}} {
		if got := claims(c.day); got != c.want {
			t.Errorf("before %s: claimed %d times, want %d", c.day, got, c.want)
		}
	}
	s.must(`update account_looks set settle_at = now() - interval '1 second'`)
	if got := claims("2027-01-20"); got != 1 {
		t.Errorf("after a while: claimed %d times", got)
	}
	s.must(`update accounts set removed_at = now()`)
	if got := claims("2027-01-21"); got != 1 {
		t.Errorf("on a removed account: claimed %d times", got)
	}
	s.must(`update accounts set removed_at = null`)
	s.must(`update positions set status = 'expired', sold = 1, closed_at = now()`)
	if got := claims("2027-01-22"); got != 0 {
		t.Errorf("with nothing left: claimed %d times", got)
	}
}

// The history is asked at most twice on a day, however often settling is tried: while
// orders on what expired live it is tried every five minutes.
func TestTheHistoryIsAskedTwiceADay(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.must(`insert into account_looks (account_id, user_id) values ($1, $2)`, s.account, s.user)
	d := New(Options{DB: s.db, Now: time.Now})
	for i, c := range []struct {
		day, before string
		want        bool
	}{
		{"2027-01-19", ``, true},
		{"2027-01-19", ``, false},
		{"2027-01-19", `history_at = history_at - interval '9 hours'`, false},
		{"2027-01-19", `history_at = history_at - interval '2 hours'`, true},
		{"2027-01-20", ``, true},
	} {
		if c.before != "" {
			s.must(`update account_looks set ` + c.before)
		}
		if got, err := d.claimHistory(t.Context(), s.account, exchange.MustDate(c.day)); err != nil || got != c.want {
			t.Errorf("%d: asked on %s: %v (%v)", i, c.day, got, err)
		}
	}
	if err := d.historySooner(t.Context(), s.account); err != nil {
		t.Fatal(err)
	}
	s.must(`update account_looks set history_at = history_at - interval '2 hours'`)
	if got, err := d.claimHistory(t.Context(), s.account, exchange.MustDate("2027-01-20")); err != nil || !got {
		t.Errorf("after holdings that said nothing: %v (%v)", got, err)
	}
}

// Short contracts are none of ours; the same contract listed twice is one.
func TestWhatIsHeldLong(t *testing.T) {
	t.Parallel()
	contract := func(symbol string) exchange.Contract {
		c, err := exchange.ParseSymbol(symbol)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	call, put := contract("AAPL  270115C00200000"), contract("AAPL  270115P00200000")
	list := heldOf([]brokers.Holding{
		{Contract: call, Contracts: 2, CostBasis: &money.Price{Decimal: decimal.NewFromInt(3)}}, {Contract: put, Contracts: -1}, {Contract: call, Contracts: 1},
	})
	if len(list) != 1 || list[0].Quantity != 3 || list[0].Average == nil || list[0].Average.String() != "3" {
		t.Errorf("%+v", list)
	}
}
