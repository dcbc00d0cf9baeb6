package orders

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/snaptrade"
)

// entry is a buy of five at 3.40 that its day has counted, in some state.
func (b *booker) entry(state State) uuid.UUID {
	b.t.Helper()
	id := b.id(`insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price,
		time_in_force, source, state, estimated_cost, trading_day, send_before, sent_at, claim_token, deadline, unknown_since)
		values ($1, $2, $3, 'BTO', $4, 'AAPL', 100, 5, 'Limit', 3.40, 'Day', 'manual', $5, 1700, $6, now() + interval '1 hour', now(), gen_random_uuid(),
			now() + interval '45 seconds', now()) returning id`, b.user, b.account, b.position, oneContract, state, b.desk.clock.Today())
	b.must(`insert into day_counters (user_id, trading_day, kind, used) values ($1, $2, 'premium', 1700)`, b.user, b.desk.clock.Today())
	return id
}

// T10 and T14: what an entry gave back when it counted as ended is counted again when
// it turns out to be at the broker; and once only, however often that is reported.
func TestWhatTurnsUpAfterAllIsCountedAgain(t *testing.T) {
	t.Parallel()
	price, filled := decimal.RequireFromString("3.40"), 5
	for name, c := range map[string]struct {
		was, end, want State
		report         report
		counted        int64
	}{
		"given up, and found at work":         {Unknown, NotPlaced, Accepted, report{Status: snaptrade.StatusPending}, 1700},
		"given up, and found filled":          {Unknown, NotPlaced, Filled, report{Status: snaptrade.StatusFilled, Filled: &filled, Average: &price}, 1700},
		"refused, and found filled":           {Submitting, Rejected, Filled, report{Status: snaptrade.StatusFilled, Filled: &filled, Average: &price}, 1700},
		"given up, and found cancelled":       {Unknown, NotPlaced, Cancelled, report{Status: snaptrade.StatusCancelled}, 0},
		"refused, and the broker says so too": {Submitting, Rejected, Rejected, report{Status: snaptrade.StatusRejected}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			id, day := b.entry(c.was), b.desk.clock.Today()
			if err := b.desk.end(t.Context(), id, ending{to: c.end, actor: byReconciler, reason: "a test"}); err != nil {
				t.Fatal(err)
			}
			if got := b.used(day, "premium"); b.read(id).State != c.end || !got.IsZero() {
				t.Fatalf("ended as %s, and %s is still counted", b.read(id).State, got)
			}
			c.report.BrokerOrderID = "late"
			for range 2 {
				if err := b.desk.book(t.Context(), id, c.report, booking{actor: byReconciler}); err != nil {
					t.Fatal(err)
				}
			}
			o := b.read(id)
			if got := b.used(day, "premium"); o.State != c.want || !got.Equal(decimal.NewFromInt(c.counted)) || o.Review == nil {
				t.Errorf("the order is %s (review %v) and %s is counted, want %s and %d", o.State, o.Review, got, c.want, c.counted)
			}
		})
	}
}

