package positions

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

var testDay = exchange.MustDate("2026-09-21")

// held is what the broker says of one contract, for a price paid per share.
func held(t *testing.T, symbol string, quantity int, average string) Held {
	t.Helper()
	c, err := exchange.ParseSymbol(symbol)
	if err != nil {
		t.Fatal(err)
	}
	h := Held{Contract: c, Quantity: quantity}
	if average != "" {
		price := decimal.RequireFromString(average)
		h.Average = &price
	}
	return h
}

const appleCall = "AAPL  270115C00200000"

// read compares a complete reading that is of a time after now, and returns what
// was booked or asked for.
func (r *room) read(after time.Duration, list ...Held) (done []Resolved, waits bool) {
	r.t.Helper()
	reading := Reading{AccountID: r.account, UserID: r.user, AsOf: time.Now().Add(after), Held: list, Complete: true}
	left, err := New(r.db).Compare(r.t.Context(), reading, testDay, func(_ context.Context, _ pgx.Tx, one Resolved) error {
		done = append(done, one)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return done, left.Unsettled > 0
}

func (r *room) adjustments(id uuid.UUID) []Adjustment {
	r.t.Helper()
	list, err := New(r.db).Adjustments(r.t.Context(), r.user, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// A sale made where we could not see it is booked when two readings agree, never
// by one: its cost leaves by average, nothing is realised, and the result is not
// counted as one.
func TestASaleSeenOnlyInHoldingsIsAnAdjustment(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 4, "3.00", nil)
	r.book(p.ID, false, 1, "4.00", nil)
	if done, waits := r.read(time.Minute, held(t, appleCall, 1, "3.00")); len(done) > 0 || !waits {
		t.Fatalf("one reading booked %v, waits %v", done, waits)
	}
	if done, _ := r.read(2*time.Minute, held(t, appleCall, 1, "3.00")); len(done) > 0 {
		t.Fatalf("a minute later: %v", done)
	}
	if done, _ := r.read(5*time.Minute, held(t, appleCall, 1, "3.00")); len(done) != 1 || done[0].Quantity != -2 || done[0].Kind != External {
		t.Fatalf("confirmed: %+v", done)
	}
	now := r.at(p.ID)
	if now.Held() != 1 || now.Ledger.Realized.String() != "100" || now.Ledger.RemainingCost.String() != "300" || now.Unpriced != 2 || now.Review == nil {
		t.Errorf("%d held, %s realised, %s of cost, %d unpriced, review %v", now.Held(), now.Ledger.Realized, now.Ledger.RemainingCost, now.Unpriced, now.Review)
	}
	list := r.adjustments(p.ID)
	if len(list) != 1 || list[0].Quantity != -2 || list[0].Cost.Decimal.String() != "-600" || list[0].Proceeds != nil || list[0].Realized != nil {
		t.Errorf("%+v", list)
	}
	r.book(p.ID, false, 1, "4.00", nil)
	if now := r.at(p.ID); now.Status != Closed || now.Outcome != nil || now.Ledger.Realized.String() != "200" {
		t.Errorf("%s, outcome %v, %s realised", now.Status, now.Outcome, now.Ledger.Realized)
	}
}

// What changes between two readings has to settle anew, and what comes back was
// never gone.
func TestADifferenceHasToStayTheSame(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 5, "3.00", nil)
	for _, c := range []struct {
		after time.Duration
		there int
		want  int
	}{{time.Minute, 3, 5}, {5 * time.Minute, 2, 5}, {7 * time.Minute, 5, 5}, {8 * time.Minute, 2, 5}, {7 * time.Minute, 2, 5}, {12 * time.Minute, 2, 2}} {
		r.read(c.after, held(t, appleCall, c.there, "3.00"))
		if now := r.at(p.ID); now.Held() != c.want {
			t.Errorf("after %s, %d at the broker: %d held, want %d", c.after, c.there, now.Held(), c.want)
		}
	}
}

// A reading with a hole says nothing about what it does not show.
func TestAnIncompleteReadingProvesNothing(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 5, "3.00", nil)
	for i := range 3 {
		reading := Reading{AccountID: r.account, UserID: r.user, AsOf: time.Now().Add(time.Duration(i) * time.Hour)}
		left, err := New(r.db).Compare(t.Context(), reading, testDay, nil)
		if err != nil || left != (Left{}) {
			t.Errorf("%+v (%v)", left, err)
		}
	}
	if now := r.at(p.ID); now.Held() != 5 {
		t.Errorf("%d held", now.Held())
	}
}

// Orders that may explain a difference come first, each in its way.
func TestOrdersExplainADifferenceFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, side, state  string
		quantity, there    int
		minutes            int
		want               int
		endSells, withheld bool
	}{
		{"an unresolved sell", "STC", "unknown", 5, 0, 60, 5, false, false},
		{"an unresolved buy", "BTO", "unknown", 5, 9, 60, 5, false, false},
		{"a sell not found, which may have been", "STC", "not_placed", 5, 0, 60, 5, false, false},
		{"a working buy and more at the broker", "BTO", "accepted", 5, 9, 60, 5, false, false},
		{"a working buy does not explain less", "BTO", "accepted", 5, 3, 5, 3, false, false},
		{"a working sell that may be filling", "STC", "accepted", 2, 3, 5, 5, false, false},
		{"a working sell that has not filled for long", "STC", "accepted", 2, 3, 60, 3, false, false},
		{"a working sell that has not filled, of less than is missing", "STC", "accepted", 1, 3, 5, 5, false, false},
		{"a working sell of more than is left, which may be filling", "STC", "accepted", 5, 2, 5, 5, false, true},
		{"a working sell of more than is left", "STC", "accepted", 4, 3, 16, 5, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			p := r.opened()
			r.book(p.ID, true, 5, "3.00", nil)
			r.order(p, c.side, c.quantity, c.state)
			r.settle(p.ID)
			list := []Held{}
			if c.there > 0 {
				list = append(list, held(t, appleCall, c.there, "3.00"))
			}
			r.read(time.Minute, list...)
			done, _ := r.read(time.Duration(c.minutes+1)*time.Minute, list...)
			now := r.at(p.ID)
			if now.Held() != c.want || (len(done) == 1 && done[0].EndSells) != c.endSells {
				t.Errorf("%d held, want %d; done %+v", now.Held(), c.want, done)
			}
			if withheld := now.Missing > 0; withheld != c.withheld || withheld && (now.Available() != 0 || now.Review == nil) {
				t.Errorf("%d missing, %d available, review %v", now.Missing, now.Available(), now.Review)
			}
		})
	}
}

