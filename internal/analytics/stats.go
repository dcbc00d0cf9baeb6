package analytics

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
)

// UserStats are somebody's results as a whole; field names are the first product's. What
// is undefined without trades, wins or losses is nil. Drawdown is how far the sum of the
// days that are asked for lay below its highest point, at most, as an amount not below zero.
type UserStats struct {
	TotalClosedTrades  int           `json:"total_closed_trades"`
	TotalOpenPositions int           `json:"total_open_positions"`
	ManualTrades       int           `json:"manual_trades"`
	CopiedTrades       int           `json:"copied_trades"`
	TotalPnL           money.Amount  `json:"total_pnl"`
	ManualPnL          money.Amount  `json:"manual_pnl"`
	CopiedPnL          money.Amount  `json:"copied_pnl"`
	Wins               int           `json:"wins"`
	Losses             int           `json:"losses"`
	Breakeven          int           `json:"breakeven"`
	WinRate            *money.Amount `json:"win_rate_pct"` // wins ÷ closed
	ROI                *money.Amount `json:"roi_pct"`      // profit ÷ cost of all that was bought
	BiggestWin         *money.Amount `json:"biggest_win"`
	BiggestLoss        *money.Amount `json:"biggest_loss"`
	ProfitFactor       *money.Amount `json:"profit_factor"` // gross profit ÷ gross loss, 4 places
	AvgWin             *money.Amount `json:"avg_win"`
	AvgLoss            *money.Amount `json:"avg_loss"`      // negative
	Expectancy         *money.Amount `json:"expectancy"`    // profit ÷ closed
	AvgHoldDays        *money.Amount `json:"avg_hold_days"` // from first buy to close, 2 places
	TotalFees          money.Amount  `json:"total_fees"`
	MaxDrawdown        money.Amount  `json:"max_drawdown"`
}

// sums are what a statement over days adds up.
type sums struct {
	trades, copied, wins, losses, open                   int
	pnl, copiedPnL, profit, loss, cost, fees, held, fall decimal.Decimal
	best, worst                                          decimal.NullDecimal
}

const cents = 2 // places of an average amount, and of days

func (s sums) stats() UserStats {
	breakeven := s.trades - s.wins - s.losses
	u := UserStats{
		TotalClosedTrades: s.trades, TotalOpenPositions: s.open, ManualTrades: s.trades - s.copied, CopiedTrades: s.copied,
		TotalPnL: amount(s.pnl), ManualPnL: amount(s.pnl.Sub(s.copiedPnL)), CopiedPnL: amount(s.copiedPnL),
		Wins: s.wins, Losses: s.losses, Breakeven: breakeven,
		WinRate: percent(count(s.wins), count(s.trades)), ROI: percent(s.pnl, s.cost),
		ProfitFactor: ratio(s.profit, s.loss, 4), AvgWin: ratio(s.profit, count(s.wins), cents), AvgLoss: ratio(s.loss.Neg(), count(s.losses), cents),
		Expectancy: ratio(s.pnl, count(s.trades), cents), AvgHoldDays: ratio(s.held, count(s.trades).Mul(decimal.NewFromInt(86400)), cents),
		TotalFees: amount(s.fees), MaxDrawdown: amount(s.fall),
	}
	if s.best.Valid && s.best.Decimal.IsPositive() {
		u.BiggestWin = known(s.best)
	}
	if s.worst.Valid && s.worst.Decimal.IsNegative() {
		u.BiggestLoss = known(s.worst)
	}
	return u
}

// curve is the running sum of the days and its distance from its peak, which is at least
// zero: where one began.
const curve = `
	by_day as (select day, sum(trades) as trades, sum(pnl) as pnl from facts group by day),
	summed as (select day, trades, pnl, sum(pnl) over (order by day rows unbounded preceding) as total from by_day),
	curve as (select day, trades, pnl, total, greatest(max(total) over (order by day rows unbounded preceding), 0) - total as fall from summed)`

