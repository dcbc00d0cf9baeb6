package orders

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

var allStates = []State{Queued, Submitting, Unknown, Accepted, Partial, Filled, Cancelled, Expired, Rejected, Aborted, NotPlaced}

// The whole table of transitions (§3, T2 to T14).
var allowed = map[State]string{
	Queued:     "submitting aborted",
	Submitting: "queued unknown accepted partial filled cancelled expired rejected",
	Unknown:    "accepted partial filled cancelled expired rejected not_placed",
	Accepted:   "partial filled cancelled expired rejected",
	Partial:    "filled cancelled expired",
	NotPlaced:  "accepted partial filled cancelled expired",
	Rejected:   "accepted partial filled cancelled expired",
}

func mayBecome(from, to State) bool {
	return from == to || slices.Contains(strings.Fields(allowed[from]), string(to))
}

// shelf is a database with one position that orders can stand on.
type shelf struct {
	t                       *testing.T
	db                      *postgres.DB
	user, account, position uuid.UUID
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	return shelfOn(t, pgtest.New(t))
}

// clearOfMidnight waits until New York's midnight is over where it is less than a minute
// away: what a test counts on one trading day it would look for on the next.
func clearOfMidnight() {
	midnight := exchange.TradingDay(time.Now()).AddDays(1).At(0, 0)
	for left := time.Until(midnight); left > 0 && left < time.Minute; left = time.Until(midnight) {
		time.Sleep(left)
	}
}

func shelfOn(t *testing.T, db *postgres.DB) *shelf {
	t.Helper()
	clearOfMidnight()
	s := &shelf{t: t, db: db}
	s.user = s.id(`insert into users (username, name) values ('ava', 'Ava') returning id`)
	connection := s.id(`insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
		values ($1, 'c', 'ALPACA', 'Alpaca', true, 'ok') returning id`, s.user)
	s.account = s.id(`insert into accounts (user_id, connection_id, broker_account_id, institution) values ($1, $2, 'a', 'Alpaca') returning id`,
		s.user, connection)
	s.position = s.id(`insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source)
		values ($1, $2, 'AAPL  `+expiryCode+`C00200000', 'AAPL', 'call', 200, '`+expiryDate+`', 100, 'manual') returning id`, s.user, s.account)
	return s
}

func (s *shelf) id(sql string, args ...any) (id uuid.UUID) {
	s.t.Helper()
	if err := s.db.Pool().QueryRow(s.t.Context(), sql, args...).Scan(&id); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return id
}

func (s *shelf) try(sql string, args ...any) error {
	_, err := s.db.Pool().Exec(s.t.Context(), sql, args...)
	return err
}

var insertOrder = `insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type,
	time_in_force, source, state, cum, trading_day, send_before)
	values ($1, $2, $3, $4, 'AAPL  ` + expiryCode + `C00200000', 'AAPL', 100, 5, 'Market', 'Day', 'manual', $5, $6, '2026-09-21', now())`

func (s *shelf) order(side Side, state State, cum int) uuid.UUID {
	s.t.Helper()
	return s.id(insertOrder+` returning id`, s.user, s.account, s.position, side, state, cum)
}

// INV-5: the database refuses every transition that is not in the table, whoever asks.
func TestTheDatabaseRefusesEveryOtherTransition(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for _, from := range allStates {
		for _, to := range allStates {
			id := s.order(BTO, from, 0)
			err := s.try(`update orders set state = $2 where id = $1`, id, to)
			if got := err == nil; got != mayBecome(from, to) {
				t.Errorf("%s to %s: went through %v, want %v (%v)", from, to, got, mayBecome(from, to), err)
			}
			if err := s.try(`delete from orders`); err != nil { // one unresolved order for each contract and side
				t.Fatal(err)
			}
		}
	}
}

// How many of five contracts an order in a state may have filled.
var mayHaveFilled = map[State][]int{
	Queued: {0}, Submitting: {0}, Unknown: {0}, Accepted: {0}, Partial: {1, 2, 3, 4}, Filled: {5},
	Cancelled: {0, 1, 2, 3, 4, 5}, Expired: {0, 1, 2, 3, 4, 5}, Rejected: {0}, Aborted: {0}, NotPlaced: {0},
}

// What a report makes of an order, the database takes.
func TestEveryStepIsATransitionOfTheTable(t *testing.T) {
	t.Parallel()
	for _, from := range allStates {
		for _, word := range statusWords {
			for _, known := range mayHaveFilled[from] {
				for says := range 7 {
					if got := advanced(five(from, known), filled(says, word)).State; !mayBecome(from, got) {
						t.Errorf("%s (%d filled), report %s %d: %s", from, known, word, says, got)
					}
				}
			}
		}
	}
}

// INV-6: what is filled never falls and never passes what was ordered.
func TestTheDatabaseKeepsWhatIsFilled(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	id := s.order(BTO, Partial, 3)
	for _, step := range []struct {
		cum  int
		want bool
	}{{2, false}, {6, false}, {3, true}, {4, true}, {3, false}, {5, true}} {
		if err := s.try(`update orders set cum = $2 where id = $1`, id, step.cum); (err == nil) != step.want {
			t.Errorf("%d filled: %v, want it to go through %v", step.cum, err, step.want)
		}
	}
}

// INV-7: at most one unresolved order for each account, contract and side, and
// one on the wire for each account.
func TestOneUnresolvedOrderEachAndOneOnTheWire(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	put := func(side Side, state State) error {
		return s.try(insertOrder, s.user, s.account, s.position, side, state, 0)
	}
	for _, step := range []struct {
		side  Side
		state State
		index string
	}{
		{BTO, Unknown, ""},
		{BTO, Unknown, "orders_one_unresolved"},
		{BTO, Submitting, "orders_one_unresolved"},
		{STC, Submitting, ""},
		{STC, Unknown, "orders_one_unresolved"},
		{BTO, NotPlaced, ""},
		{BTO, Queued, ""},
		{STC, Accepted, ""},
	} {
		err := put(step.side, step.state)
		if (err == nil) != (step.index == "") || err != nil && !postgres.IsUnique(err, step.index) {
			t.Errorf("%s %s: %v, want %q to refuse", step.side, step.state, err, step.index)
		}
	}
	if err := s.try(`update orders set state = 'unknown' where state = 'submitting'`); err != nil {
		t.Fatal(err)
	}
	if err := s.try(`update orders set state = 'submitting' where state = 'queued'`); !postgres.IsUnique(err, "orders_one_unresolved") {
		t.Errorf("a twin of an unknown order was claimed: %v", err)
	}
}