// More for sale than the broker has: nothing may be sold, the sells end, then the
// rest is booked (correctness 6).
func TestWorkingSellsEndBeforeWhatLeftIsBooked(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 5, "3.00", nil)
	exit := r.order(p, "STC", 4, "accepted")
	r.settle(p.ID)
	r.read(time.Minute)
	if done, _ := r.read(5 * time.Minute); len(done) != 0 {
		t.Errorf("ended while it may be what filled: %+v", done)
	}
	if code := r.sell(p.ID, 1); code != "insufficient_quantity" {
		t.Errorf("selling what the broker may not have: %q", code)
	}
	if done, _ := r.read(17 * time.Minute); len(done) != 1 || !done[0].EndSells {
		t.Fatalf("%+v", done)
	}
	if code := r.sell(p.ID, 1); code != "insufficient_quantity" {
		t.Errorf("selling what the broker has not got: %q", code)
	}
	r.exec(`update orders set state = 'cancelled', updated_at = $2 where id = $1`, exit, time.Now().Add(18*time.Minute))
	r.settle(p.ID)
	if done, _ := r.read(19 * time.Minute); len(done) != 0 {
		t.Errorf("right after the sell had ended: %+v", done)
	}
	r.read(20 * time.Minute)
	if done, _ := r.read(24 * time.Minute); len(done) != 1 || done[0].Quantity != -5 {
		t.Errorf("later: %+v", done)
	}
	if now := r.at(p.ID); now.Held() != 0 || now.Missing != 0 || now.Status != Closed {
		t.Errorf("%d held, %d missing, %s", now.Held(), now.Missing, now.Status)
	}
}

