package web

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/analytics"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/ui"
)

// cannedResults is a tab of invented results, the same whenever it is asked for.
func cannedResults(tab string, now time.Time) resultsView {
	chance := rand.New(rand.NewPCG(7, 7))
	dollars := func(spread, up int) money.Amount {
		return money.Amount{Decimal: decimal.New(int64(chance.IntN(spread)-spread/2+up), -2)}
	}
	v := resultsView{Tab: tab, Query: url.Values{"source": {"manual"}}, Accounts: cannedAccounts(now)}
	today := exchange.TradingDay(now)
	var points []analytics.Point
	var days []analytics.Day
	sum, peak := decimal.Zero, decimal.Zero
	for back := 120; back > 0; back-- {
		day := today.AddDays(-back)
		if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
			continue
		}
		made := dollars(90_000, 3_000)
		sum = sum.Add(made.Decimal)
		peak = decimal.Max(peak, sum)
		points = append(points, analytics.Point{Date: day, PnL: made, Cumulative: money.Amount{Decimal: sum}, Drawdown: money.Amount{Decimal: peak.Sub(sum)}})
		days = append(days, analytics.Day{Date: day, TotalTrades: 1 + chance.IntN(7), TotalPnL: made})
	}
	v.Curve = curveOf(points, "all")
	v.Curve.zoomable("/assets/chart.js", points)
	v.Calendar = calendarOf(monthOf(today, -1), slices.DeleteFunc(days, func(d analytics.Day) bool { return d.Date.Month != monthOf(today, -1).Month }))
	var cells []analytics.Cell
	for day := 1; day <= 5; day++ {
		for slot := firstSlot; slot <= lastSlot; slot++ {
			if n := chance.IntN(24); n > 2 {
				cells = append(cells, analytics.Cell{DayOfWeek: day, HourOfDay: slot / 2, Half: slot % 2 * 30, Trades: n, Wins: n / 2, PnL: dollars(200_000, 8_000)})
			}
		}
	}
	v.Heatmap = heatOf(append(cells, analytics.Cell{DayOfWeek: 1, HourOfDay: 8, Trades: 2, PnL: money.MustAmount("-310.00")}))
	rate, factor, average, loss := money.MustAmount("57.14"), money.MustAmount("1.6812"), money.MustAmount("312.40"), money.MustAmount("-201.85")
	v.Stats = analytics.UserStats{
		TotalClosedTrades: 84, TotalOpenPositions: 3, ManualTrades: 61, CopiedTrades: 23, TotalPnL: money.Amount{Decimal: sum}, ManualPnL: money.Amount{Decimal: sum},
		Wins: 48, Losses: 33, Breakeven: 3, WinRate: &rate, ROI: &rate, ProfitFactor: &factor, AvgWin: &average, AvgLoss: &loss, BiggestWin: &average, BiggestLoss: &loss,
		Expectancy: &average, AvgHoldDays: &factor, TotalFees: money.MustAmount("109.20"), MaxDrawdown: v.Curve.Deepest,
	}
	v.Periods = analytics.PeriodStats{Trades7d: 6, PnL7d: average, Trades30d: 21, PnL30d: loss, Trades90d: 60, PnL90d: average, TradesYTD: 84, PnLYTD: average}
	v.Symbols = []analytics.Symbol{
		{Symbol: "AAPL", OptionType: "call", TotalTrades: 31, Wins: 20, TotalPnL: average, WinRate: &rate, AvgPnL: &factor, TotalQuantity: 140},
		{Symbol: "TSLA", OptionType: "put", TotalTrades: 9, Wins: 2, TotalPnL: loss, WinRate: &rate, AvgPnL: &loss, TotalQuantity: 27},
	}
	v.Closed = closedView{Rows: cannedClosed(now), Total: 84, Sort: "newest", Next: uuid.Nil.String()}
	v.Closed.Rows[0].Tags = []ui.Tab{{Href: v.href(tagName, "earnings"), Label: "earnings"}, {Href: v.href(tagName, "swing"), Label: "swing"}}
	v.Open = positionsView{Status: "open", Rows: cannedPositions(now), Next: uuid.Nil.String()}
	return v
}

// galleryResults are the tabs, and what somebody sees who has none.
func galleryResults(p ui.Page, now time.Time) map[string]resultsView {
	pages := map[string]resultsView{}
	for _, tab := range []string{"overview", "trades", "open", "symbols", "calendar", "heatmap", "performance"} {
		pages["analytics-"+tab] = cannedResults(tab, now)
	}
	none := resultsView{Tab: "overview", Query: url.Values{}, Accounts: p.Accounts}
	pages["analytics-none"] = none
	none.Wrong = "trader must be somebody's username"
	pages["analytics-wrong"] = none
	return pages
}
