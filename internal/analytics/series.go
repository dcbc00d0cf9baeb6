package analytics

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
)

// Day is what one trading day brought.
type Day struct {
	Date         exchange.Date `json:"trade_date"`
	TotalTrades  int           `json:"total_trades"`
	ManualTrades int           `json:"manual_trades"`
	CopiedTrades int           `json:"copied_trades"`
	TotalPnL     money.Amount  `json:"total_pnl"`
	Wins         int           `json:"wins"`
	Losses       int           `json:"losses"`
}

// Bounds of the calendar, in days.
const (
	daysPreset = 90
	daysMost   = 400
)

// DailyStats lists the days on which something finished, newest first, from a day to a
// day, both included; nil is 90 days back, and today. At most 400 days.
func (r *Reports) DailyStats(ctx context.Context, user uuid.UUID, f Filter, start, end *exchange.Date) (list []Day, err error) {
	last := r.clock.Today()
	if end != nil {
		last = *end
	}
	first := last.AddDays(1 - daysPreset)
	if start != nil {
		first = *start
	}
	switch length := first.DaysUntil(last); {
	case length < 0:
		return nil, fault.Field("end_date", "must not be before start_date")
	case length >= daysMost:
		return nil, fault.Field("start_date", fmt.Sprintf("must be at most %d days before end_date", daysMost))
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	f = f.since(first).until(last)
	if f.check() != nil {
		return nil, nil //nolint:nilerr // two ranges that have no day in common
	}
	err = r.read(ctx, user, f, func(b *pgx.Batch) {
		b.Queue(days+`
			select day, sum(trades)::int, (sum(trades) - coalesce(sum(trades) filter (where copied), 0))::int, coalesce(sum(trades) filter (where copied), 0)::int,
				sum(pnl), sum(wins)::int, sum(losses)::int
			from facts group by day order by day desc`, byDay.asked(user, f)).
			Query(func(rows pgx.Rows) (err error) {
				list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Day, err error) {
					err = row.Scan(&d.Date, &d.TotalTrades, &d.ManualTrades, &d.CopiedTrades, &d.TotalPnL.Decimal, &d.Wins, &d.Losses)
					return d, err
				})
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("list results by day: %w", err)
	}
	return list, nil
}

// Range is how far back a curve begins.
type Range string

// Ranges are the words that a curve is asked for with, and their days; "all" is everything.
var rangeDays = map[Range]int{"1w": 7, "1m": 30, "3m": 90, "6m": 180, "1y": 365}

// Point is one day of the equity curve. Cumulative holds everything before the day too,
// also what finished before the range; drawdown is the distance from its highest point
// until then, not below zero.
type Point struct {
	Date       exchange.Date `json:"trade_date"`
	PnL        money.Amount  `json:"pnl"`
	Cumulative money.Amount  `json:"cumulative_pnl"`
	Drawdown   money.Amount  `json:"drawdown"`
}

// MarshalJSON writes a point in one piece: a curve has thousands of them, and to encode each
// figure by itself takes longer than to read them all.
func (p Point) MarshalJSON() ([]byte, error) {
	return []byte(`{"trade_date":"` + p.Date.String() + `","pnl":"` + p.PnL.String() + `","cumulative_pnl":"` + p.Cumulative.String() +
		`","drawdown":"` + p.Drawdown.String() + `"}`), nil
}

// pointsMost bounds a curve: some forty years of trading days.
const pointsMost = 10_000

// Cumulative is the equity curve by day, oldest first, for the days of the range and the
// filter on which something finished.
func (r *Reports) Cumulative(ctx context.Context, user uuid.UUID, f Filter, window Range) (list []Point, err error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if back, bounded := rangeDays[window]; bounded {
		f = f.since(r.clock.Today().AddDays(1 - back))
	}
	shown := "-infinity"
	if f.From != nil {
		shown, f.From = f.From.String(), nil // what came before is in the sum
	}
	args := byDay.asked(user, f)
	args["shown"], args["most"] = shown, pointsMost
	err = r.read(ctx, user, f, func(b *pgx.Batch) {
		b.Queue(days+`,`+curve+`
			select day, pnl, total, fall from curve where day >= @shown::text::date order by day limit @most`, args).
			Query(func(rows pgx.Rows) (err error) {
				list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Point, err error) {
					err = row.Scan(&p.Date, &p.PnL.Decimal, &p.Cumulative.Decimal, &p.Drawdown.Decimal)
					return p, err
				})
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("draw the equity curve: %w", err)
	}
	return list, nil
}

// Cell is one half hour of a weekday, by the minute that positions finished, New York.
type Cell struct {
	DayOfWeek int          `json:"day_of_week"` // 0 is Sunday
	HourOfDay int          `json:"hour_of_day"`
	Half      int          `json:"half"` // 0 or 30
	Trades    int          `json:"trades"`
	PnL       money.Amount `json:"pnl"`
	Wins      int          `json:"wins"`
}

// Heatmap lists the half hours in which something finished, by weekday and time.
func (r *Reports) Heatmap(ctx context.Context, user uuid.UUID, f Filter) (list []Cell, err error) {
	err = r.read(ctx, user, f, func(b *pgx.Batch) {
		b.Queue(slots+`
			select weekday::int, slot / 2, slot % 2 * 30, sum(trades)::int, sum(pnl), sum(wins)::int
			from facts group by weekday, slot order by weekday, slot`, byMonth.asked(user, f)).
			Query(func(rows pgx.Rows) (err error) {
				list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Cell, err error) {
					err = row.Scan(&c.DayOfWeek, &c.HourOfDay, &c.Half, &c.Trades, &c.PnL.Decimal, &c.Wins)
					return c, err
				})
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("add up results by half hour: %w", err)
	}
	return list, nil
}

// Symbol is the result of one ticker's calls or puts.
type Symbol struct {
	Symbol        string        `json:"symbol"` // the ticker
	OptionType    string        `json:"option_type"`
	TotalTrades   int           `json:"total_trades"`
	Wins          int           `json:"wins"`
	TotalPnL      money.Amount  `json:"total_pnl"`
	WinRate       *money.Amount `json:"win_rate_pct"`
	AvgPnL        *money.Amount `json:"avg_pnl"`
	TotalQuantity int64         `json:"total_quantity"` // contracts bought
}

// symbolSorts are what the list of symbols goes by, from the largest but for names.
var symbolSorts = map[string]string{
	"total_pnl": "pnl desc", "total_trades": "trades desc", "win_rate_pct": "wins::numeric / trades desc", "avg_pnl": "pnl / trades desc",
	"total_quantity": "quantity desc", "symbol": "underlying",
}

// SymbolStats lists results by ticker and option type, at most limit of them.
func (r *Reports) SymbolStats(ctx context.Context, user uuid.UUID, f Filter, sort string, limit int) (list []Symbol, err error) {
	order, ok := symbolSorts[sort]
	if !ok {
		return nil, fault.Field("sort", "must be a column that this list goes by")
	}
	args := byMonth.asked(user, f)
	args["limit"] = limit
	err = r.read(ctx, user, f, func(b *pgx.Batch) {
		b.Queue(symbols+`, grouped as (
				select underlying, option_type, sum(trades)::int as trades, sum(wins)::int as wins, sum(pnl) as pnl, sum(quantity)::bigint as quantity
				from facts group by underlying, option_type)
			select underlying, option_type, trades, wins, pnl, quantity from grouped order by `+order+`, underlying, option_type limit @limit`, args).
			Query(func(rows pgx.Rows) (err error) {
				list, err = pgx.CollectRows(rows, scanSymbol)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("add up results by symbol: %w", err)
	}
	return list, nil
}

func scanSymbol(row pgx.CollectableRow) (s Symbol, err error) {
	var pnl decimal.Decimal
	if err := row.Scan(&s.Symbol, &s.OptionType, &s.TotalTrades, &s.Wins, &pnl, &s.TotalQuantity); err != nil {
		return s, err
	}
	s.TotalPnL, s.WinRate, s.AvgPnL = amount(pnl), percent(count(s.Wins), count(s.TotalTrades)), ratio(pnl, count(s.TotalTrades), cents)
	return s, nil
}
