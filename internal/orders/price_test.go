package orders

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/risk"
)

// priced is a price in hundredths of a cent, and whether an order may have it: R7 a
// second time, in whole numbers.
type priced struct {
	text  string
	legal bool
}

// somePrice lies at one of the places where R7 changes its mind, or anywhere near.
func somePrice(r *rand.Rand, pennies bool) priced {
	step := [...]int64{500, 500, 100, 100, 1}[r.IntN(5)]
	n := [...]int64{0, 30_000, 100_000_000, 50_000}[r.IntN(4)] + step*(r.Int64N(61)-30)
	whole := n > 0 && n <= 100_000_000 && n%100 == 0
	return priced{decimal.New(n, -4).String(), whole && (pennies || n < 30_000 || n%500 == 0)}
}

// R7, as a property: no order is ever written whose limit or stop is not a legal one,
// and every other one is.
func TestNoOrderIsWrittenAtAnIllegalPrice(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	limits := risk.Defaults()
	limits.EntriesPerMinute, limits.PlatformEntriesPerMinute = 100_000, 100_000
	limits.ManualPremium, limits.DayPremium = money.MustAmount("1000000000"), money.MustAmount("1000000000")
	b.desk.rules = risk.New(b.db, b.desk.clock, limits, time.Now)
	b.desk.market = market.New(market.Options{DB: b.db, Clock: b.desk.clock}) // off: no quote, so no collar
	b.must(`update accounts set cash = 1000000000, buying_power = 1000000000, balance_at = now() + interval '1 hour'`)
	const seed = 7
	dice, written := rand.New(rand.NewPCG(seed, 0)), 0
	for i := range 250 {
		underlying := [...]string{"AAPL", "SPY"}[i%2]
		r, legal := b.request(dice, underlying, [...]Type{Limit, Stop, StopLimit, StopLimit}[dice.IntN(4)])
		key := Key{Text: fmt.Sprintf("a price, number %06d", i), Body: []byte(fmt.Sprint(i))}
		_, err := b.desk.Place(t.Context(), b.user, key, r)
		if (err == nil) != legal {
			t.Errorf("seed %d, %d: a %s order of %s with limit %v and stop %v: %v, want it written %v",
				seed, i, r.OrderType, underlying, r.LimitPrice, r.StopPrice, err, legal)
		}
		if legal {
			written++
		}
	}
	if n := b.count(`select count(*) from orders`); n != written || written < 30 || written > 220 {
		t.Errorf("%d orders are written, want %d; both ends should be common", n, written)
	}
	broken := b.count(`select count(*) from orders, unnest(array[limit_price, stop_price]) p
		where p is not null and (p <= 0 or p > 10000 or p <> round(p, 2) or underlying = 'AAPL' and p >= 3 and p % 0.05 <> 0)`)
	if broken != 0 {
		t.Errorf("%d illegal prices are in the table", broken)
	}
}

func (b *booker) request(dice *rand.Rand, underlying string, kind Type) (r Request, legal bool) {
	b.t.Helper()
	one, strike := 1, money.MustPrice("200")
	r = Request{
		Side: BTO, Underlying: underlying, OptionType: "call", Strike: &strike, Expiration: expiryDate, Quantity: &one,
		OrderType: kind, ConfirmDuplicate: true,
	}
	legal = true
	put := func(to **money.Price) {
		some := somePrice(dice, underlying == "SPY")
		p := money.MustPrice(some.text)
		*to, legal = &p, legal && some.legal
	}
	if kind != Stop {
		put(&r.LimitPrice)
	}
	if kind != Limit {
		put(&r.StopPrice)
	}
	return r, legal
}

// R8: an order is another's double only when its stop is the same, too.
func TestOrdersWithAnotherStopAreNoDoubles(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	b.must(`update accounts set cash = 100000, buying_power = 100000, balance_at = now() - interval '1 second'`)
	for _, c := range []struct{ limit, stop, want string }{
		{"3.60", "3.50", ""},
		{"3.60", "3.55", ""},
		{"3.60", "3.50", "duplicate_suspected"},
		{"3.60", "", ""},
		{"", "3.50", ""},
		{"", "3.55", ""},
		{"", "3.55", "duplicate_suspected"},
	} {
		b.must(`update orders set created_at = now()`) // however long it took: doubles are those of ten seconds
		dr := b.drafted(BTO, oneContract, 1)
		dr.intent.Type, dr.intent.Limit, dr.intent.Stop = kindOf(c.limit, c.stop), maybe(c.limit), maybe(c.stop)
		dr.facts.Limit, dr.facts.Stop = dr.intent.Limit, dr.intent.Stop
		err := b.db.As(t.Context(), b.user, func(ctx context.Context, tx pgx.Tx) error {
			_, err := b.desk.enter(ctx, tx, dr)
			return err
		})
		if got := refusedWith(err); got != c.want {
			t.Errorf("limit %q, stop %q: %q (%v), want %q", c.limit, c.stop, got, err, c.want)
		}
	}
}

func maybe(price string) *money.Price {
	if price == "" {
		return nil
	}
	return limited(price)
}

func kindOf(limit, stop string) Type {
	switch {
	case stop == "":
		return Limit
	case limit == "":
		return Stop
	}
	return StopLimit
}

// What the checks look at when an order is sent is what they looked at when it was
// taken on, the stop included.
func TestTheChecksSeeTheStop(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	b.desk.market = market.New(market.Options{DB: b.db, Clock: b.desk.clock})
	contract, err := exchange.ParseSymbol(oneContract)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ limit, stop string }{{"3.50", "3.40"}, {"", "3.40"}, {"3.50", ""}, {"", ""}} {
		in := Intent{Side: STC, Quantity: 2, Type: Market, Limit: maybe(c.limit), Stop: maybe(c.stop)}
		if c.limit+c.stop != "" {
			in.Type = kindOf(c.limit, c.stop)
		}
		dr := Draft{user: b.user, intent: in, contract: contract}
		b.desk.ask(t.Context(), &dr)
		again, err := b.desk.factsAgain(t.Context(), Order{Side: STC, Contract: contract, Quantity: 2, Type: in.Type, Limit: in.Limit, Stop: in.Stop})
		if err != nil {
			t.Fatal(err)
		}
		for when, f := range map[string]risk.Facts{"taken on": dr.facts, "sent": again} {
			if !samePrice(f.Limit, in.Limit) || !samePrice(f.Stop, in.Stop) || f.Market != (in.Type == Market) {
				t.Errorf("%s order when it is %s: limit %v, stop %v, market %v", in.Type, when, f.Limit, f.Stop, f.Market)
			}
		}
	}
}
