package orders

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// app is an account that trades in its broker's app too: what its orders are, when they
// are listed, and what its holdings show.
type app struct {
	*booker

	began  time.Time
	orders []snaptrade.Order
}

// newApp holds ten contracts bought here for 3.00 each, an hour ago.
func newApp(t *testing.T) *app {
	t.Helper()
	b := newBooker(t)
	a := &app{booker: b, began: time.Now().Add(-time.Hour).Truncate(time.Second)}
	a.buys(10, a.began)
	b.must(`insert into account_looks (account_id, user_id) values ($1, $2) on conflict do nothing`, b.account, b.user)
	return a
}

// buys fills a purchase made here.
func (a *app) buys(n int, at time.Time) {
	a.t.Helper()
	price := decimal.RequireFromString("3.00")
	err := a.desk.db.AsSystem(a.t.Context(), byPlacer, func(ctx context.Context, tx pgx.Tx) error {
		c, err := exchange.ParseSymbol(oneContract)
		if err != nil {
			return err
		}
		p, err := positions.ForEntry(ctx, tx, positions.Opening{UserID: a.user, AccountID: a.account, Contract: c, Source: "manual"})
		if err != nil {
			return err
		}
		a.position = p.ID
		var id uuid.UUID
		err = tx.QueryRow(ctx, `insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price,
			time_in_force, source, state, estimated_cost, trading_day, send_before, sent_at, claim_token, deadline)
			values ($1, $2, $3, 'BTO', $4, 'AAPL', 100, $5, 'Limit', 3.00, 'Day', 'manual', 'submitting', 0, $6, $7, $7, gen_random_uuid(), $7) returning id`,
			a.user, a.account, p.ID, oneContract, n, a.desk.clock.Today(), at).Scan(&id)
		if err != nil {
			return err
		}
		return a.desk.bookIn(ctx, tx, id, report{
			BrokerOrderID: "own-" + at.Format(time.TimeOnly), Status: snaptrade.StatusFilled, Filled: &n, Average: &price, ExecutedAt: at,
		}, booking{actor: byReconciler})
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

// sells is a sale made in the app, some minutes after it began, of so many; filled less
// than that, it works on.
func (a *app) sells(id string, minutes, n, filled int, price string) {
	a.t.Helper()
	total, done, at := decimal.NewFromInt(int64(n)), decimal.NewFromInt(int64(filled)), a.began.Add(time.Duration(minutes)*time.Minute)
	average := decimal.RequireFromString(price)
	o := snaptrade.Order{
		ID: id, Option: true, Symbol: oneContract, Action: snaptrade.SellToClose, Status: snaptrade.StatusFilled, Type: snaptrade.TypeMarket,
		Total: &total, Filled: &done, AveragePrice: &average, PlacedAt: at, ExecutedAt: at.Add(time.Second),
	}
	if filled < n {
		o.Status = snaptrade.StatusPartial
	}
	for i := range a.orders {
		if a.orders[i].ID == id {
			o.PlacedAt = a.orders[i].PlacedAt
			a.orders[i] = o
			return
		}
	}
	a.orders = append(a.orders, o)
}

// lists is what a look sees: twice the same, as it comes.
func (a *app) lists() {
	a.t.Helper()
	for range 2 {
		account := brokers.Account{ID: a.account, UserID: a.user, CreatedAt: a.began.Add(-time.Hour), ListsOrders: true}
		list := snaptrade.OrderList{Orders: a.orders, AskedAt: time.Now()}
		if err := a.desk.apply(a.t.Context(), snaptrade.User{}, account, list); err != nil {
			a.t.Fatal(err)
		}
	}
}

// holds is what two readings of the holdings see, some minutes after it began: the
// second books what differs.
func (a *app) holds(minutes, n int) {
	a.t.Helper()
	a.must(`update orders set updated_at = $1`, a.began) // nothing changed lately
	c, err := exchange.ParseSymbol(oneContract)
	if err != nil {
		a.t.Fatal(err)
	}
	for i := range 2 {
		r := positions.Reading{AccountID: a.account, UserID: a.user, AsOf: a.began.Add(time.Duration(minutes+4*i) * time.Minute), Complete: true}
		if n > 0 {
			average := decimal.RequireFromString("3.00")
			r.Held = []positions.Held{{Contract: c, Quantity: n, Average: &average}}
		}
		if _, err := a.desk.held.Compare(a.t.Context(), r, a.desk.clock.Today(), a.desk.adjusted); err != nil {
			a.t.Fatal(err)
		}
	}
}

// figures are what the account's positions came to, oldest first.
func (a *app) figures() string {
	a.t.Helper()
	rows, err := a.db.Pool().Query(a.t.Context(), `
		select status || ' ' || bought || '-' || sold || ' realised ' || trim_scale(realized) || ' cost ' || trim_scale(remaining_cost)
			|| case when unpriced > 0 then ' unpriced ' || unpriced else '' end || case when review_reason is null then '' else ' review' end
		from positions where bought > 0 order by created_at, id`)
	if err != nil {
		a.t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		a.t.Fatal(err)
	}
	return strings.Join(lines, "; ")
}

// sound holds the database against the invariants about positions and track records.
func (b *booker) sound() {
	b.t.Helper()
	var statements []string
	for _, about := range []string{"positions", "record"} {
		text, err := os.ReadFile("../app/invariants/" + about + ".sql")
		if err != nil {
			b.t.Fatal(err)
		}
		statements = append(statements, strings.Split(string(text), "\n-- INV-")[1:]...)
	}
	for _, sql := range statements {
		name, sql, _ := strings.Cut(sql, "\n") // "14: A position is …"
		sql = strings.TrimSuffix(strings.TrimSpace(sql), ";")
		rows, err := b.db.Pool().Query(b.t.Context(), `select id || ' ' || why from (`+sql+`) broken`)
		if err != nil {
			b.t.Fatal(err)
		}
		broken, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(broken) > 0 {
			b.t.Errorf("INV-%s: %v %v", name, broken, err)
		}
	}
}

// A sale made in the broker's app comes by its list and by its holdings, in any order,
// in parts and more than once: it is in the books once, with what it brought.
func TestASaleInTheAppIsBookedOnceHoweverItIsLearnt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		story func(a *app)
		want  string
		sales int // orders found
	}{
		"listed, then gone from the holdings": {func(a *app) {
			a.sells("s", 10, 3, 3, "4.00")
			a.lists()
			a.holds(20, 7)
		}, "open 10-3 realised 300 cost 2100", 1},
		"gone from the holdings, then listed": {func(a *app) {
			a.sells("s", 10, 3, 3, "4.00")
			a.holds(11, 7)
			a.lists()
			a.holds(20, 7)
		}, "open 10-3 realised 300 cost 2100", 1},
		"gone, and never listed": {func(a *app) {
			a.holds(11, 7)
			a.lists()
		}, "open 10-3 realised 0 cost 2100 unpriced 3 review", 0},
		"all of it gone, then listed": {func(a *app) {
			a.sells("s", 10, 10, 10, "4.00")
			a.holds(11, 0)
			a.lists()
			a.holds(20, 0)
		}, "closed 10-10 realised 1000 cost 0", 1},
		"half of it seen gone, then listed": {func(a *app) {
			a.sells("s", 10, 3, 3, "4.00")
			a.holds(11, 8)
			a.lists()
			a.holds(20, 7)
		}, "open 10-3 realised 300 cost 2100", 1},
		"more gone than it sold": {func(a *app) {
			a.sells("s", 10, 3, 3, "4.00")
			a.holds(11, 5)
			a.lists()
			a.holds(20, 5)
		}, "open 10-5 realised 300 cost 1500 unpriced 2 review", 1},
		"listed while it works, then whole": {func(a *app) {
			a.sells("s", 10, 3, 1, "4.00")
			a.holds(11, 9)
			a.lists()
			a.sells("s", 25, 3, 3, "4.00")
			a.lists()
			a.holds(30, 7)
		}, "open 10-3 realised 300 cost 2100", 1},
		"gone as it filled in parts, then listed whole": {func(a *app) {
			a.sells("s", 10, 3, 1, "4.00")
			a.holds(11, 9)
			a.sells("s", 17, 3, 3, "4.00")
			a.holds(18, 7)
			a.lists()
			a.holds(30, 7)
		}, "open 10-3 realised 300 cost 2100", 1},
		"two sales gone at once, listed apart": {func(a *app) {
			a.sells("first", 10, 3, 3, "4.00")
			a.holds(12, 5)
			a.lists()
			a.sells("second", 11, 2, 2, "5.00")
			a.lists()
			a.holds(20, 5)
		}, "open 10-5 realised 700 cost 1500", 2},
		"two sales gone one after the other, listed the other way round": {func(a *app) {
			a.holds(11, 7)
			a.sells("second", 20, 2, 2, "5.00")
			a.holds(21, 5)
			a.lists()
			a.sells("first", 10, 3, 3, "4.00")
			a.lists()
			a.holds(30, 5)
		}, "open 10-5 realised 700 cost 1500", 2},
		"moved elsewhere, and a later sale": {func(a *app) {
			a.holds(11, 7)
			a.sells("s", 20, 2, 2, "5.00")
			a.lists()
			a.holds(30, 5)
		}, "open 10-5 realised 400 cost 1500 unpriced 3 review", 1},
		"gone, bought anew, then listed": {func(a *app) {
			a.sells("s", 10, 10, 10, "4.00")
			a.holds(11, 0)
			a.buys(2, a.began.Add(20*time.Minute))
			a.lists()
			a.holds(30, 2)
		}, "closed 10-10 realised 1000 cost 0; open 2-0 realised 0 cost 600", 1},
		"gone and working on while it is bought anew, listed whole in the end": {func(a *app) {
			a.sells("s", 10, 12, 10, "4.00")
			a.holds(11, 0)
			a.buys(2, a.began.Add(20*time.Minute))
			a.lists() // it waits: it works, and what it sold is not of the open position
			a.sells("s", 10, 12, 10, "4.00")
			a.orders[0].Status = snaptrade.StatusCancelled
			a.lists()
			a.holds(30, 2)
		}, "closed 10-10 realised 1000 cost 0; open 2-0 realised 0 cost 600", 1},
		"sold before anything was bought here": {func(a *app) {
			a.sells("s", -20, 3, 3, "4.00")
			a.holds(11, 7)
			a.lists()
			a.holds(30, 7)
		}, "open 10-3 realised 0 cost 2100 unpriced 3 review", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			c.story(a)
			if got := a.figures(); got != c.want {
				t.Errorf("came to %s; want %s", got, c.want)
			}
			if n := a.count(`select count(*) from orders where source = 'detected'`); n != c.sales {
				t.Errorf("%d sales were found, want %d", n, c.sales)
			}
			a.sound()
		})
	}
}

