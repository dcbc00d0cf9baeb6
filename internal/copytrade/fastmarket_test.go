package copytrade

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/orders"
)

var (
	signalsFlag = flag.Int("signals", 12, "how many signals the fast market has, or more until each kind of copy has filled")
	marketFlag  = flag.Uint64("market", 1, "the seed of the fast market")
)

// fastMarket is a contract whose price runs away between any two things that happen.
type fastMarket struct {
	*brokerFloor
	dice *rand.Rand
	mid  decimal.Decimal
}

// jump moves the price by up to a third either way, and its spread with it.
func (f *fastMarket) jump() {
	f.Helper()
	f.mid = f.mid.Mul(decimal.New(67+f.dice.Int64N(83), -2)) // 67 % to 149 %
	f.mid = decimal.Min(decimal.Max(f.mid, decimal.New(12, -2)), decimal.New(9, 0))
	f.quoteNow()
}

func (f *fastMarket) quoteNow() {
	f.Helper()
	half := decimal.Max(f.mid.Mul(decimal.New(f.dice.Int64N(25), -2)), decimal.New(1, -2))
	tick := decimal.New(1, -2)
	if f.mid.GreaterThan(decimal.New(3, 0)) {
		tick = decimal.New(5, -2)
	}
	bid := f.mid.Sub(half).Div(tick).Floor().Mul(tick)
	f.pin(decimal.Max(bid, tick).StringFixed(2), decimal.Max(bid, tick).Add(tick).Add(half).Div(tick).Ceil().Mul(tick).StringFixed(2))
}

// settle lets the broker work what rests at several prices, and the program see it.
func (f *fastMarket) settle() {
	f.Helper()
	for range 2 {
		f.jump()
		f.must(f.world.Step())
	}
	f.lists()
}

// unlimited lets somebody trade as much as the test wants: what is compared is prices.
func (f *floor) unlimited(user uuid.UUID) {
	f.Helper()
	f.exec(`insert into risk_limits (user_id, kind, granted, granted_at)
		select $1, unnest(array['manualPremium', 'copyPremium', 'dayPremium', 'dayCopyPremium', 'dayCopyLoss']), 100000000, now()`, user)
	f.exec(`update accounts set cash = 100000000, buying_power = 100000000 where user_id = $1`, user)
}

// compared is a copy beside what it follows, with exact decimals.
type compared struct {
	What        string
	Side        orders.Side
	Type        string
	Leader      decimal.Decimal // what the trader's own order filled at, by the fills
	Slippage    decimal.Decimal // percent that the follower allows
	Limit       decimal.NullDecimal
	Paid        decimal.NullDecimal // per share, by the fills
	BrokerOrder *string
	Ask         decimal.NullDecimal
}

// worst is the worst price the copy may have: dearer by the larger of the follower's
// slippage and $0.05 (nothing at 0 %), or cheaper by the larger of 10 % and $0.05.
func (c compared) worst() decimal.Decimal {
	five := decimal.RequireFromString("0.05")
	percent := func(p decimal.Decimal) decimal.Decimal { return c.Leader.Mul(p).Shift(-2) }
	switch {
	case c.Side == orders.STC:
		return c.Leader.Sub(decimal.Max(percent(decimal.NewFromInt(10)), five))
	case c.Slippage.IsZero():
		return c.Leader
	}
	return c.Leader.Add(decimal.Max(percent(c.Slippage), five))
}

func (c compared) worse(price decimal.Decimal) bool {
	if c.Side == orders.STC {
		return price.LessThan(c.worst())
	}
	return price.GreaterThan(c.worst())
}

const copiesBesideTheirLeader = `
	select case when c.paper then 'paper ' else '' end || u.username || ' ' || c.side || ' ' || c.decided_at, c.side, e.type,
		(select sum(f.notional) / sum(f.quantity) from fills f where f.order_id = c.leader_order_id), s.max_slippage_percent, e.limit_price, e.paid, e.broker, null::numeric
	from copy_decisions c join users u on u.id = c.user_id join subscriptions s on s.id = c.subscription_id
	join (select o.decision_id, o.order_type as type, o.limit_price, o.broker_order_id as broker,
			(select sum(f.notional) / sum(f.quantity) from fills f where f.order_id = o.id) as paid
		from orders o where o.decision_id is not null
		union all select decision_id, 'Paper', null, null, price from paper_fills where decision_id is not null) e on e.decision_id = c.id
	order by c.decided_at, u.username`

// However fast the market runs, no copy is offered or made at a price worse than the
// trader's by more than its follower allows: in the order's limit, in what the broker
// filled, and on paper. A market order has no such limit; it is sent only while less
// is asked.
func TestNoCopyIsFurtherFromTheTraderThanAllowed(t *testing.T) {
	t.Parallel()
	f := &fastMarket{brokerFloor: openBrokered(t), dice: rand.New(rand.NewPCG(*marketFlag, 0)), mid: decimal.New(2, 0)}
	f.unlimited(f.trader)
	for i, slippage := range []string{"0", "0.5", "2", "5", "12.5", "40", "100"} {
		w := f.brokerFloor.follower(name(i))
		f.set(w, "max_slippage_percent", slippage)
		f.set(w, "same_contract", "add")
		f.unlimited(w.id)
	}
	atMarket := f.brokerFloor.follower("market_buyer")
	f.set(atMarket, "order_type", "market")
	f.unlimited(atMarket.id)
	onPaper := f.onPaper("on_paper", true)
	f.exec(`update subscriptions set max_daily_trades = 100, max_spread_percent = 200 where id = $1`, onPaper.subscription)
	f.unlimited(onPaper.id)

	for n := 0; n < *signalsFlag || n < 6**signalsFlag && len(f.unproven()) > 0; n++ {
		f.signal()
	}
	copies := f.copies()
	for _, c := range copies {
		f.judge(c)
	}
	t.Logf("%d copies; %s", len(copies), f.reasonsGiven())
	for _, kind := range f.unproven() {
		t.Errorf("no %s filled, so nothing is proven of them", kind)
	}
}

