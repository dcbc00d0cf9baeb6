package record

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
)

const contract = "AAPL  270115C00200000"

// stage is a trader with an account, and what happens to a position.
type stage struct {
	t            *testing.T
	db           *postgres.DB
	ava, account uuid.UUID
	now          time.Time
	ordered      int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, db: pgtest.New(t), now: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)}
	s.ava = s.id(`insert into users (username, name, role) values ('ava', 'Ava', 'trader') returning id`)
	connection := s.id(`insert into connections (user_id, authorization_id, broker_slug, institution, trading, status)
		values ($1, 'c', 'ALPACA', 'Alpaca', true, 'ok') returning id`, s.ava)
	s.account = s.id(`insert into accounts (user_id, connection_id, broker_account_id, institution) values ($1, $2, 'a', 'Alpaca') returning id`, s.ava, connection)
	return s
}

func (s *stage) id(sql string, args ...any) (id uuid.UUID) {
	s.t.Helper()
	if err := s.db.Pool().QueryRow(s.t.Context(), sql, args...).Scan(&id); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return id
}

func (s *stage) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Pool().Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

func (s *stage) position() uuid.UUID {
	return s.id(`insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source)
		values ($1, $2, $3, 'AAPL', 'call', 200, '2027-01-15', 100, 'manual') returning id`, s.ava, s.account, contract)
}

// trades fills an order of a position at once, and announces it.
func (s *stage) trades(position uuid.UUID, side string, quantity int, price string, public bool) {
	s.t.Helper()
	s.tradesFrom("manual", position, side, quantity, price, public)
}

func (s *stage) tradesFrom(source string, position uuid.UUID, side string, quantity int, price string, public bool) {
	s.t.Helper()
	s.ordered++
	order := s.id(`insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price,
		time_in_force, source, state, cum, cum_notional, broker_order_id, trading_day, send_before, finished_at)
		values ($1, $2, $3, $4, $5, 'AAPL', 100, $6::int, 'Limit', $7::numeric, 'Day', $9, 'filled', $6::int, $6::int * $7::numeric,
		$8::int::text, '2026-11-20', now(), now()) returning id`, s.ava, s.account, position, side, contract, quantity, price, s.ordered, source)
	s.exec(`insert into alerts (order_id, user_id, position_id, side, symbol, revision, facts, public, learnt_at, created_at)
		values ($1, $2, $3, $4, $5, 1, '{}', $6, now(), now() + $7::int * interval '1 second')`, order, s.ava, position, side, contract, public, s.ordered)
	s.exec(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, executed_at, learnt_at)
		values ($1, $5::int, $2, $3, $4, $5::int, $5::int * $6::numeric, '2026-11-20T15:00:00Z', now() + $7::int * interval '1 second')`,
		order, s.ava, position, side, quantity, price, s.ordered)
}

// becomes is what the position's own package would have made of it.
func (s *stage) becomes(position uuid.UUID, status string, bought, sold int, realized string) {
	s.t.Helper()
	s.exec(`update positions set status = $2, bought = $3, sold = $4, realized = $5::numeric where id = $1`, position, status, bought, sold, realized)
}

func (s *stage) bring(position uuid.UUID) (head Hash) {
	s.t.Helper()
	err := s.db.AsSystem(s.t.Context(), "test", func(ctx context.Context, tx pgx.Tx) (err error) {
		head, err = Bring(ctx, tx, position, s.now)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return head
}

// file is ava's record as it is downloaded; it holds.
func (s *stage) file() (string, Summary) {
	s.t.Helper()
	book := New(s.db)
	standing, err := book.Of(s.t.Context(), "Ava")
	if err != nil {
		s.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := book.Write(s.t.Context(), &out, standing); err != nil {
		s.t.Fatal(err)
	}
	text := out.String()
	sum, err := Verify(&out, nil)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, text)
	}
	if sum.Head != standing.Head || sum.Entries != standing.Entries {
		s.t.Fatalf("the file has %d entries and head %s, it stands at %+v", sum.Entries, sum.Head, standing)
	}
	return text, sum
}

// wantKinds compares the kinds of the record's entries, in their order.
func (s *stage) wantKinds(want string) Summary {
	s.t.Helper()
	text, sum := s.file()
	var kinds []string
	for _, piece := range strings.Split(text, `"kind":"`)[1:] {
		kind, _, _ := strings.Cut(piece, `"`)
		kinds = append(kinds, kind)
	}
	if got := strings.Join(kinds, " "); got != want {
		s.t.Errorf("the record tells %q, want %q", got, want)
	}
	return sum
}

