package orders

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// publisher is somebody who publishes, with an account that trades.
func newPublisher(t *testing.T) *app {
	t.Helper()
	b := newBooker(t)
	b.must(`update users set role = 'trader' where id = $1`, b.user)
	b.must(`insert into account_looks (account_id, user_id) values ($1, $2)`, b.account, b.user)
	b.must(`alter table orders drop constraint orders_copy_has_decision`) // what decided about copies is not told here
	return &app{booker: b, began: time.Now().Add(-time.Hour).Truncate(time.Second)}
}

// works is an order of theirs that was sent, on the position there is.
func (a *app) works(side Side, source Source, n int) (id uuid.UUID) {
	a.t.Helper()
	return a.id(`insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price,
		time_in_force, source, state, estimated_cost, trading_day, send_before, sent_at, claim_token, deadline)
		values ($1, $2, $3, $4, $5, 'AAPL', 100, $6, 'Limit', 3.00, 'Day', $7, 'submitting', 0, $8, $9, $9, gen_random_uuid(), $9) returning id`,
		a.user, a.account, a.position, side, oneContract, n, source, a.desk.clock.Today(), a.began)
}

// reports is the broker's word on an order.
func (a *app) reports(order uuid.UUID, word snaptrade.Status, filled int, average string) {
	a.t.Helper()
	price := decimal.RequireFromString(average)
	a.act(func(ctx context.Context, tx pgx.Tx) error {
		return a.desk.bookIn(ctx, tx, order, report{BrokerOrderID: order.String(), Status: word, Filled: &filled, Average: &price, ExecutedAt: a.began}, booking{actor: byReconciler})
	})
}

func (a *app) act(do func(context.Context, pgx.Tx) error) {
	a.t.Helper()
	if err := a.desk.db.AsSystem(a.t.Context(), "test", do); err != nil {
		a.t.Fatal(err)
	}
}

// expires ends what is held for nothing.
func (a *app) expires() {
	a.t.Helper()
	a.act(func(ctx context.Context, tx pgx.Tx) error {
		p, _, err := positions.Pend(ctx, tx, a.position)
		if err != nil {
			return err
		}
		done, err := positions.End(ctx, tx, a.position, positions.Ending{Expired: p.Held(), Day: a.desk.clock.Today(), AsOf: time.Now()})
		if err != nil {
			return err
		}
		return a.desk.adjusted(ctx, tx, done)
	})
}

// told is what stands on the record, in its order.
func (a *app) told() (text string) {
	a.t.Helper()
	err := a.db.Pool().QueryRow(a.t.Context(), `
		select coalesce(string_agg(concat_ws(' ', e->>'kind', e->>'side', e->>'quantity', e->>'reason', e->>'result', e->>'realized'), ', ' order by seq), '')
		from record_entries, lateral (select entry::jsonb) x(e)`).Scan(&text)
	if err != nil {
		a.t.Fatal(err)
	}
	return text
}

