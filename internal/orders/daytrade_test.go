package orders

import (
	"strings"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// filledAt is a filled order of one contract at a time.
func (b *booker) filledAt(side Side, symbol string, at time.Time) {
	b.t.Helper()
	id := b.order(side, Filled, 5)
	b.must(`update orders set symbol = $2 where id = $1`, id, symbol)
	b.must(`insert into fills (order_id, cum, user_id, position_id, side, quantity, notional, executed_at) values ($1, 5, $2, $3, $4, 5, 1, $5)`,
		id, b.user, b.position, side, at)
}

// A contract bought and sold on one day is a day trade; five trading days count, over
// weekends and holidays. Only margin accounts of less than $25,000 are warned.
func TestDayTradesAreCountedFromOurFills(t *testing.T) {
	t.Parallel()
	b := newBooker(t)
	clock := exchange.NewClock(func() time.Time { return time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC) }) // the Monday after Thanksgiving
	b.desk.clock = clock
	other := "MSFT  270115C00400000"
	contract, err := exchange.ParseSymbol(oneContract)
	if err != nil {
		t.Fatal(err)
	}
	at := func(day string, hour int) time.Time { return exchange.MustDate(day).At(hour, 0) }
	small := money.MustAmount("24999.99")
	dr := Draft{contract: contract, account: brokers.Account{ID: b.account, RawType: "INDIVIDUAL_MARGIN", Equity: &small}}
	count := func() (days dayTraded) {
		t.Helper()
		tx, err := b.db.Pool().Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		if days, err = b.desk.dayTrades(t.Context(), tx, dr); err != nil {
			t.Fatal(err)
		}
		return days
	}
	for _, step := range []struct {
		about  string
		side   Side
		symbol string
		at     time.Time
		made   int
		opened bool
	}{
		{"the sixth trading day back, bought", BTO, oneContract, at("2026-11-20", 10), 0, false},
		{"and sold", STC, oneContract, at("2026-11-20", 11), 0, false},
		{"the fifth, Monday a week ago, bought", BTO, oneContract, at("2026-11-23", 10), 0, false},
		{"and sold", STC, oneContract, at("2026-11-23", 11), 1, false},
		{"sold again in another order", STC, oneContract, at("2026-11-23", 12), 1, false},
		{"bought and kept overnight", BTO, oneContract, at("2026-11-24", 15), 1, false},
		{"sold the next day", STC, oneContract, at("2026-11-25", 10), 1, false},
		{"another contract bought today", BTO, other, at("2026-11-30", 10), 1, false},
		{"and sold", STC, other, at("2026-11-30", 11), 2, false},
		{"this one bought today", BTO, oneContract, at("2026-11-30", 11), 2, true},
		{"and sold", STC, oneContract, at("2026-11-30", 12), 3, false},
	} {
		b.filledAt(step.side, step.symbol, step.at)
		if days := count(); !days.counted || days.made != step.made || days.opened != step.opened {
			t.Errorf("%s: %+v, want %d made, opened %v", step.about, days, step.made, step.opened)
		}
	}
	enough := money.MustAmount("25000")
	for name, a := range map[string]brokers.Account{
		"cash account":     {ID: b.account, RawType: "Cash", Equity: &small},
		"large enough":     {ID: b.account, RawType: "Margin", Equity: &enough},
		"of unknown worth": {ID: b.account, RawType: "Margin"},
	} {
		dr.account = a
		if days := count(); days.counted || days.warning(BTO) != "" || days.warning(STC) != "" {
			t.Errorf("%s: %+v", name, days)
		}
	}
}

func TestDayTradeWarningsSayWhatWouldBeOneMore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		days dayTraded
		side Side
		want string
	}{
		{dayTraded{true, 2, true}, STC, "day trade number 3 in"},
		{dayTraded{true, 3, false}, STC, ""},
		{dayTraded{true, 2, false}, BTO, ""},
		{dayTraded{true, 3, false}, BTO, "There were 3 day trades"},
		{dayTraded{false, 9, true}, STC, ""},
	} {
		if got := c.days.warning(c.side); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s with %+v: %q, want %q", c.side, c.days, got, c.want)
		}
	}
}