// What an order's change comes to is not known while it is under way: the contracts
// it may buy or sell are not booked beside it.
func TestAReplacedOrderExplainsADifferenceFirst(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"queued", "submitting", "unknown"} {
		for side, there := range map[string]int{"BTO": 9, "STC": 1} {
			t.Run(state+" "+side, func(t *testing.T) {
				t.Parallel()
				r := newRoom(t)
				p := r.opened()
				r.book(p.ID, true, 5, "3.00", nil)
				order := r.order(p, side, 4, "accepted")
				change := r.id(`insert into order_changes (order_id, user_id, account_id, symbol, side, state, quantity, trading_day, send_before)
					values ($1, $2, $3, $4, $5, $6, 4, '2026-09-21', now()) returning id`, order, r.user, r.account, appleCall, side, state)
				r.settle(p.ID)
				r.read(time.Minute, held(t, appleCall, there, "3.00"))
				if done, _ := r.read(time.Hour, held(t, appleCall, there, "3.00")); len(done) != 0 || r.at(p.ID).Held() != 5 {
					t.Errorf("%+v", done)
				}
				r.exec(`update orders set state = 'cancelled', updated_at = $2 where id = $1`, order, time.Now().Add(-time.Hour))
				r.exec(`delete from order_changes where id = $1`, change)
				r.settle(p.ID)
				if done, _ := r.read(2*time.Hour, held(t, appleCall, there, "3.00")); len(done) != 1 || r.at(p.ID).Held() != there {
					t.Errorf("after both had ended: %+v", done)
				}
			})
		}
	}
}

// A reading that is as old as the one before confirms nothing, and another is needed.
func TestTheSameReadingTwiceConfirmsNothing(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 5, "3.00", nil)
	once := Reading{AccountID: r.account, UserID: r.user, AsOf: time.Now().Add(time.Hour), Complete: true}
	for i, want := range []Left{{Unsettled: 1}, {Waiting: 1}} {
		left, err := New(r.db).Compare(t.Context(), once, testDay, nil)
		if err != nil || left != want {
			t.Errorf("%d: %+v (%v)", i, left, err)
		}
	}
}

// Nothing stays missing that the broker holds: neither when more came than was
// missing, nor when the difference has been forgotten.
func TestNothingStaysMissingThatTheBrokerHolds(t *testing.T) {
	t.Parallel()
	for name, there := range map[string]int{"as many": 5, "more": 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			p := r.opened()
			r.book(p.ID, true, 5, "3.00", nil)
			r.exec(`update positions set missing = 3, review_reason = $1`, fewerThere)
			r.read(time.Minute, held(t, appleCall, there, "3.00"))
			r.read(5*time.Minute, held(t, appleCall, there, "3.00"))
			if now := r.at(p.ID); now.Missing != 0 || now.Review != nil || now.Held() != there {
				t.Errorf("%d held, %d missing, review %v", now.Held(), now.Missing, now.Review)
			}
		})
	}
}

// An incomplete reading does not bring back what it does not show.
func TestWhatIsMissingStaysSoWhileNothingIsSaid(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 5, "3.00", nil)
	r.read(time.Minute, held(t, appleCall, 2, "3.00"))
	r.exec(`update positions set missing = 3, review_reason = $1`, fewerThere)
	reading := Reading{AccountID: r.account, UserID: r.user, AsOf: time.Now().Add(time.Hour)}
	if _, err := New(r.db).Compare(t.Context(), reading, testDay, nil); err != nil {
		t.Fatal(err)
	}
	if now := r.at(p.ID); now.Missing != 3 {
		t.Errorf("%d missing", now.Missing)
	}
}

