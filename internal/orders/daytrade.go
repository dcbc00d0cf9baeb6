package orders

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/exchange"
)

// A margin account of less than this many dollars may make three day trades in five
// trading days; with a fourth its broker may restrict it (FINRA rule 4210).
var dayTradeEquity = decimal.NewFromInt(25_000)

const (
	dayTradeDays = 5
	dayTradesMay = 3
)

// dayTraded is what an account's fills say of its day trades: a contract bought and
// then sold on one day is one, however many orders and fills that took.
type dayTraded struct {
	counted bool // only small margin accounts are
	made    int  // in the last five trading days, today among them
	opened  bool // the contract was bought today, and not sold since
}

func smallMargin(a brokers.Account) bool {
	return a.Margin() && a.Equity != nil && a.Equity.LessThan(dayTradeEquity)
}

// dayTrades counts from our own fills: what traded elsewhere before we saw it, no order
// here knows of (index orders_account_day; orders rest for 90 days at most).
func (d *Desk) dayTrades(ctx context.Context, tx pgx.Tx, dr Draft) (t dayTraded, err error) {
	if !smallMargin(dr.account) {
		return dayTraded{}, nil
	}
	t.counted = true
	offset, today := d.clock.State().Offset, d.clock.Today()
	since := daysBack(today, dayTradeDays-1).At(0, 0).Add(-offset)
	err = tx.QueryRow(ctx, `
		with filled as (
			select o.symbol, f.side, f.cum, coalesce(f.executed_at, f.learnt_at) as at,
				((coalesce(f.executed_at, f.learnt_at) + make_interval(secs => $3)) at time zone 'America/New_York')::date as day
			from orders o join fills f on f.order_id = o.id
			where o.account_id = $1 and o.cum > 0 and o.created_at > $2::timestamptz - interval '100 days'
			  and coalesce(f.executed_at, f.learnt_at) >= $2
		), turns as (
			select symbol, side, day, lag(side) over w as before, row_number() over (partition by symbol, day order by at desc, cum desc) as latest
			from filled window w as (partition by symbol, day order by at, cum)
		)
		select count(*) filter (where side = 'STC' and before = 'BTO'), coalesce(bool_or(latest = 1 and symbol = $4 and day = $5 and side = 'BTO'), false) from turns`,
		dr.account.ID, since, offset.Seconds(), dr.contract.Symbol, today).Scan(&t.made, &t.opened)
	if err != nil {
		return dayTraded{}, fmt.Errorf("count the day trades of account %s: %w", dr.account.ID, err)
	}
	return t, nil
}

// daysBack is the trading day that lies n trading days before a date.
func daysBack(d exchange.Date, n int) exchange.Date {
	for n > 0 && exchange.Known(d) {
		if d = d.AddDays(-1); exchange.IsTradingDay(d) {
			n--
		}
	}
	return d
}

// warning is what an order on that account is warned of; "" when of nothing.
func (t dayTraded) warning(side Side) string {
	const rule = "A margin account of less than $25,000 may make 3 in 5 trading days; with more its broker may restrict it. Counted from the fills known here."
	switch {
	case !t.counted:
	case side == STC && t.opened:
		return fmt.Sprintf("This sells what was bought today: day trade number %d in the last 5 trading days. %s", t.made+1, rule)
	case side == BTO && t.made >= dayTradesMay:
		return fmt.Sprintf("There were %d day trades in the last 5 trading days. Selling this today would be one more. %s", t.made, rule)
	}
	return ""
}
