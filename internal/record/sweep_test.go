package record

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// happened puts a position's fills of a side some minutes after an hour ago.
func (s *stage) happened(position uuid.UUID, side string, minute int) {
	s.t.Helper()
	s.exec(`update fills set learnt_at = now() - interval '1 hour' + $3::int * interval '1 minute' where position_id = $1 and side = $2`, position, side, minute)
}

func (s *stage) sweep() int {
	s.t.Helper()
	n, err := New(s.db).Sweep(s.t.Context(), s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// sweepsNothing: whatever was added is told once.
func (s *stage) sweepsNothing() {
	s.t.Helper()
	if n := s.sweep(); n != 0 {
		s.t.Errorf("swept again, %d entries were added", n)
	}
	s.exec(`delete from record_sweeps`) // from the beginning
	if n := s.sweep(); n != 0 {
		s.t.Errorf("swept from the beginning, %d entries were added", n)
	}
}

// What was published before there were records is added in the order in which it happened,
// over all of a trader's positions, and once.
func TestWhatWasPublishedBeforeThereWereRecordsIsAdded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	won, lost := s.position(), s.id(`insert into positions (user_id, account_id, symbol, underlying, option_type, strike, expiration, multiplier, source)
		values ($1, $2, 'AAPL  270115C00210000', 'AAPL', 'call', 210, '2027-01-15', 100, 'manual') returning id`, s.ava, s.account)
	for p, price := range map[uuid.UUID]string{won: "2", lost: "0.50"} {
		s.trades(p, "BTO", 1, "1", true)
		s.trades(p, "STC", 1, price, true)
	}
	s.becomes(won, "closed", 1, 1, "100")
	s.becomes(lost, "closed", 1, 1, "-50")
	s.happened(won, "BTO", 0)
	s.happened(lost, "BTO", 1)
	s.happened(lost, "STC", 2)
	s.happened(won, "STC", 3)
	hidden := s.position()
	s.trades(hidden, "BTO", 1, "1", false)
	s.happened(hidden, "BTO", 4)
	if n := s.sweep(); n != 6 {
		t.Errorf("%d entries were added", n)
	}
	sum := s.wantKinds("fill fill fill close fill close")
	text, _ := s.file()
	if lines := strings.Split(text, "\n"); sum.Wins != 1 || sum.Losses != 1 || !strings.Contains(lines[4], `"realized":"-50"`) || !strings.Contains(lines[6], `"realized":"100"`) {
		t.Errorf("%+v\n%s", sum, text)
	}
	s.sweepsNothing()
}

// A process that knows of no records ends trades, books fees and corrects; what it leaves out
// is added. What somebody may be booking right now is left to them.
func TestWhatAnOlderProcessBookedIsAdded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		story func(s *stage, p uuid.UUID)
		want  string
	}{
		"a sale": {func(s *stage, p uuid.UUID) {
			s.trades(p, "STC", 2, "4", true)
			s.happened(p, "STC", 10)
			s.becomes(p, "closed", 2, 2, "100")
		}, "fill fill close"},
		"an expiry": {func(s *stage, p uuid.UUID) {
			s.exec(`insert into position_adjustments (position_id, user_id, kind, symbol, quantity, cost, proceeds, realized, as_of, learnt_at)
				values ($1, $2, 'expired', $3, -2, -700, 0, -700, now(), now() - interval '20 minutes')`, p, s.ava, contract)
			s.becomes(p, "expired", 2, 2, "-700")
		}, "fill expiry"},
		"an end without anything else": {func(s *stage, p uuid.UUID) {
			s.becomes(p, "closed", 2, 2, "0")
			s.exec(`update positions set updated_at = now() - interval '20 minutes'`)
		}, "fill close"},
		"contracts that left elsewhere": {func(s *stage, p uuid.UUID) {
			s.exec(`insert into position_adjustments (position_id, user_id, kind, symbol, quantity, cost, as_of, learnt_at)
				values ($1, $2, 'external', $3, -1, -350, now(), now() - interval '20 minutes')`, p, s.ava, contract)
		}, "fill correction"},
		"a fee that was told late": {func(s *stage, p uuid.UUID) {
			s.becomes(p, "closed", 2, 2, "100")
			s.bring(p)
			s.exec(`insert into late_fees (order_id, cum, user_id, position_id, amount, cost_removed, realized, booked_at)
				select order_id, cum, user_id, position_id, 1.3, 1.3, -1.3, now() - interval '20 minutes' from fills`)
			s.becomes(p, "closed", 2, 2, "98.70")
		}, "fill close correction"},
		"nothing that was booked just now": {func(s *stage, p uuid.UUID) {
			s.sweep()
			s.trades(p, "STC", 2, "4", true)
			s.becomes(p, "closed", 2, 2, "100")
		}, "fill"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			p := s.position()
			s.trades(p, "BTO", 2, "3.50", true)
			s.happened(p, "BTO", 0)
			s.becomes(p, "open", 2, 0, "0")
			s.bring(p)
			c.story(s, p)
			s.sweep()
			s.wantKinds(c.want)
			if n := s.sweep(); n != 0 {
				t.Errorf("swept again, %d entries were added", n)
			}
		})
	}
}

// Much of it is added a bounded part at a time, and still in its order.
func TestASweepGoesInParts(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const parts = happenedAtOnce + bringMost + 7
	p := s.position()
	s.trades(p, "BTO", 1, "1", true)
	s.exec(`update fills set learnt_at = now() - interval '3 hours'`)
	s.exec(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, learnt_at)
		select order_id, i, user_id, position_id, side, 1, 1, learnt_at + i * interval '1 second' from fills, generate_series(2, $1::int) i`, parts)
	s.becomes(p, "open", parts, 0, "0")
	if n := s.sweep(); n != parts {
		t.Errorf("%d of %d entries were added", n, parts)
	}
	var ordered bool
	err := s.db.Pool().QueryRow(t.Context(), `select bool_and(cum = seq) from record_entries`).Scan(&ordered)
	if _, sum := s.file(); err != nil || !ordered || sum.Entries != parts {
		t.Errorf("%+v, in order: %v (%v)", sum, ordered, err)
	}
	s.sweepsNothing()
}

// Processes whose clocks differ write one record, and its times do not run backwards.
func TestTimesDoNotRunBackwards(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	p := s.position()
	for _, now := range []time.Duration{0, -time.Minute, time.Second, -time.Hour} {
		s.now = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC).Add(now)
		s.trades(p, "BTO", 1, "1", true)
		s.becomes(p, "open", 1, 0, "0")
		s.bring(p)
	}
	err := s.db.As(t.Context(), s.ava, func(ctx context.Context, tx pgx.Tx) error { return Withdraw(ctx, tx, s.ava, s.now) })
	if err != nil {
		t.Fatal(err)
	}
	text, sum := s.file()
	var times []string
	for _, piece := range strings.Split(text, `"at":"`)[1:] {
		at, _, _ := strings.Cut(piece, `"`)
		times = append(times, at)
	}
	if !slices.IsSorted(times) || len(times) != 5 || sum.Entries != 5 || times[4] != "2026-11-20T15:00:01.000000Z" {
		t.Errorf("written at %v", times)
	}
}