// What was missing and is found again can be sold again.
func TestWhatTheBrokerHasAgainCanBeSold(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 5, "3.00", nil)
	exit := r.order(p, "STC", 4, "accepted")
	r.settle(p.ID)
	r.read(time.Minute)
	r.read(5 * time.Minute)
	if now := r.at(p.ID); now.Missing != 5 {
		t.Fatalf("%d missing", now.Missing)
	}
	r.exec(`update orders set state = 'cancelled' where id = $1`, exit)
	r.settle(p.ID)
	r.read(6*time.Minute, held(t, appleCall, 5, "3.00"))
	if now := r.at(p.ID); now.Missing != 0 || now.Review != nil {
		t.Errorf("%d missing, review %v", now.Missing, now.Review)
	}
	if code := r.sell(p.ID, 5); code != "" {
		t.Errorf("selling it: %q", code)
	}
}

// Contracts that we never saw bought become a position at the broker's average,
// which can be sold.
func TestWhatWeNeverSawBoughtBecomesAPosition(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	put := "MSFT  270115P00400000"
	r.read(0, held(t, put, 3, "2.10"))
	done, _ := r.read(4*time.Minute, held(t, put, 3, "2.10"))
	if len(done) != 1 || !done[0].OpenedHere || done[0].Quantity != 3 {
		t.Fatalf("%+v", done)
	}
	p := r.at(done[0].Position.ID)
	if p.Status != Open || p.Source != "detected" || p.Held() != 3 || p.Ledger.CostBought.String() != "630" || p.Unpriced != 0 || p.OpenedAt == nil {
		t.Errorf("%s %s, %d held for %s, %d unpriced", p.Status, p.Source, p.Held(), p.Ledger.CostBought, p.Unpriced)
	}
	if code := r.sell(p.ID, 3); code != "" {
		t.Errorf("selling it: %q", code)
	}
	r.exec(`update orders set state = 'submitting'`)
	r.exec(`update orders set state = 'filled', cum = quantity`)
	r.book(p.ID, false, 3, "3.10", nil)
	if now := r.at(p.ID); now.Outcome == nil || *now.Outcome != "win" || now.Ledger.Realized.String() != "300" {
		t.Errorf("outcome %v, %s realised", now.Outcome, now.Ledger.Realized)
	}
}

// Without the broker's average nobody knows the cost, and no result is invented.
func TestWhatCostsNobodyKnowsIsNoResult(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.read(0, held(t, appleCall, 3, ""))
	done, _ := r.read(4*time.Minute, held(t, appleCall, 3, ""))
	p := r.at(done[0].Position.ID)
	if p.Unpriced != 3 || p.Review == nil {
		t.Errorf("%d unpriced, review %v", p.Unpriced, p.Review)
	}
	r.book(p.ID, false, 3, "3.10", nil)
	if now := r.at(p.ID); now.Status != Closed || now.Outcome != nil {
		t.Errorf("%s, outcome %v", now.Status, now.Outcome)
	}
}

// Contracts that expire today or did already are the settlement's.
func TestHoldingsSayNothingAboutWhatExpires(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	today := "AAPL  260921C00200000"
	p := r.openedIn(today)
	r.book(p.ID, true, 5, "3.00", nil)
	r.read(0, held(t, "MSFT  260918P00400000", 3, "1"))
	if done, waits := r.read(time.Hour, held(t, "MSFT  260918P00400000", 3, "1")); len(done) != 0 || waits {
		t.Errorf("%+v, waits %v", done, waits)
	}
	if now := r.at(p.ID); now.Held() != 5 {
		t.Errorf("%d held", now.Held())
	}
}

