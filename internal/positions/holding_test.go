package positions

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// holdings are what is left of each subscription's copies, and what they realised.
func (r *room) holdings(id uuid.UUID) map[uuid.UUID]Ledger {
	r.t.Helper()
	all := map[uuid.UUID]Ledger{}
	r.in(func(ctx context.Context, tx pgx.Tx) error {
		list, err := Holdings(ctx, tx, id)
		for _, h := range list {
			all[h.SubscriptionID] = h.Ledger
		}
		return err
	})
	return all
}

func TestACopysFillBooksOnItsSubscription(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	ben := r.subscription("ben")
	r.book(p.ID, true, 4, "3.00", &ben)
	r.book(p.ID, true, 2, "3.60", &ben)
	r.book(p.ID, false, 3, "4.00", &ben)
	got := r.holdings(p.ID)[ben]
	if got.Bought != 6 || got.Sold != 3 || got.RemainingCost.String() != "960" || got.Realized.String() != "240" {
		t.Errorf("%+v", got) // six cost 1,920; three of them 960, sold for 1,200
	}
}

// A sell of one's own takes own contracts first, then copied ones, oldest first.
func TestOwnContractsAreSoldBeforeCopiedOnes(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	ben, cara := r.subscription("ben"), r.subscription("cara")
	r.book(p.ID, true, 2, "3.00", &ben)
	r.book(p.ID, true, 3, "3.00", &cara)
	r.book(p.ID, true, 4, "3.00", nil)
	for _, step := range []struct{ sell, ben, cara int }{{4, 2, 3}, {1, 1, 3}, {2, 0, 2}, {2, 0, 0}} {
		r.book(p.ID, false, step.sell, "4.00", nil)
		got := r.holdings(p.ID)
		if got[ben].Held() != step.ben || got[cara].Held() != step.cara {
			t.Errorf("after selling %d: %d and %d copied left, want %d and %d", step.sell, got[ben].Held(), got[cara].Held(), step.ben, step.cara)
		}
	}
	if got := r.holdings(p.ID); got[ben].Realized.String() != "200" || got[cara].Realized.String() != "300" {
		t.Errorf("ben's copies realised %s, cara's %s", got[ben].Realized, got[cara].Realized)
	}
}

// INV-52: what an exit is selling is not taken from under it while there are copies
// that nobody sells.
func TestASellLeavesAnExitWhatItSells(t *testing.T) {
	t.Parallel()
	ben, cara := uuid.New(), uuid.New()
	part := func(of uuid.UUID, held, selling int) Holding {
		return Holding{SubscriptionID: of, Selling: selling, Ledger: Ledger{Bought: held}}
	}
	for name, c := range map[string]struct {
		held       []Holding
		left, sold int
		seller     *uuid.UUID
		want       []int
	}{
		"nobody sells: the oldest":          {[]Holding{part(ben, 8, 0), part(cara, 8, 0)}, 14, 3, nil, []int{2, 0}},
		"the oldest is being sold":          {[]Holding{part(ben, 8, 8), part(cara, 8, 0)}, 14, 3, nil, []int{0, 2}},
		"some of the oldest is free":        {[]Holding{part(ben, 8, 7), part(cara, 8, 0)}, 14, 3, nil, []int{1, 1}},
		"more than is free":                 {[]Holding{part(ben, 8, 8), part(cara, 8, 7)}, 13, 3, nil, []int{2, 1}},
		"an exit takes its own first":       {[]Holding{part(ben, 8, 0), part(cara, 8, 3)}, 13, 3, &cara, []int{0, 3}},
		"an exit's excess is not another's": {[]Holding{part(ben, 2, 2), part(cara, 2, 3), part(uuid.New(), 2, 0)}, 3, 3, &cara, []int{0, 2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := shares(c.held, c.left, c.sold, c.seller); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// INV-49: a copy's exit that sells more than its subscription holds takes the
// rest from own contracts and then from others' copies, each at its price.
func TestACopysExitBeyondItsHoldingIsShared(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	ben, cara := r.subscription("ben"), r.subscription("cara")
	r.book(p.ID, true, 2, "3.00", &ben)
	r.book(p.ID, true, 2, "3.00", &cara)
	r.book(p.ID, true, 1, "3.00", nil)
	r.book(p.ID, false, 4, "4.00", &cara)
	got := r.holdings(p.ID)
	if got[cara].Held() != 0 || got[ben].Held() != 1 || got[cara].Realized.String() != "200" || got[ben].Realized.String() != "100" {
		t.Errorf("ben %+v, cara %+v", got[ben], got[cara])
	}
}

// A late fill of a copy's exit on a position that has none of it is booked too:
// what the broker did is not refused.
func TestACopysLateExitIsBookedWithoutItsHolding(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	ben := r.subscription("ben")
	r.book(p.ID, true, 3, "3.00", nil)
	r.book(p.ID, false, 2, "4.00", &ben)
	if now := r.at(p.ID); now.Ledger.Sold != 2 || len(r.holdings(p.ID)) != 0 {
		t.Errorf("%d sold", now.Ledger.Sold)
	}
}

// R14: what sells of copied contracts make counts for their trading day, own
// contracts do not; a fill without a day counts for New York's of its time.
func TestADaysSellsOfCopiesAddUp(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	ben := r.subscription("ben")
	r.book(p.ID, true, 4, "3.00", &ben)
	r.book(p.ID, true, 2, "3.00", nil)
	sell := func(n int, price string, at time.Time, day exchange.Date) {
		r.in(func(ctx context.Context, tx pgx.Tx) error {
			locked, err := Lock(ctx, tx, p.ID)
			if err != nil {
				return err
			}
			notional := decimal.RequireFromString(price).Mul(decimal.NewFromInt(int64(n)))
			_, err = Apply(ctx, tx, locked, Fill{Quantity: n, Notional: notional, At: at, Day: day})
			return err
		})
	}
	night := time.Date(2026, 9, 22, 3, 0, 0, 0, time.UTC) // 23:00 of the 21st in New York
	sell(3, "2.00", night, exchange.Date{})               // two own ones first, one copied: −100
	sell(1, "2.50", night, exchange.MustDate("2026-09-23"))
	sell(1, "3.25", night, exchange.MustDate("2026-09-23")) // −50 + 25
	for day, want := range map[string]string{"2026-09-21": "-100", "2026-09-23": "-25"} {
		var made, of decimal.Decimal
		err := r.db.Pool().QueryRow(t.Context(), `select realized from copy_results where user_id = $1 and trading_day = $2`, r.user, day).Scan(&made)
		if err != nil || !made.Equal(decimal.RequireFromString(want)) {
			t.Errorf("%s: %s, want %s (%v)", day, made, want, err)
		}
		err = r.db.Pool().QueryRow(t.Context(), `select realized from copy_day_results where subscription_id = $1 and trading_day = $2`, ben, day).Scan(&of)
		if err != nil || !of.Equal(made) {
			t.Errorf("%s: %s of the trader, %s of all (%v)", day, of, made, err)
		}
	}
}
