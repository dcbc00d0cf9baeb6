package positions

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// lapse ends a position as the broker says, after marking it pending. The broker's word is
// some hours old, as that of brokers is who are read once a day.
func (r *room) lapse(p Position, e Ending) (done Resolved, ready bool) {
	r.t.Helper()
	e.AsOf, e.Day = time.Now().Add(-2*time.Hour), exchange.MustDate("2027-01-19")
	r.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		_, ready, err = Pend(ctx, tx, p.ID)
		return err
	})
	r.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		done, err = End(ctx, tx, p.ID, e)
		return err
	})
	return done, ready
}

// What expired for nothing is a loss of all its cost; what was exercised brings
// its settlement. Both are finished and counted, once.
func TestHowExpiredContractsEnd(t *testing.T) {
	t.Parallel()
	amount := func(s string) *decimal.Decimal { d := decimal.RequireFromString(s); return &d }
	for _, c := range []struct {
		name     string
		end      Ending
		status   Status
		realized string
		outcome  Outcome
		unpriced int
	}{
		{"for nothing", Ending{Expired: 4}, EndExpired, "-1200.00", "loss", 0},
		{"exercised at a profit", Ending{Exercised: 4, Proceeds: amount("2000")}, EndExercised, "800.00", "win", 0},
		{"exercised for what it cost", Ending{Exercised: 4, Proceeds: amount("1200")}, EndExercised, "0.00", "breakeven", 0},
		{"in part", Ending{Exercised: 1, Expired: 3, Proceeds: amount("500")}, EndExercised, "-700.00", "loss", 0},
		{"exercised for shares of unsaid worth", Ending{Exercised: 4}, EndExercised, "0.00", "", 4},
		{"sold elsewhere on the last day", Ending{Elsewhere: 4}, Closed, "0.00", "", 4},
		{"sold elsewhere in part", Ending{Elsewhere: 1, Expired: 3}, EndExpired, "-900.00", "", 1},
		{"not all accounted for", Ending{Expired: 3}, ExpiryPending, "0.00", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			p := r.opened()
			r.book(p.ID, true, 4, "3.00", nil)
			if _, ready := r.lapse(p, c.end); !ready {
				t.Error("not ready")
			}
			r.lapse(p, c.end) // may run twice
			now := r.at(p.ID)
			if now.Status != c.status || now.Ledger.Realized.StringFixed(2) != c.realized || now.Unpriced != c.unpriced {
				t.Errorf("%s, %s realised, %d unpriced", now.Status, now.Ledger.Realized.StringFixed(2), now.Unpriced)
			}
			if got := now.Outcome; (got == nil) != (c.outcome == "") || got != nil && *got != c.outcome {
				t.Errorf("outcome %v, want %q", got, c.outcome)
			}
			if ended := c.status != ExpiryPending; ended != (now.ClosedAt != nil) || ended && now.Held() != 0 {
				t.Errorf("closed at %v with %d held", now.ClosedAt, now.Held())
			}
		})
	}
}

// Orders on an expired contract end first, and nobody sells what is pending.
func TestOrdersEndBeforeAPositionIsPending(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 4, "3.00", nil)
	exit := r.order(p, "STC", 4, "accepted")
	r.settle(p.ID)
	if _, ready := r.lapse(p, Ending{Expired: 4}); ready {
		t.Error("pending with a live order")
	}
	if now := r.at(p.ID); now.Status != Open || now.Held() != 4 {
		t.Errorf("%s, %d held", now.Status, now.Held())
	}
	r.exec(`update orders set state = 'expired' where id = $1`, exit)
	r.settle(p.ID)
	if _, ready := r.lapse(p, Ending{Expired: 1}); !ready {
		t.Error("not ready")
	}
	if code := r.sell(p.ID, 1); code != "insufficient_quantity" {
		t.Errorf("selling what is pending: %q", code)
	}
	list, err := New(r.db).Expiring(t.Context(), r.account, exchange.MustDate("2027-01-16"))
	if err != nil || len(list) != 1 {
		t.Errorf("%d expiring (%v)", len(list), err)
	}
	list, err = New(r.db).Expiring(t.Context(), r.account, exchange.MustDate("2027-01-15"))
	if err != nil || len(list) != 0 {
		t.Errorf("%d expiring before their day (%v)", len(list), err)
	}
}

// An operator is asked once about what the broker says nothing of.
func TestWhatStaysUndecidedIsAskedAboutOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 4, "3.00", nil)
	for i, want := range []bool{false, true, false} { // open, then pending, then asked
		r.in(func(ctx context.Context, tx pgx.Tx) error {
			first, err := Undecided(ctx, tx, p.ID)
			if first != want {
				t.Errorf("%d: first %v", i, first)
			}
			return err
		})
		r.lapse(p, Ending{Expired: 1})
	}
	if now := r.at(p.ID); now.Review == nil || now.Status != ExpiryPending {
		t.Errorf("%s, review %v", now.Status, now.Review)
	}
	r.lapse(p, Ending{Expired: 4})
	if now := r.at(p.ID); now.Status != EndExpired || now.Review != nil {
		t.Errorf("decided after all: %s, review %v", now.Status, now.Review)
	}
}

// A late fill of the last day books on a pending position as on an open one.
func TestALateFillOnAPendingPosition(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 4, "3.00", nil)
	r.lapse(p, Ending{Expired: 1})
	r.book(p.ID, false, 1, "4.00", nil)
	if now := r.at(p.ID); now.Status != ExpiryPending || now.Held() != 3 {
		t.Errorf("%s, %d held", now.Status, now.Held())
	}
	r.lapse(p, Ending{Expired: 3})
	if now := r.at(p.ID); now.Status != EndExpired || now.Ledger.Realized.String() != "-800" {
		t.Errorf("%s, %s realised", now.Status, now.Ledger.Realized)
	}
	r.book(p.ID, true, 1, "3.00", nil)
	if now := r.at(p.ID); now.Status != ExpiryPending || now.ClosedAt != nil {
		t.Errorf("after a buy reported late: %s, closed at %v", now.Status, now.ClosedAt)
	}
}

// What copies lose by expiring is theirs, and counts for the day (R14).
func TestCopiedContractsExpireToo(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	ben := r.subscription("ben")
	r.book(p.ID, true, 2, "3.00", &ben)
	r.book(p.ID, true, 2, "1.00", nil)
	r.lapse(p, Ending{Expired: 4})
	if got := r.holdings(p.ID)[ben]; got.Held() != 0 || got.Realized.String() != "-600" {
		t.Errorf("%+v", got)
	}
	var lost decimal.Decimal
	err := r.db.Pool().QueryRow(t.Context(), `select realized from copy_results where user_id = $1 and trading_day = '2027-01-19'`, r.user).Scan(&lost)
	if err != nil || lost.String() != "-600" {
		t.Errorf("the day's copies made %s (%v)", lost, err)
	}
}