// A sale elsewhere takes own contracts first, then copied ones, oldest first, and
// realises nothing for them either.
func TestASaleElsewhereTakesOwnContractsFirst(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	ben, cara := r.subscription("ben"), r.subscription("cara")
	r.book(p.ID, true, 2, "3.00", &ben)
	r.book(p.ID, true, 2, "3.00", &cara)
	r.book(p.ID, true, 1, "3.00", nil)
	r.read(0, held(t, appleCall, 2, "3"))
	r.read(4*time.Minute, held(t, appleCall, 2, "3"))
	got := r.holdings(p.ID)
	if got[ben].Held() != 0 || got[cara].Held() != 2 || !got[ben].Realized.IsZero() || !got[ben].RemainingCost.IsZero() {
		t.Errorf("ben %+v, cara %+v", got[ben], got[cara])
	}
}

// A renamed contract is the same position: same cost, history and copies, and
// nothing is realised.
func TestARenamedContractIsTheSamePosition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, to, average string
		there             int
		same              bool
	}{
		{"a new root", "AAPL1 270115C00200000", "3.00", 4, true},
		{"a new root, cost unsaid", "AAPL1 270115C00200000", "", 4, true},
		{"two for one", "AAPL  270115C00100000", "1.50", 8, true},
		{"one for two", "AAPL  270115C00400000", "6.00", 2, true},
		{"another underlying of the same cost", "META  270115C00200000", "3.00", 4, true},
		{"another underlying, cost unsaid", "META  270115C00200000", "", 4, false},
		{"the same strike for another price", "META  270115C00200000", "5.00", 4, false},
		{"rolled to another strike", "AAPL  270115C00210000", "3.00", 4, false},
		{"rolled to another day", "AAPL  270219C00200000", "3.00", 4, false},
		{"turned into puts", "AAPL  270115P00200000", "3.00", 4, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			p := r.opened()
			ben := r.subscription("ben")
			r.book(p.ID, true, 2, "3.00", &ben)
			r.book(p.ID, true, 4, "3.00", nil)
			r.book(p.ID, false, 2, "4.00", nil)
			r.read(0, held(t, c.to, c.there, c.average))
			r.read(4*time.Minute, held(t, c.to, c.there, c.average))
			now := r.at(p.ID)
			if !c.same {
				if now.Contract.Symbol != appleCall || now.Held() != 0 {
					t.Errorf("%s, %d held", now.Contract.Symbol, now.Held())
				}
				return
			}
			if now.Contract.Symbol != c.to || now.Held() != c.there || now.Ledger.Sold != 2 || now.Status != Open {
				t.Errorf("%s, %d held, %d sold, %s", now.Contract.Symbol, now.Held(), now.Ledger.Sold, now.Status)
			}
			if now.Ledger.RemainingCost.String() != "1200" || now.Ledger.CostBought.String() != "1800" || now.Ledger.Realized.String() != "200" || now.Unpriced != 0 {
				t.Errorf("%s of %s cost left, %s realised", now.Ledger.RemainingCost, now.Ledger.CostBought, now.Ledger.Realized)
			}
			if got := r.holdings(p.ID)[ben]; got.Held() != c.there/2 || got.RemainingCost.String() != "600" {
				t.Errorf("copied: %+v", got)
			}
			if list := r.adjustments(p.ID); len(list) != 2 || list[0].Quantity+list[1].Quantity != c.there-4 {
				t.Errorf("%+v", list)
			}
		})
	}
}

// Adjustments are somebody's own.
func TestNobodySeesAnothersAdjustments(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	r.book(p.ID, true, 2, "3.00", nil)
	r.read(0)
	r.read(4 * time.Minute)
	stranger := r.id(`insert into users (username, name) values ('ben', 'Ben') returning id`)
	list, err := New(r.db).Adjustments(t.Context(), stranger, p.ID)
	if err != nil || len(list) != 0 {
		t.Errorf("%v (%v)", list, err)
	}
	if mine := r.adjustments(p.ID); len(mine) != 1 || !strings.HasPrefix(mine[0].Symbol, "AAPL") {
		t.Errorf("%v", mine)
	}
}