// UserStats adds up what finished in the days of the filter. Open positions are those of
// its source, account and trader, whenever they were opened.
func (r *Reports) UserStats(ctx context.Context, user uuid.UUID, f Filter) (UserStats, error) {
	var s sums
	err := r.read(ctx, user, f, func(b *pgx.Batch) {
		b.Queue(days+`,`+curve+`
			select coalesce(sum(trades), 0)::int, coalesce(sum(trades) filter (where copied), 0)::int, coalesce(sum(wins), 0)::int, coalesce(sum(losses), 0)::int,
				coalesce(sum(pnl), 0), coalesce(sum(pnl) filter (where copied), 0), coalesce(sum(gross_profit), 0), coalesce(sum(gross_loss), 0),
				coalesce(sum(cost), 0), coalesce(sum(fees), 0), coalesce(sum(held), 0), coalesce((select max(fall) from curve), 0), max(best), min(worst)
			from facts`, byDay.asked(user, f)).
			QueryRow(func(row pgx.Row) error {
				return row.Scan(&s.trades, &s.copied, &s.wins, &s.losses, &s.pnl, &s.copiedPnL, &s.profit, &s.loss, &s.cost, &s.fees, &s.held, &s.fall, &s.best, &s.worst)
			})
		b.Queue(`
			select count(*)::int from positions p
			where p.user_id = @user and p.status in ('open', 'expiry_pending') and p.bought > 0
			  and (@account::uuid is null or p.account_id = @account)
			  and (@copied::bool is null or (p.source = 'copy') = @copied)
			  and (@trader::text is null or p.copied_from = (select id from users where username = lower(@trader)))`, byDay.asked(user, f)).
			QueryRow(func(row pgx.Row) error { return row.Scan(&s.open) })
	})
	if err != nil {
		return UserStats{}, fmt.Errorf("add up results: %w", err)
	}
	return s.stats(), nil
}

// PeriodStats are results over windows that end today; the year is New York's.
type PeriodStats struct {
	Trades7d        int          `json:"trades_7d"`
	PnL7d           money.Amount `json:"pnl_7d"`
	Wins7d          int          `json:"wins_7d"`
	Trades30d       int          `json:"trades_30d"`
	PnL30d          money.Amount `json:"pnl_30d"`
	Wins30d         int          `json:"wins_30d"`
	Trades90d       int          `json:"trades_90d"`
	PnL90d          money.Amount `json:"pnl_90d"`
	Wins90d         int          `json:"wins_90d"`
	TradesYTD       int          `json:"trades_ytd"`
	PnLYTD          money.Amount `json:"pnl_ytd"`
	WinsYTD         int          `json:"wins_ytd"`
	TradesAll       int          `json:"trades_all"`
	PnLAll          money.Amount `json:"pnl_all"`
	WinsAll         int          `json:"wins_all"`
	ManualTradesAll int          `json:"manual_trades_all"`
	ManualPnLAll    money.Amount `json:"manual_pnl_all"`
	CopiedTradesAll int          `json:"copied_trades_all"`
	CopiedPnLAll    money.Amount `json:"copied_pnl_all"`
}

// PeriodStats adds up what finished in the last 7, 30 and 90 days, today among them, in
// this year, and ever; of the days of the filter.
func (r *Reports) PeriodStats(ctx context.Context, user uuid.UUID, f Filter) (p PeriodStats, err error) {
	today := r.clock.Today()
	starts := []exchange.Date{today.AddDays(-6), today.AddDays(-29), today.AddDays(-89), {Year: today.Year, Month: 1, Day: 1}}
	args := byDay.asked(user, f)
	args["starts"], args["today"] = append(texts(starts), "-infinity"), today.String()
	err = r.read(ctx, user, f, func(b *pgx.Batch) {
		b.Queue(days+`
			select coalesce(sum(f.trades), 0)::int, coalesce(sum(f.wins), 0)::int, coalesce(sum(f.pnl), 0),
				coalesce(sum(f.trades) filter (where f.copied), 0)::int, coalesce(sum(f.pnl) filter (where f.copied), 0)
			from unnest(@starts::text[]) with ordinality w(start, nth) left join facts f on f.day >= w.start::date and (f.day <= @today::text::date or w.start = '-infinity')
			group by w.nth order by w.nth`, args).
			Query(p.scan)
	})
	if err != nil {
		return PeriodStats{}, fmt.Errorf("add up results by period: %w", err)
	}
	return p, nil
}

func (p *PeriodStats) scan(rows pgx.Rows) error {
	windows := []struct {
		trades, wins *int
		pnl          *money.Amount
	}{
		{&p.Trades7d, &p.Wins7d, &p.PnL7d},
		{&p.Trades30d, &p.Wins30d, &p.PnL30d},
		{&p.Trades90d, &p.Wins90d, &p.PnL90d},
		{&p.TradesYTD, &p.WinsYTD, &p.PnLYTD},
		{&p.TradesAll, &p.WinsAll, &p.PnLAll},
	}
	for _, w := range windows {
		if !rows.Next() {
			return fmt.Errorf("%w: a window is missing", pgx.ErrNoRows)
		}
		if err := rows.Scan(w.trades, w.wins, &w.pnl.Decimal, &p.CopiedTradesAll, &p.CopiedPnLAll.Decimal); err != nil {
			return err
		}
	}
	p.ManualTradesAll = p.TradesAll - p.CopiedTradesAll
	p.ManualPnLAll = amount(p.PnLAll.Sub(p.CopiedPnLAll.Decimal))
	return rows.Err()
}

func texts(dates []exchange.Date) []string {
	list := make([]string, len(dates))
	for i, d := range dates {
		list[i] = d.String()
	}
	return list
}