// The same of a sell of our own that counted as cancelled, whose fill is reported after
// holdings took its contracts away (T13).
func TestALateFillOfOurOwnExplainsWhatIsGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gone int // contracts left in the holdings
		want string
	}{
		"as much as it filled": {7, "open 10-3 realised 300 cost 2100"},
		"less":                 {9, "open 10-3 realised 300 cost 2100"},
		"nothing":              {10, "open 10-3 realised 300 cost 2100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t)
			sell := a.order(STC, Cancelled, 0)
			a.must(`update orders set broker_order_id = 'ours', finished_at = now(), trading_day = $2 where id = $1`, sell, a.desk.clock.Today())
			a.must(`insert into order_broker_ids (account_id, broker_order_id, order_id, user_id) values ($1, 'ours', $2, $3)`, a.account, sell, a.user)
			a.holds(11, c.gone)
			filled, price := 3, decimal.RequireFromString("4.00")
			for range 2 {
				late := report{BrokerOrderID: "ours", Status: snaptrade.StatusCancelled, Filled: &filled, Average: &price, ExecutedAt: a.began.Add(10 * time.Minute)}
				if err := a.desk.book(t.Context(), sell, late, booking{actor: byReconciler}); err != nil {
					t.Fatal(err)
				}
			}
			if got := a.figures(); got != c.want {
				t.Errorf("came to %s; want %s", got, c.want)
			}
			if o := a.read(sell); o.Cum != 3 || o.Review == nil {
				t.Errorf("the order filled %d, review %v", o.Cum, o.Review)
			}
			a.sound()
		})
	}
}