func (f *fastMarket) copies() []compared {
	f.Helper()
	rows, err := f.db.Pool().Query(f.ctx, copiesBesideTheirLeader)
	f.must(err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[compared])
	f.must(err)
	return list
}

// unproven are the kinds of copies of which none has filled yet: when prices run away,
// that is luck.
func (f *fastMarket) unproven() []string {
	f.Helper()
	filled := map[string]bool{}
	for _, c := range f.copies() {
		filled[string(c.Side)+" "+c.Type] = filled[string(c.Side)+" "+c.Type] || c.Paid.Valid
	}
	return slices.DeleteFunc([]string{"BTO Limit", "STC Limit", "BTO Paper", "STC Paper", "BTO Market"}, func(kind string) bool { return filled[kind] })
}

// signal is one trade of ava's and all that follows: she buys at the market or sells a
// part or all of what she holds, and the price runs away before every copy.
func (f *fastMarket) signal() {
	f.Helper()
	f.exec(`update copy_decisions set decided_at = decided_at - interval '1 second'`)
	held := read[int](f.floor, `select coalesce(sum(bought - sold), 0)::int from positions where user_id = $1 and status = 'open'`, f.trader)
	line := orders.LineOf(orders.BTO, 2+f.dice.IntN(4), f.contract(), nil)
	if held > 0 && f.dice.IntN(2) == 0 {
		line = orders.LineOf(orders.STC, 1+f.dice.IntN(held), f.contract(), nil)
	}
	f.jump()
	f.places(f.trader, line)
	f.works(f.jump)
	f.settle()
	f.settle()
}

// judge holds one copy against what its follower allows, and against the broker's book.
func (f *fastMarket) judge(c compared) {
	f.Helper()
	if c.Limit.Valid && c.worse(c.Limit.Decimal) {
		f.Errorf("%s: the limit is %s, the trader's price %s, the worst allowed %s", c.What, c.Limit.Decimal, c.Leader, c.worst())
	}
	if !c.Paid.Valid {
		return
	}
	if c.Type != "Market" && c.worse(c.Paid.Decimal) {
		f.Errorf("%s: filled at %s, the trader's price %s, the worst allowed %s", c.What, c.Paid.Decimal, c.Leader, c.worst())
	}
	if c.BrokerOrder == nil {
		return
	}
	row, known := f.world.Order(*c.BrokerOrder)
	if !known || row.AveragePrice == nil || !decimal.RequireFromString(*row.AveragePrice).Equal(c.Paid.Decimal) {
		f.Errorf("%s: filled at %s, the broker's book has %+v", c.What, c.Paid.Decimal, row)
	}
}

func (f *floor) reasonsGiven() string {
	f.Helper()
	return read[string](f, `select coalesce(string_agg(why || ' ' || n, ', ' order by why), '') from (
		select side || ' ' || concat_ws(' ', result, reason) as why, count(*) as n from copy_decisions group by 1) x`)
}

func (f *floor) contract() exchange.Contract {
	f.Helper()
	c, err := exchange.ParseSymbol(symbol)
	f.must(err)
	return c
}

// A market order has no price of its own, so it is the ask that is held against the
// follower's slippage: when its order is written, and again when it is sent.
func TestAMarketCopyIsSentOnlyNearTheTradersPrice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ bought, written, sent, want, traded string }{
		"the market stands still":        {"2.00", "2.00", "2.00", "executed", "BUY 4 EXECUTED"},
		"5 % and not a cent more":        {"2.00", "2.10", "2.10", "executed", "BUY 4 EXECUTED"},
		"it had run away when written":   {"2.00", "2.11", "2.11", "skipped: max_slippage", ""},
		"it runs away before it is sent": {"2.00", "2.00", "2.11", "skipped: max_slippage", ""},
		"five cents are always allowed":  {"0.40", "0.45", "0.45", "executed", "BUY 4 EXECUTED"},
		"six cents are more than 5 %":    {"0.40", "0.46", "0.46", "skipped: max_slippage", ""},
		"cheaper is never too far":       {"2.00", "1.10", "0.60", "executed", "BUY 4 EXECUTED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openBrokered(t)
			w := f.follower("ben")
			f.set(w, "order_type", "market")
			asks := func(price string) { f.pin("0.35", price) }
			asks(c.bought)
			f.places(f.trader, orders.LineOf(orders.BTO, 4, f.contract(), nil))
			f.works(func() {
				switch read[string](f.floor, `select coalesce(min(case when source = 'copy' then 'copy' when state = 'filled' then 'filled' end), 'new') from orders`) {
				case "filled":
					asks(c.written)
				case "copy":
					asks(c.sent)
				}
			})
			if got := f.reason(w); got != c.want || f.traded(w.id) != c.traded {
				t.Errorf("%s, at the broker %q; want %s and %q", got, f.traded(w.id), c.want, c.traded)
			}
		})
	}
}