func TestATradeIsOnTheRecordFromItsFirstFillToItsEnd(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	p := s.position()
	s.trades(p, "BTO", 2, "3.50", true)
	s.becomes(p, "open", 2, 0, "0")
	first := s.bring(p)
	if again := s.bring(p); again != (Hash{}) {
		t.Error("brought twice, something was added the second time")
	}
	s.wantKinds("fill")
	s.trades(p, "STC", 2, "4.25", true)
	s.becomes(p, "closed", 2, 2, "150")
	if last := s.bring(p); last == first {
		t.Error("the head stays")
	}
	sum := s.wantKinds("fill fill close")
	if sum.Wins != 1 || sum.Realized.String() != "150" {
		t.Errorf("%+v", sum)
	}
	s.becomes(p, "closed", 2, 2, "-1.30") // a fee that was told late
	s.bring(p)
	if sum = s.wantKinds("fill fill close correction"); sum.Wins != 0 || sum.Losses != 1 || sum.Realized.String() != "-1.3" {
		t.Errorf("corrected: %+v", sum)
	}
	if text, _ := s.file(); !strings.Contains(text, `"price":"4.25"`) || !strings.Contains(text, `"reason":"result"`) {
		t.Error(text)
	}
}

// A worthless expiry is a loss that stands there like any other.
func TestAWorthlessExpiryLowersTheWinRate(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	won := s.position()
	s.trades(won, "BTO", 1, "1", true)
	s.trades(won, "STC", 1, "2", true)
	s.becomes(won, "closed", 1, 1, "100")
	s.bring(won)
	p := s.position()
	s.trades(p, "BTO", 3, "0.50", true)
	s.becomes(p, "open", 3, 0, "0")
	s.bring(p)
	s.exec(`insert into position_adjustments (position_id, user_id, kind, symbol, quantity, cost, proceeds, realized, as_of)
		values ($1, $2, 'expired', $3, -3, -150, 0, -150, now())`, p, s.ava, contract)
	s.becomes(p, "expired", 3, 3, "-150")
	s.bring(p)
	sum := s.wantKinds("fill fill close fill expiry")
	if sum.Wins != 1 || sum.Losses != 1 || sum.Realized.String() != "-50" {
		t.Errorf("%+v", sum)
	}
}

// What left elsewhere is told when it leaves, and a result that nobody knows is none.
func TestContractsThatLeaveElsewhereAreTold(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	p := s.position()
	s.trades(p, "BTO", 5, "2", true)
	s.becomes(p, "open", 5, 0, "0")
	s.bring(p)
	s.exec(`insert into position_adjustments (position_id, user_id, kind, symbol, quantity, cost, as_of, learnt_at) values ($1, $2, 'external', $3, -5, -1000, now(), now() + interval '1 minute')`,
		p, s.ava, contract)
	s.exec(`update positions set unpriced = 5 where id = $1`, p)
	s.becomes(p, "closed", 5, 5, "0")
	s.bring(p)
	if sum := s.wantKinds("fill correction close"); sum.Others != 1 || sum.Wins+sum.Losses+sum.Breakeven != 0 {
		t.Errorf("%+v", sum)
	}
}

// What was not published has no place on it, whatever becomes of it.
func TestWhatWasNotPublishedIsNotOnTheRecord(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	p := s.position()
	s.trades(p, "BTO", 1, "1", false)
	s.trades(p, "STC", 1, "9", false)
	s.becomes(p, "closed", 1, 1, "800")
	if head := s.bring(p); head != (Hash{}) {
		t.Errorf("it has the head %s", head)
	}
	if sum := s.wantKinds(""); sum.Entries != 0 {
		t.Errorf("%+v", sum)
	}
}

// Contracts that were not published stay nobody's business: the end tells of the others
// alone. A sale of what was begun in public is told, announced or not.
func TestTheEndIsThatOfThePublishedContracts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.exec(`alter table orders drop constraint orders_copy_has_decision`) // what decided about the copies is not told here
	p := s.position()
	s.exec(`insert into position_adjustments (position_id, user_id, kind, symbol, quantity, cost, as_of, learnt_at) values ($1, $2, 'external', $3, 5, 1000, now(), now())`,
		p, s.ava, contract) // held before the account was linked
	s.trades(p, "BTO", 1, "2", true)
	s.tradesFrom("copy", p, "BTO", 3, "9", false)
	s.becomes(p, "open", 9, 0, "0")
	s.bring(p)
	s.trades(p, "STC", 1, "3.50", false)
	s.tradesFrom("copy", p, "STC", 8, "1", false)
	s.becomes(p, "closed", 9, 9, "-2222")
	s.bring(p)
	sum := s.wantKinds("fill fill close")
	if sum.Wins != 1 || sum.Realized.String() != "150" {
		t.Errorf("%+v", sum)
	}
	if text, _ := s.file(); strings.Contains(text, `"-2222"`) || !strings.Contains(text, `"bought":1,"sold":1`) {
		t.Error(text)
	}
}

