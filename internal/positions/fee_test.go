package positions

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
)

// filled is a fill with its order and its row, as the desk writes them.
func (r *room) filled(p Position, buy bool, quantity int, price string, subscription *uuid.UUID) Fee {
	r.t.Helper()
	side := map[bool]string{true: "BTO", false: "STC"}[buy]
	order := r.order(p, side, quantity, "filled")
	r.exec(`update orders set cum = quantity, subscription_id = $2 where id = $1`, order, subscription)
	done := r.book(p.ID, buy, quantity, price, subscription)
	r.exec(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, cost_removed, realized) values ($1, $2, $3, $4, $5, $2, $6, $7, $8)`,
		order, quantity, r.user, p.ID, side, notional(price, quantity), done.CostRemoved, done.Realized)
	return Fee{OrderID: order, Cum: quantity, PositionID: p.ID, Buy: buy, SubscriptionID: subscription, Day: exchange.MustDate("2026-11-20")}
}

// charge books what a fill's fees are known to be, and says whether that was news.
func (r *room) charge(f Fee, total string) (changed bool) {
	r.t.Helper()
	f.Total = decimal.RequireFromString(total)
	r.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		_, changed, err = BookFee(ctx, tx, f)
		return err
	})
	return changed
}

func (r *room) figures(id uuid.UUID) string {
	r.t.Helper()
	p, outcome := r.at(id), "none"
	if p.Outcome != nil {
		outcome = string(*p.Outcome)
	}
	return fmt.Sprintf("cost %s, remains %s, realised %s, fees %s, %s", p.Ledger.CostBought.StringFixed(2), p.Ledger.RemainingCost.StringFixed(2),
		p.Ledger.Realized.StringFixed(2), p.Ledger.Fees.StringFixed(2), outcome)
}

// INV-15, INV-16: a fee that is known late is booked once. Of a buy it joins the cost
// of what remains, the rest is realised; of a sell it is realised, and may turn what
// counted as even into a loss.
func TestALateFeeIsBookedOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	bought := r.filled(p, true, 10, "3.00", nil)
	first := r.filled(p, false, 4, "3.00", nil)
	for _, step := range []struct {
		fee   Fee
		total string
		news  bool
		want  string
	}{
		{bought, "6.50", true, "cost 3006.50, remains 1803.90, realised -2.60, fees 6.50, none"},
		{bought, "6.50", false, "cost 3006.50, remains 1803.90, realised -2.60, fees 6.50, none"},
		{first, "2.60", true, "cost 3006.50, remains 1803.90, realised -5.20, fees 9.10, none"},
		{bought, "7.50", true, "cost 3007.50, remains 1804.50, realised -5.60, fees 10.10, none"}, // the broker corrects it
		{bought, "6.50", false, "cost 3007.50, remains 1804.50, realised -5.60, fees 10.10, none"},
	} {
		if news := r.charge(step.fee, step.total); news != step.news || r.figures(p.ID) != step.want {
			t.Errorf("%s in fees: news %v, then %s; want %s", step.total, news, r.figures(p.ID), step.want)
		}
	}
	last := r.filled(p, false, 6, "3.01683333", nil)
	r.charge(last, "3.90")
	if got := r.figures(p.ID); got != "cost 3007.50, remains 0.00, realised -3.90, fees 14.00, loss" {
		t.Errorf("after the close: %s", got)
	}
}

// A fee alone makes the difference between breaking even and losing.
func TestAFeeAfterTheCloseCorrectsTheOutcome(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	bought, sold := r.filled(p, true, 2, "1.00", nil), r.filled(p, false, 2, "1.00", nil)
	if got := r.figures(p.ID); got != "cost 200.00, remains 0.00, realised 0.00, fees 0.00, breakeven" {
		t.Fatalf("closed: %s", got)
	}
	r.charge(sold, "1.30")
	r.charge(bought, "1.30")
	if got := r.figures(p.ID); got != "cost 201.30, remains 0.00, realised -2.60, fees 2.60, loss" {
		t.Errorf("with its fees: %s", got)
	}
}

// INV-49: the fee of a copy's fill is the copy's, and lowers the day's result of copies.
func TestALateFeeOfACopyIsTheCopys(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p, ben := r.opened(), r.subscription("ben")
	copied := r.filled(p, true, 4, "2.00", &ben)
	r.filled(p, true, 4, "2.00", nil)
	exit := r.filled(p, false, 1, "2.50", &ben)
	r.charge(copied, "4.00")
	r.charge(exit, "0.50")
	var remaining, realized, day string
	err := r.db.Pool().QueryRow(t.Context(), `
		select h.remaining_cost::numeric(10,2), h.realized::numeric(10,2), (select sum(realized) from copy_results where trading_day = '2026-11-20')::numeric(10,2)
		from copy_holdings h where h.subscription_id = $1`, ben).Scan(&remaining, &realized, &day)
	if err != nil {
		t.Fatal(err)
	}
	if remaining != "603.00" || realized != "48.50" || day != "-1.50" {
		t.Errorf("the copy: %s remains, %s realised, %s on the day", remaining, realized, day)
	}
}

// A fee told in another currency is not taken for dollars: an operator is asked, once,
// and whatever is up for review already keeps its reason.
func TestAFeeInAnotherCurrencyIsNotBooked(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	p := r.opened()
	fee := r.filled(p, true, 2, "1.00", nil)
	fee.Foreign = "CAD"
	book := func() (changed bool) {
		r.in(func(ctx context.Context, tx pgx.Tx) (err error) {
			_, changed, err = BookFee(ctx, tx, fee)
			return err
		})
		return changed
	}
	if first, again := book(), book(); !first || again {
		t.Errorf("changed something: %v, then %v", first, again)
	}
	if now := r.at(p.ID); now.Review == nil || !strings.Contains(*now.Review, "CAD") || !now.Ledger.Fees.IsZero() || now.Ledger.CostBought.String() != "200" {
		t.Errorf("review %v, fees %s, cost %s", now.Review, now.Ledger.Fees, now.Ledger.CostBought)
	}
	r.exec(`update positions set review_reason = 'something else'`)
	if book() || *r.at(p.ID).Review != "something else" {
		t.Errorf("the review is now %q", *r.at(p.ID).Review)
	}
}