// Whatever happens to a trade that was published stands on its trader's record when its
// transaction is over, by whatever way it is learnt.
func TestEverythingThatIsPublishedIsOnTheRecord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		story func(a *app)
		want  string
	}{
		"a fill in parts": {func(a *app) {
			order := a.works(BTO, Manual, 4)
			a.reports(order, snaptrade.StatusPartial, 1, "3.00")
			a.reports(order, snaptrade.StatusFilled, 4, "3.00")
		}, "fill BTO 1, fill BTO 3"},
		"an order that fills in part and is cancelled": {func(a *app) {
			order := a.works(BTO, Manual, 4)
			a.reports(order, snaptrade.StatusPartial, 1, "3.00")
			a.reports(order, snaptrade.StatusCancelled, 1, "3.00")
		}, "fill BTO 1"},
		"a close in parts": {func(a *app) {
			a.buys(4, a.began)
			order := a.works(STC, Manual, 4)
			a.reports(order, snaptrade.StatusPartial, 1, "4.00")
			a.reports(order, snaptrade.StatusFilled, 4, "4.00")
		}, "fill BTO 4, fill STC 1, fill STC 3, close win 400"},
		"a close in the broker's app": {func(a *app) {
			a.buys(2, a.began)
			a.sells("s", 10, 2, 2, "2.00")
			a.lists()
		}, "fill BTO 2, fill STC 2, close loss -200"},
		"sold, and closed when the buy that still worked ends": {func(a *app) {
			a.buys(2, a.began)
			more := a.works(BTO, Manual, 5)
			a.reports(more, snaptrade.StatusPending, 0, "0")
			a.reports(a.works(STC, Manual, 2), snaptrade.StatusFilled, 2, "4.00")
			a.reports(more, snaptrade.StatusCancelled, 0, "0")
		}, "fill BTO 2, fill STC 2, close win 200"},
		"sold, and closed when the buy turns out to be nowhere": {func(a *app) {
			a.buys(2, a.began)
			more := a.works(BTO, Manual, 5)
			a.must(`update orders set state = 'unknown', unknown_since = now(), claim_token = null where id = $1`, more)
			a.reports(a.works(STC, Manual, 2), snaptrade.StatusFilled, 2, "4.00")
			a.act(func(ctx context.Context, tx pgx.Tx) error {
				o, err := a.desk.lockBoth(ctx, tx, more)
				if err != nil {
					return err
				}
				return a.desk.endIn(ctx, tx, o, ending{to: NotPlaced, actor: byReconciler, reason: "looked for long enough"})
			})
		}, "fill BTO 2, fill STC 2, close win 200"},
		"a copy's sell ends it": {func(a *app) {
			a.buys(2, a.began)
			a.reports(a.works(STC, Copy, 2), snaptrade.StatusFilled, 2, "4.00")
		}, "fill BTO 2, close win 200"},
		"a worthless expiry": {func(a *app) {
			a.buys(2, a.began)
			a.expires()
		}, "fill BTO 2, expiry expired loss -600"},
		"contracts that left elsewhere": {func(a *app) {
			a.buys(10, a.began)
			a.holds(20, 7)
		}, "fill BTO 10, correction -3 external"},
		"all of them": {func(a *app) {
			a.buys(10, a.began)
			a.holds(20, 0)
		}, "fill BTO 10, correction -10 external, close unknown 0"},
		"a sale that is listed after its contracts were gone": {func(a *app) {
			a.buys(10, a.began)
			a.holds(11, 0)
			a.sells("s", 10, 10, 10, "4.00")
			a.lists()
		}, "fill BTO 10, correction -10 external, close unknown 0, fill STC 10, correction 10 explained, correction result win 1000"},
		"a fee that is told late": {func(a *app) {
			a.buys(1, a.began)
			sell := a.works(STC, Manual, 1)
			a.reports(sell, snaptrade.StatusFilled, 1, "3.00")
			fee := positions.Fee{OrderID: sell, Cum: 1, PositionID: a.position, Total: decimal.RequireFromString("0.65"), Day: a.desk.clock.Today()}
			for range 2 {
				if err := a.desk.bookFee(a.t.Context(), fee); err != nil {
					a.t.Fatal(err)
				}
			}
		}, "fill BTO 1, fill STC 1, close breakeven 0, correction result loss -0.65"},
		"nothing of who is no trader": {func(a *app) {
			a.must(`update users set role = 'subscriber'`)
			a.buys(2, a.began)
			a.reports(a.works(STC, Manual, 2), snaptrade.StatusFilled, 2, "4.00")
		}, ""},
		"nothing of copies": {func(a *app) {
			a.reports(a.works(BTO, Copy, 2), snaptrade.StatusFilled, 2, "3.00")
			a.reports(a.works(STC, Copy, 2), snaptrade.StatusFilled, 2, "4.00")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newPublisher(t)
			c.story(a)
			if got := a.told(); got != c.want {
				t.Errorf("the record tells %q, want %q", got, c.want)
			}
			a.sound()
		})
	}
}

// The words of a new fill carry the record's head as it was then.
func TestAnAlertCarriesTheHeadOfItsRecord(t *testing.T) {
	t.Parallel()
	a := newPublisher(t)
	a.buys(2, a.began)
	var alert, head string
	err := a.db.Pool().QueryRow(t.Context(), `select (select record from alerts), (select left(encode(head, 'hex'), 8) from record_heads)`).Scan(&alert, &head)
	if err != nil || alert != head {
		t.Errorf("the alert has %q, the record %q (%v)", alert, head, err)
	}
}
