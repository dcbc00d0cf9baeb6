package orders

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// booker is a shelf with a desk that books what brokers say; it asks none itself.
type booker struct {
	*shelf
	desk *Desk
}

func newBooker(t *testing.T) *booker {
	t.Helper()
	return bookerOn(t, newShelf(t), nil)
}

// bookerKey seals what a booker keeps secret.
const bookerKey = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// bookerOn is a booker with a way to SnapTrade.
func bookerOn(t *testing.T, s *shelf, client *snaptrade.Client) *booker {
	t.Helper()
	queue, err := postgres.NewQueue(s.db)
	if err != nil {
		t.Fatal(err)
	}
	gate, err := billing.New(billing.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clock := exchange.NewClock(time.Now)
	clock.Set(exchange.ClockState{AlwaysOpen: true})
	log := slog.New(slog.DiscardHandler)
	ring, err := secret.ParseRing(secret.New(bookerKey))
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := brokers.New(brokers.Options{DB: s.db, Client: client, Ring: ring, AppURL: "https://app.example", Now: time.Now, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	s.must(`update accounts set can_trade = true, selected = true`)
	return &booker{s, New(Options{
		Accounts: accounts, Broker: client, LookUpTime: time.Minute, // a busy machine answers late
		DB: s.db, Queue: queue, Rules: risk.New(s.db, clock, risk.Defaults(), time.Now), Gate: gate, Clock: clock, Now: time.Now, Logger: log,
		Alerts: alerts.New(alerts.Options{DB: s.db, AppURL: "https://app.example", Now: time.Now, Logger: log}),
	})}
}

// limitOrder is an order that works at the broker as "first", at 3.40, counted on its day.
func (b *booker) limitOrder(side Side, quantity, cum int) uuid.UUID {
	b.t.Helper()
	state := Accepted
	if cum > 0 {
		state = Partial
	}
	if side == STC {
		b.must(`update positions set bought = $2::int, sold = $3::int, sell_reserved = $4, cost_bought = $2::int * 200, remaining_cost = ($2::int - $3::int) * 200 where id = $1`,
			b.position, 10, cum, quantity-cum)
	}
	id := b.id(`insert into orders (user_id, account_id, position_id, side, symbol, underlying, multiplier, quantity, order_type, limit_price,
		time_in_force, source, state, cum, cum_notional, broker_order_id, estimated_cost, trading_day, send_before, sent_at)
		values ($1, $2, $3, $4, $5, 'AAPL', 100, $6::int, 'Limit', 3.40, 'Day', 'manual', $7, $8::int, $8::int * 3.40, 'first', $6::int * 340, $9, now(), now())
		returning id`, b.user, b.account, b.position, side, oneContract, quantity, state, cum, b.desk.clock.Today())
	b.must(`insert into order_broker_ids (account_id, broker_order_id, order_id, user_id, cum, cum_notional) values ($1, 'first', $2, $3, $4::int, $4::int * 3.40)`,
		b.account, id, b.user, cum)
	if side == BTO {
		b.must(`insert into day_counters (user_id, trading_day, kind, used) values ($1, $2, 'premium', $3)`, b.user, b.desk.clock.Today(), quantity*340)
	}
	return id
}

// change lets an order stand in the midst of being replaced.
func (b *booker) change(order uuid.UUID, state ChangeState, quantity int, limit string) {
	b.t.Helper()
	b.must(`insert into order_changes (order_id, user_id, account_id, symbol, side, state, quantity, limit_price, units, old_broker_id,
		trading_day, send_before, sent_at, deadline)
		select id, user_id, account_id, symbol, side, $2, $3::int, $4::numeric, $3::int - cum, broker_order_id, $5, now(), now(), now() + interval '45 seconds'
		from orders where id = $1`, order, state, quantity, limit, b.desk.clock.Today())
}

func (b *booker) read(id uuid.UUID) Order {
	b.t.Helper()
	o, err := read(b.t.Context(), b.db.Pool(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return o
}

// adopts lets the order go on as a broker's order.
func (b *booker) adopts(id uuid.UUID, l snaptrade.Order) Order {
	b.t.Helper()
	o := b.read(id)
	s := succession{change: o.Change, booking: booking{actor: byReconciler}}
	if !o.Change.Open() {
		s = succession{replaced: *o.BrokerOrderID, booking: s.booking}
	}
	if err := b.desk.adoptSuccessor(b.t.Context(), id, s, l); err != nil {
		b.t.Fatal(err)
	}
	return b.read(id)
}

func (b *booker) count(sql string, args ...any) (n int) {
	b.t.Helper()
	if err := b.db.Pool().QueryRow(b.t.Context(), sql, args...).Scan(&n); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func successor(id string, total int64, price string) snaptrade.Order {
	p := decimal.RequireFromString(price)
	return snaptrade.Order{ID: id, Status: snaptrade.StatusPending, Type: snaptrade.TypeLimit, Total: contractsOf(total), LimitPrice: &p}
}

// INV-23: a cancel asked for while an order is replaced is asked of its successor,
// whoever replaced it.
func TestACancelFollowsAnOrderToItsSuccessor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ ours, asked bool }{
		"our change":                        {true, true},
		"the broker's app":                  {false, true},
		"our change, nobody asks to cancel": {true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			id := b.limitOrder(BTO, 5, 0)
			if c.ours {
				b.change(id, ChangeUnknown, 5, "3.50")
			}
			want := 0
			if c.asked {
				b.must(`update orders set cancel_requested_at = now(), cancel_sent_at = now() where id = $1`, id)
				want = 1
			}
			if o := b.adopts(id, successor("second", 5, "3.50")); *o.BrokerOrderID != "second" || o.State != Accepted {
				t.Fatalf("the order is %+v", o)
			}
			if n := b.count(`select count(*) from river_job j join orders o on o.id = (j.args->>'order_id')::uuid
				where j.kind = 'order_cancel' and o.cancel_sent_at is null`); n != want {
				t.Errorf("%d bells for a cancel that may be sent, want %d", n, want)
			}
		})
	}
}

// A cancel that nobody rings for any more is found by the next look that shows the order
// live, and so is one that the broker lost; one that was asked for or sent a moment ago is
// left alone.
func TestALostCancelIsFoundByTheNextLook(t *testing.T) {
	t.Parallel()
	const lost = `cancel_requested_at = now() - interval '1 minute', cancel_sent_at = now() - interval '50 seconds'`
	for name, c := range map[string]struct {
		set   string
		shown []snaptrade.Order
		want  int
	}{
		"its bell is lost":          {`cancel_requested_at = now() - interval '1 minute'`, []snaptrade.Order{{ID: "first", Status: snaptrade.StatusPending}}, 1},
		"the broker lost it":        {lost, []snaptrade.Order{{ID: "first", Status: snaptrade.StatusPending}}, 1},
		"the look shows it ended":   {lost, []snaptrade.Order{{ID: "first", Status: snaptrade.StatusCancelled}}, 0},
		"the look does not show it": {lost, []snaptrade.Order{{ID: "another", Status: snaptrade.StatusPending}}, 0},
		"the look shows nothing":    {lost, nil, 0},
		"asked for just now":        {`cancel_requested_at = now()`, []snaptrade.Order{{ID: "first", Status: snaptrade.StatusPending}}, 0},
		"sent just now":             {`cancel_requested_at = now() - interval '1 minute', cancel_sent_at = now()`, []snaptrade.Order{{ID: "first", Status: snaptrade.StatusPending}}, 0},
		"nobody asked for one":      {`updated_at = now()`, []snaptrade.Order{{ID: "first", Status: snaptrade.StatusPending}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			id := b.limitOrder(BTO, 5, 0)
			b.must(`update orders set `+c.set+` where id = $1`, id)
			if err := b.desk.repeatCancels(t.Context(), b.account, time.Now(), c.shown...); err != nil {
				t.Fatal(err)
			}
			if n := b.count(`select count(*) from river_job where kind = 'order_cancel'`); n != c.want {
				t.Errorf("%d bells, want %d", n, c.want)
			}
		})
	}
}

// used is what a day has counted of a kind.
func (b *booker) used(day exchange.Date, kind string) (used decimal.Decimal) {
	b.t.Helper()
	err := b.db.Pool().QueryRow(b.t.Context(), `
		select coalesce(sum(used), 0) from day_counters where user_id = $1 and trading_day = $2 and kind = $3`, b.user, day, kind).Scan(&used)
	if err != nil {
		b.t.Fatal(err)
	}
	return used
}

// R13: what an entry has bought stays counted, whatever becomes of the rest of it.
func TestReplacingTheRestOfAnEntryGivesBackNothingSpent(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	id := b.limitOrder(BTO, 50, 45) // 17,000 counted, 15,300 of it spent
	b.change(id, ChangeUnknown, 50, "0.05")
	want := decimal.NewFromInt(15_325)
	o := b.adopts(id, successor("second", 5, "0.05"))
	if used := b.used(b.desk.clock.Today(), risk.DayPremium); !used.Equal(want) || !o.EstimatedCost.Equal(want) {
		t.Errorf("the day has %s used, the order counts %s; want %s", used, o.EstimatedCost, want)
	}
}

// Each day gets back what it counted and was not used: the day of the change its
// increase, that of the order the rest; and of a copy, in both of its counters.
func TestWhatAnEntryDoesNotUseGoesBackToItsDays(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	id := b.limitOrder(BTO, 5, 0) // 1,700
	today := b.desk.clock.Today()
	yesterday := today.AddDays(-1)
	b.must(`alter table orders drop constraint orders_copy_has_decision`)
	b.must(`update orders set trading_day = $2, source = 'copy' where id = $1`, id, yesterday)
	b.change(id, ChangeUnknown, 5, "4.40")
	b.must(`update order_changes set cost_increase = 500`)
	b.must(`delete from day_counters`)
	for _, kind := range []string{risk.DayPremium, risk.DayCopyPremium} {
		b.must(`insert into day_counters (user_id, trading_day, kind, used) values ($1, $2, $4, 1700), ($1, $3, $4, 500)`, b.user, yesterday, today, kind)
	}
	b.adopts(id, successor("second", 2, "4.40")) // 880
	for _, kind := range []string{risk.DayPremium, risk.DayCopyPremium} {
		if now, before := b.used(today, kind), b.used(yesterday, kind); !now.IsZero() || !before.Equal(decimal.NewFromInt(880)) {
			t.Errorf("%s: %s on the day of the change, %s on that of the order", kind, now, before)
		}
	}
}

// A limit that is full already keeps nobody from asking for less; whoever asks for
// more is held to it.
func TestAFullLimitForbidsNobodyToTakeLess(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	o := b.read(b.limitOrder(BTO, 200, 100)) // R4 allows 100 now, R13 50,000 dollars, R5 25,000
	a, err := b.desk.accounts.ByID(t.Context(), b.account)
	if err != nil {
		t.Fatal(err)
	}
	power, at := money.Amount{}, time.Now()
	a.BuyingPower, a.BalanceAt = &power, &at
	for name, c := range map[string]struct {
		quantity int
		limit    string
		code     string
	}{
		"fewer":                     {150, "3.40", ""},
		"fewer, at a better price":  {150, "3.45", ""},
		"the same, for less":        {200, "3.30", ""},
		"more":                      {201, "3.40", "risk_contracts"},
		"more, for less":            {201, "3.30", "risk_contracts"},
		"the same, for more":        {200, "3.50", "risk_contracts"},
		"fewer, at no price at all": {150, "3.421", "risk_price"},
	} {
		dr := changeDraft{account: a, facts: risk.Facts{Entry: true, Contract: o.Contract, Quantity: c.quantity, Limit: limited(c.limit)}}
		ch := b.desk.newChange(o, c.quantity, limited(c.limit))
		err := b.desk.db.As(t.Context(), b.user, func(ctx context.Context, tx pgx.Tx) error { return b.desk.mayChange(ctx, tx, o, &ch, dr) })
		if (err == nil) != (c.code == "") || err != nil && fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
}

// A sell of five, two filled, was to become one of seven, and nobody knows whether the
// broker made it so under its own id. What a look shows decides, and loses no fill.
func TestFillsOfAnOrderChangedInPlaceAreKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status        snaptrade.Status
		filled, total int64 // total 0: the broker does not say
		state         State
		quantity, cum int
		change        ChangeState
		reserved      int
	}{
		"five of seven are filled": {snaptrade.StatusPartial, 5, 7, Partial, 7, 5, ChangeDone, 2},
		"all seven are":            {snaptrade.StatusFilled, 7, 7, Filled, 7, 7, ChangeDone, 0},
		"five of the old five are": {snaptrade.StatusFilled, 5, 5, Filled, 5, 5, ChangeFailed, 0},
		"five of nobody knows":     {snaptrade.StatusPartial, 5, 0, Partial, 5, 2, ChangeUnknown, 5},
		"four of the old five are": {snaptrade.StatusPartial, 4, 5, Partial, 5, 4, ChangeUnknown, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBooker(t)
			id := b.limitOrder(STC, 5, 2)
			b.change(id, ChangeUnknown, 7, "3.40")
			b.must(`update positions set sell_reserved = 5`)
			price := decimal.RequireFromString("3.40")
			l := snaptrade.Order{
				ID: "first", Status: c.status, Option: true, Symbol: oneContract, Action: snaptrade.SellToClose, Type: snaptrade.TypeLimit,
				LimitPrice: &price, AveragePrice: &price, Filled: contractsOf(c.filled),
			}
			if c.total > 0 {
				l.Total = contractsOf(c.total)
			}
			a := brokers.Account{ID: b.account, ListsOrders: true}
			if err := b.desk.apply(t.Context(), snaptrade.User{}, a, snaptrade.OrderList{Orders: []snaptrade.Order{l}, AskedAt: time.Now()}); err != nil {
				t.Fatal(err)
			}
			o, reserved := b.read(id), b.count(`select sell_reserved from positions where id = $1`, b.position)
			if o.State != c.state || o.Quantity != c.quantity || o.Cum != c.cum || o.Change.State != c.change || reserved != c.reserved || o.Review != nil {
				t.Errorf("%s, %d of %d, its change %s, %d reserved, review %v", o.State, o.Cum, o.Quantity, o.Change.State, reserved, o.Review)
			}
		})
	}
}