// Play money is on the record, and counts for nothing.
func TestPlayMoneyCountsApart(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.exec(`update accounts set paper = true`)
	p := s.position()
	s.trades(p, "BTO", 1, "1", true)
	s.trades(p, "STC", 1, "5", true)
	s.becomes(p, "closed", 1, 1, "400")
	s.bring(p)
	if sum := s.wantKinds("fill fill close"); sum.Paper != 1 || sum.Finished() != 0 || !sum.Realized.IsZero() {
		t.Errorf("%+v", sum)
	}
}

// A renamed contract leaves under its old name and comes under its new one.
func TestARenameIsToldUnderBothNames(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	p := s.position()
	s.trades(p, "BTO", 5, "2", true)
	s.becomes(p, "open", 5, 0, "0")
	s.bring(p)
	for _, d := range []struct {
		kind, symbol string
		quantity     int
	}{{"rename_out", contract, -5}, {"rename_in", "AAPL1 270115C00200000", 5}} {
		s.exec(`insert into position_adjustments (position_id, user_id, kind, symbol, quantity, cost, as_of, learnt_at)
			values ($1, $2, $3, $4, $5::int, $5::int * 200, now(), now() + interval '1 minute')`, p, s.ava, d.kind, d.symbol, d.quantity)
	}
	s.exec(`update positions set symbol = 'AAPL1 270115C00200000' where id = $1`, p)
	s.bring(p)
	s.wantKinds("fill correction correction")
	if text, _ := s.file(); !strings.Contains(text, `"symbol":"`+contract+`","quantity":-5`) || !strings.Contains(text, `"symbol":"AAPL1 270115C00200000","quantity":5`) {
		t.Error(text)
	}
}

func TestWhoStopsPublishingIsSeenToStop(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	say := func(word func(context.Context, pgx.Tx, uuid.UUID, time.Time) error) {
		t.Helper()
		err := s.db.As(t.Context(), s.ava, func(ctx context.Context, tx pgx.Tx) error { return word(ctx, tx, s.ava, s.now) })
		if err != nil {
			t.Fatal(err)
		}
	}
	say(Withdraw) // before anything was published there is nothing to tell
	s.wantKinds("")
	p := s.position()
	s.trades(p, "BTO", 1, "1", true)
	s.becomes(p, "open", 1, 0, "0")
	s.bring(p)
	say(Withdraw)
	say(Resume)
	s.wantKinds("fill withdrawal return")
}

// The database refuses to change or remove what was told, whoever asks.
func TestTheDatabaseKeepsTheRecord(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	p := s.position()
	s.trades(p, "BTO", 1, "1", true)
	s.becomes(p, "open", 1, 0, "0")
	s.bring(p)
	for _, sql := range []string{
		`update record_entries set entry = replace(entry, '"price":"1"', '"price":"9"')`, `update record_entries set seq = 7`,
		`delete from record_entries`, `truncate record_entries`, `update record_heads set entries = 0`, `delete from record_heads`,
	} {
		if _, err := s.db.Pool().Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "only ever added to") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if _, err := s.db.Pool().Exec(t.Context(), `update record_heads set head = $1`, make([]byte, 32)); err == nil || !strings.Contains(err.Error(), "names the last entry") {
		t.Errorf("another head: %v", err)
	}
	s.wantKinds("fill")
}

// Two of a trader's positions that end at the same moment take turns; nothing is lost and
// the chain holds.
func TestTwoAtOnceTakeTurns(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const both = 8
	var all []uuid.UUID
	for range both {
		p := s.position()
		s.trades(p, "BTO", 1, "1", true)
		s.trades(p, "STC", 1, "2", true)
		s.becomes(p, "closed", 1, 1, "100")
		all = append(all, p)
	}
	failed := make(chan error, both)
	for _, p := range all {
		go func() {
			failed <- s.db.AsSystem(t.Context(), "test", func(ctx context.Context, tx pgx.Tx) error {
				_, err := Bring(ctx, tx, p, s.now)
				return err
			})
		}()
	}
	for range both {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if _, sum := s.file(); sum.Entries != 3*both || sum.Wins != both {
		t.Errorf("%+v", sum)
	}
}

// Who has lost the role, or is suspended, keeps the record that their alerts name.
func TestARecordOutlivesTheRole(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	p := s.position()
	s.trades(p, "BTO", 1, "1", true)
	s.becomes(p, "open", 1, 0, "0")
	s.bring(p)
	s.exec(`update users set role = 'subscriber', status = 'suspended'`)
	s.wantKinds("fill")
}

func TestOnlyWhoPublishesHasARecord(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.exec(`insert into users (username, name) values ('ben', 'Ben')`)
	s.exec(`insert into users (username, name, role, status) values ('gone', 'Gone', 'trader', 'deleted')`)
	for _, name := range []string{"ben", "gone", "nobody"} {
		if _, err := New(s.db).Of(t.Context(), name); fault.CodeOf(err) != "not_found" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