// R13: an entry that ends before all of it was bought counts what it spent, and no
// more. What fills after its end counts again, once, however often that is reported.
func TestAnEndGivesBackWhatWasNotBought(t *testing.T) {
	t.Parallel()
	type said struct {
		status snaptrade.Status
		filled int
		at     string
		counts string // dollars of the day, after it
	}
	for name, c := range map[string][]said{
		"cancelled, with two of five": {{snaptrade.StatusCancelled, 2, "3.30", "660"}},
		"cancelled later":             {{snaptrade.StatusPartial, 2, "3.40", "1700"}, {snaptrade.StatusCancelled, 2, "3.40", "680"}},
		"expired, with one":           {{snaptrade.StatusExpired, 1, "3.40", "340"}},
		"refused, after one":          {{snaptrade.StatusRejected, 1, "3.40", "340"}},
		"all of it, for less":         {{snaptrade.StatusFilled, 5, "3.30", "1700"}},
		"dearer than it was reckoned": {{snaptrade.StatusCancelled, 4, "5.00", "1700"}, {snaptrade.StatusCancelled, 5, "5.00", "1700"}},
		"none of it":                  {{snaptrade.StatusCancelled, 0, "", "0"}},
		"a fill after its end":        {{snaptrade.StatusCancelled, 2, "3.30", "660"}, {snaptrade.StatusCancelled, 3, "3.30", "990"}},
		"two, up to the whole of it":  {{snaptrade.StatusCancelled, 0, "", "0"}, {snaptrade.StatusCancelled, 2, "3.40", "680"}, {snaptrade.StatusFilled, 5, "3.40", "1700"}},
		"an older word about it":      {{snaptrade.StatusExpired, 3, "3.40", "1020"}, {snaptrade.StatusPartial, 2, "3.40", "1020"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			id, day := b.limitOrder(BTO, 5, 0), b.desk.clock.Today()
			b.must(`insert into day_counters (user_id, trading_day, kind, used) values ($1, $2, 'copy_premium', 1700), ($1, $2, 'copies', 1)`, b.user, day)
			b.must(`alter table orders drop constraint orders_copy_has_decision; update orders set source = 'copy'`) // whose decision says nothing here
			for i, word := range c {
				r := report{BrokerOrderID: "first", Status: word.status, Filled: &word.filled}
				if word.at != "" {
					at := decimal.RequireFromString(word.at)
					r.Average = &at
				}
				for range 2 {
					if err := b.desk.book(t.Context(), id, r, booking{actor: byReconciler}); err != nil {
						t.Fatal(err)
					}
				}
				for _, kind := range []string{"premium", "copy_premium"} {
					if got := b.used(day, kind); !got.Equal(decimal.RequireFromString(word.counts)) {
						t.Errorf("after report %d (%s, %d filled) %s of %s are counted, want %s", i, word.status, word.filled, got, kind, word.counts)
					}
				}
			}
			if got := b.used(day, "copies"); !got.Equal(decimal.NewFromInt(1)) {
				t.Errorf("it was at the broker, and %s copies are counted", got)
			}
		})
	}
}

// T6: what provably was not executed goes back to the queue four times; the fifth
// time it ends, for good and with what it had counted given back.
func TestTheFifthTimeNothingIsSentAgain(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	id := b.entry(Submitting)
	throttled := &snaptrade.PlaceError{Outcome: snaptrade.NotSent, Err: &snaptrade.Error{Op: "place option order", Status: 429, RetryAfter: time.Second}}
	for n := 1; n <= sendsMost; n++ {
		if err := b.desk.sendBack(t.Context(), b.read(id), throttled); err != nil {
			t.Fatal(err)
		}
		o, want := b.read(id), Queued
		if n == sendsMost {
			want = Aborted
		}
		if o.State != want || o.Attempts != n || o.ClaimToken != nil {
			t.Fatalf("after %d times the order is %s, tried %d times, claimed by %v", n, o.State, o.Attempts, o.ClaimToken)
		}
		if want == Queued {
			b.must(`update orders set state = 'submitting', claim_token = gen_random_uuid(), sent_at = now(), deadline = now() + interval '45 seconds' where id = $1`, id)
		}
	}
	if left := b.used(b.desk.clock.Today(), "premium"); !left.IsZero() {
		t.Errorf("%s is still counted", left)
	}
	if n := b.count(`select count(*) from order_events where order_id = $1 and from_state = 'submitting' and to_state = 'queued'`, id); n != sendsMost {
		t.Errorf("%d times back to the queue are on record, want %d", n, sendsMost)
	}
}

// A claim that is not the present one sends nothing back: its answer came too late.
func TestAnOldClaimSendsNothingBack(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	id := b.entry(Submitting)
	old := b.read(id)
	other := uuid.New()
	old.ClaimToken = &other
	throttled := &snaptrade.PlaceError{Outcome: snaptrade.NotSent, Err: &snaptrade.Error{Status: 429}}
	if err := b.desk.sendBack(t.Context(), old, throttled); err != nil {
		t.Fatal(err)
	}
	if o := b.read(id); o.State != Submitting || o.Attempts != 0 {
		t.Errorf("the order is %s after %d attempts", o.State, o.Attempts)
	}
}
