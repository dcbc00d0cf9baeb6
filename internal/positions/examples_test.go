package positions

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The examples of profit that everything else is measured by, through the verbs
// that orders book with, on the database that keeps them.
func TestTheExamplesOfProfit(t *testing.T) {
	t.Parallel()
	type deal struct {
		buy      bool
		quantity int
		price    string
		realized string // of this sell
	}
	for _, c := range []struct {
		name, total, percent string
		status               Status
		deals                []deal
	}{
		{"all at once", "1500.00", "50.00", Closed, []deal{{true, 10, "3.00", ""}, {false, 10, "4.50", "1500.00"}}},
		{"two buys", "1000.00", "40.00", Closed, []deal{{true, 5, "3", ""}, {true, 5, "2", ""}, {false, 10, "3.50", "1000.00"}}},
		{"two sells", "1600.00", "53.33", Closed, []deal{{true, 10, "3", ""}, {false, 4, "4", "400.00"}, {false, 6, "5", "1200.00"}}},
		{"half", "500.00", "33.33", Open, []deal{{true, 10, "3", ""}, {false, 5, "4", "500.00"}}},
		{"a loss", "-175.00", "-58.33", Closed, []deal{{true, 1, "3", ""}, {false, 1, "1.25", "-175.00"}}},
		{"thirds", "0.00", "0.00", Closed, []deal{{true, 3, "1.11111111", ""}, {false, 1, "1.11111111", "0.00"}, {false, 2, "1.11111111", "0.00"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			p := r.opened()
			for _, d := range c.deals {
				done := r.book(p.ID, d.buy, d.quantity, d.price, nil)
				if !d.buy && done.Realized.StringFixed(2) != d.realized {
					t.Errorf("selling %d at %s realised %s, want %s", d.quantity, d.price, done.Realized.StringFixed(2), d.realized)
				}
			}
			now, err := New(r.db).Position(t.Context(), r.user, p.ID)
			if err != nil {
				t.Fatal(err)
			}
			if now.Status != c.status || now.Ledger.Realized.StringFixed(2) != c.total {
				t.Errorf("%s with %s realised, want %s with %s", now.Status, now.Ledger.Realized.StringFixed(2), c.status, c.total)
			}
			if got := now.RealizedPercent(); got.Decimal.StringFixed(2) != c.percent {
				t.Errorf("%s %% realised, want %s", got.Decimal.StringFixed(2), c.percent)
			}
		})
	}
}

// A buy that has filled in part can be sold as far as it has filled, while the
// rest of it works.
func TestAHalfFilledBuyCanBeSold(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	entry := r.order(p, "BTO", 10, "accepted")
	r.settle(p.ID)
	if code := r.sell(p.ID, 1); code != "insufficient_quantity" {
		t.Fatalf("selling what has not filled: %q", code)
	}
	r.exec(`update orders set state = 'partial', cum = 5 where id = $1`, entry)
	r.book(p.ID, true, 5, "3.00", nil)
	if code := r.sell(p.ID, 6); code != "insufficient_quantity" {
		t.Errorf("selling more than has filled: %q", code)
	}
	if code := r.sell(p.ID, 5); code != "" {
		t.Errorf("selling what has filled: %q", code)
	}
	if now := r.at(p.ID); now.Held() != 5 || now.Available() != 0 || now.Status != Open {
		t.Errorf("%d held, %d available, %s", now.Held(), now.Available(), now.Status)
	}
}

// An entry that never filled is in no list, whichever is asked for, and is not
// found by its id; a fill that comes late joins the position opened since.
func TestAnEntryThatNeverFilledIsNowhere(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	entry := r.order(p, "BTO", 10, "accepted")
	r.settle(p.ID)
	r.exec(`update orders set state = 'cancelled' where id = $1`, entry)
	r.settle(p.ID)
	if now := r.at(p.ID); now.Status != Void {
		t.Fatalf("%s", now.Status)
	}
	book := New(r.db)
	for _, status := range []string{"open", "closed", "all"} {
		list, _, err := book.Positions(t.Context(), r.user, Query{Status: status, Limit: 10})
		if err != nil || len(list) != 0 {
			t.Errorf("%s lists %d (%v)", status, len(list), err)
		}
	}
	if _, err := book.Position(t.Context(), r.user, p.ID); err == nil {
		t.Error("it is found by its id")
	}
	newer := r.opened()
	r.book(newer.ID, true, 1, "3.00", nil)
	r.in(func(ctx context.Context, tx pgx.Tx) error {
		ended, err := Lock(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		current, err := Current(ctx, tx, ended)
		if err != nil {
			return err
		}
		if current.ID != newer.ID {
			t.Errorf("the late fill belongs to %s, want the newer %s", current.ID, newer.ID)
		}
		_, err = Apply(ctx, tx, current, Fill{Buy: true, Quantity: 2, Notional: notional("3.00", 2), At: time.Now()})
		if err != nil {
			return err
		}
		return Settle(ctx, tx, current.ID, time.Now())
	})
	if now := r.at(newer.ID); now.Held() != 3 {
		t.Errorf("%d held after the late fill, want 3", now.Held())
	}
	if now := r.at(p.ID); now.Status != Void {
		t.Errorf("the old one is %s", now.Status)
	}
}