// What was copied of the contracts that left has its part of what they brought, own ones
// first: as if the sale had been listed before.
func TestAnExplainedSaleGivesCopiesTheirPart(t *testing.T) {
	t.Parallel()
	results := map[string]string{}
	for _, order := range []string{"listed first", "gone first"} {
		a := newApp(t)
		trader := a.id(`insert into users (username, name) values ('ben', 'Ben') returning id`)
		subscription := a.id(`insert into subscriptions (follower_id, trader_id) values ($1, $2) returning id`, a.user, trader)
		a.must(`insert into copy_holdings (subscription_id, position_id, user_id, bought, remaining_cost) values ($1, $2, $3, 6, 1800)`,
			subscription, a.position, a.user)
		a.sells("s", 10, 7, 7, "4.10")
		if order == "listed first" {
			a.lists()
		}
		a.holds(11, 3)
		a.lists()
		results[order] = a.figures() + fmt.Sprint(a.copies())
		a.sound()
	}
	if results["gone first"] != results["listed first"] || !strings.Contains(results["listed first"], "330") {
		t.Errorf("gone first: %s; listed first: %s", results["gone first"], results["listed first"])
	}
}

// copies are what is held of copies, and the day's result of them.
func (a *app) copies() (line string) {
	a.t.Helper()
	err := a.db.Pool().QueryRow(a.t.Context(), `
		select h.bought || '-' || h.sold || ' cost ' || trim_scale(h.remaining_cost) || ' realised ' || trim_scale(h.realized) || ', on the day '
			|| (select trim_scale(sum(realized)) from copy_results) || ' ' || (select trim_scale(sum(realized)) from copy_day_results)
		from copy_holdings h`).Scan(&line)
	if err != nil {
		a.t.Fatal(err)
	}
	return line
}
