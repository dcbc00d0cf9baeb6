package web

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/alertsify/alertsify/internal/analytics"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/web/ui"
)

const (
	analyticsPath = "/analytics"
	exportPath    = "/api/analytics-v2/closed-positions/export"
)

// resultsView is one tab of somebody's results, all of them under one filter.
type resultsView struct {
	Tab      string     // overview, trades, open, symbols, calendar, heatmap, performance
	Query    url.Values // the filter as the address has it
	Accounts []ui.Account
	Page     string // its address
	Wrong    string // about the filter that was typed

	Stats    analytics.UserStats
	Periods  analytics.PeriodStats
	Curve    curveView
	Closed   closedView
	Open     positionsView
	Symbols  []analytics.Symbol
	Calendar calendarView
	Heatmap  heatView
}

// closedView is a page of finished positions.
type closedView struct {
	Rows  []ui.PositionRow
	Total int
	Next  string
	Seen  ui.View
}

// filterNames are the parameters of the filter, which every link of these pages keeps.
var filterNames = []string{"source", "account", "trader", "from", "to"}

// tagName is one more, of the list of trades alone.
const tagName = "tag"

// href is a page of results with the filter, and some parameters changed: name, value, ….
// An empty value leaves it out.
func (v resultsView) href(changed ...string) string { return v.address(analyticsPath, changed...) }

func (v resultsView) address(path string, changed ...string) string {
	q := url.Values{}
	for name, values := range v.Query {
		q[name] = values
	}
	if path == analyticsPath && v.Tab != "overview" {
		q.Set("tab", v.Tab)
	}
	for i := 0; i+1 < len(changed); i += 2 {
		q.Del(changed[i])
		if changed[i+1] != "" {
			q.Set(changed[i], changed[i+1])
		}
	}
	return address(path, q)
}

func (v resultsView) tabs() []ui.Tab {
	tabs := []ui.Tab{
		{Href: "overview", Label: "Overview"}, {Href: "trades", Label: "All trades"}, {Href: "open", Label: "Open"}, {Href: "symbols", Label: "Symbols"},
		{Href: "calendar", Label: "Calendar"}, {Href: "heatmap", Label: "Heatmap"}, {Href: "performance", Label: "Performance"},
	}
	for i, t := range tabs {
		tabs[i].Active = t.Href == v.Tab
		if tabs[i].Href = v.href("tab", t.Href, tagName, ""); t.Href == "overview" {
			tabs[i].Href = v.href("tab", "", tagName, "")
		}
	}
	return tabs
}

func (v resultsView) sources() []ui.Tab {
	source := v.Query.Get("source")
	return []ui.Tab{
		{Href: v.href("source", ""), Label: "All", Active: source == "" || source == "all"},
		{Href: v.href("source", "manual"), Label: "Manual", Active: source == "manual"},
		{Href: v.href("source", "copied"), Label: "Copied", Active: source == "copied"},
	}
}

// resultsOf answers GET /analytics.
func (s *Site) resultsOf(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Analytics", analyticsPath)
	if err != nil {
		return err
	}
	v := resultsQuery(r, oneOf(r, "tab", "overview", "trades", "open", "symbols", "calendar", "heatmap", "performance"))
	v.Accounts = p.Accounts
	v.Page = here(r)
	err = s.readResults(r, &v, p)
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		for name, sentence := range wrongFields(refused) {
			v.Wrong = name + " " + sentence
		}
		return s.show(w, r, http.StatusUnprocessableEntity, resultsPage(p, v))
	}
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, resultsPage(p, v))
}

// resultsQuery is a tab with the filter that the address asks for.
func resultsQuery(r *http.Request, tab string) resultsView {
	v := resultsView{Tab: tab, Query: url.Values{}}
	for _, name := range filterNames {
		if value := r.URL.Query().Get(name); value != "" {
			v.Query.Set(name, value)
		}
	}
	if tag := r.URL.Query().Get(tagName); tag != "" && tab == "trades" {
		v.Query.Set(tagName, tag)
	}
	return v
}

// readResults reads what the tab shows.
func (s *Site) readResults(r *http.Request, v *resultsView, p ui.Page) error {
	ctx, who := r.Context(), me(r.Context())
	f, err := analytics.ParseFilter(v.Query)
	if err != nil {
		return err
	}
	switch v.Tab {
	case "trades":
		return s.readClosed(r, v, f)
	case "open":
		return s.readOpen(r, v, f, p)
	case "symbols":
		v.Symbols, err = s.results.SymbolStats(ctx, who, f, "total_pnl", 200)
		return err
	case "calendar":
		return s.readCalendar(ctx, v, f, r.URL.Query().Get("month"))
	case "heatmap":
		cells, err := s.results.Heatmap(ctx, who, f)
		v.Heatmap = heatOf(cells)
		return err
	case "performance":
		return s.readCurve(ctx, v, f, r.URL.Query().Get("range"), s.assets.Chart)
	}
	if v.Stats, err = s.results.UserStats(ctx, who, f); err != nil {
		return err
	}
	if v.Periods, err = s.results.PeriodStats(ctx, who, f); err != nil {
		return err
	}
	return s.readCurve(ctx, v, f, "all", "")
}

func (s *Site) readOpen(r *http.Request, v *resultsView, f analytics.Filter, p ui.Page) error {
	from, err := cursor(r)
	if err != nil {
		return err
	}
	list, next, err := s.openPage(r.Context(), f, pageSize, (*positions.Cursor)(from))
	if err != nil {
		return err
	}
	v.Open = positionsView{Status: "open", Rows: s.positionRows(list, accountNames(p.Accounts))}
	if next != nil {
		v.Open.Next = older(next.At, next.ID)
	}
	v.Open.Seen.Chosen, err = s.chosen(r.Context(), v.Open.table())
	return err
}

// readCurve reads the curve of a range, and for a script at an address what it draws.
func (s *Site) readCurve(ctx context.Context, v *resultsView, f analytics.Filter, word, script string) error {
	window, err := analytics.ParseRange(word)
	if err != nil {
		return err
	}
	points, err := s.results.Cumulative(ctx, me(ctx), f, window)
	v.Curve = curveOf(points, string(window))
	v.Curve.zoomable(script, points)
	return err
}

func (v resultsView) tradeTools() ui.Tools {
	return ui.Tools{Table: "trades", Of: "finished positions", ReturnTo: v.Page, CSV: with(maps.Clone(v.Query), v.Closed.Seen.Sorting, "").Encode()}
}

func (v resultsView) openTools() ui.Tools {
	return ui.Tools{Table: "open-results", Of: "open positions", ReturnTo: v.Page, CSV: v.Query.Encode()}
}

// instead is where somebody goes on whose list is empty.
func (v resultsView) instead() (href, action string) {
	if len(v.Query) > 0 {
		return v.href("source", "", "account", "", "trader", "", "from", "", "to", "", tagName, ""), "Show all"
	}
	return "/dashboard#ticket", "Open the ticket"
}

// noTrades says why the list of finished positions is empty.
func (v resultsView) noTrades() string {
	if tag := v.Query.Get(tagName); tag != "" {
		return "Nothing that has finished here has the tag “" + tag + "”. Tags are written on a position's own page."
	}
	return "Nothing has finished here yet."
}

// tradeOrders are what finished positions go by, by the columns of their table.
var tradeOrders = map[string]string{
	"closed": "closed_at", "opened": "opened_at", "contract": "symbol", "span": "hold_time_days", "pnl": "pnl", "percent": "pnl_pct",
}

// tradeQuery is the filter with the order that ?sort= asks for.
func (v *resultsView) tradeQuery(r *http.Request, f analytics.Filter) analytics.ClosedQuery {
	by, down := sortAsked(r, tradeSorts)
	rest := maps.Clone(v.Query)
	rest.Set("tab", "trades")
	v.Closed.Seen.Sorting = ui.Sorting{Path: analyticsPath, Rest: rest, By: by, Down: down, Columns: tradeSorts}
	return analytics.ClosedQuery{Filter: f, Tag: v.Query.Get(tagName), Sort: tradeOrders[by], Up: !down}
}

func (s *Site) readClosed(r *http.Request, v *resultsView, f analytics.Filter) (err error) {
	if v.Closed.Seen.Chosen, err = s.chosen(r.Context(), ui.Trades.Name); err != nil {
		return err
	}
	q := v.tradeQuery(r, f)
	q.Limit, q.Cursor = pageSize, r.URL.Query().Get("cursor")
	page, err := s.results.Closed(r.Context(), me(r.Context()), q)
	if err != nil {
		return err
	}
	v.Closed.Total, v.Closed.Next = page.Total, page.Next
	for _, f := range page.Rows {
		v.Closed.Rows = append(v.Closed.Rows, v.finishedRow(f))
	}
	return nil
}

// eachTrade hands over every finished position of the filter, tag and sort that are asked for.
func (s *Site) eachTrade(r *http.Request, do func(ui.PositionRow) error) error {
	v := resultsQuery(r, "trades")
	f, err := analytics.ParseFilter(v.Query)
	if err != nil {
		return err
	}
	return s.results.EachClosed(r.Context(), me(r.Context()), v.tradeQuery(r, f), func(f analytics.Finished) error { return do(v.finishedRow(f)) })
}

// eachOpenResult hands over every open position of the filter.
func (s *Site) eachOpenResult(r *http.Request, do func(ui.PositionRow) error) error {
	f, err := analytics.ParseFilter(resultsQuery(r, "open").Query)
	if err != nil {
		return err
	}
	names, err := s.names(r.Context())
	if err != nil {
		return err
	}
	return everyRow(do, func(after *positions.Cursor) ([]ui.PositionRow, *positions.Cursor, error) {
		list, next, err := s.openPage(r.Context(), f, sheetPage, after)
		return s.positionRows(list, names), next, err
	})
}

// openPage is a page of open positions with what they made so far.
func (s *Site) openPage(ctx context.Context, f analytics.Filter, limit int, after *positions.Cursor) ([]positions.Position, *positions.Cursor, error) {
	list, next, err := s.results.Open(ctx, me(ctx), f, limit, after)
	if err != nil {
		return nil, nil, err
	}
	s.desk.Mark(ctx, list)
	return list, next, s.desk.Today(ctx, me(ctx), list)
}

func (v resultsView) finishedRow(f analytics.Finished) ui.PositionRow {
	status, from := f.Ended, "manual"
	if status == "sold" {
		status = "closed"
	}
	if f.Copied {
		from = "copy"
	}
	row := ui.PositionRow{
		ID: f.ID.String(), Contract: f.Contract, Bought: f.Quantity, Sold: f.Quantity, Realized: f.PnL, In: f.Cost, Out: f.Proceeds, Fees: f.Fees, Outcome: f.Result,
		Status: status, Source: source(from, f.CopiedFrom), OpenedAt: &f.OpenedAt, ClosedAt: &f.ClosedAt, Percent: money.Percent(f.PnL.Decimal, f.Cost.Decimal),
	}
	for _, tag := range f.Tags {
		row.Tags = append(row.Tags, ui.Tab{Href: v.href(tagName, tag), Label: tag, Active: tag == v.Query.Get(tagName)})
	}
	return row
}

// calendarView is one month of results, a row for each week.
type calendarView struct {
	Month          exchange.Date // its first day
	Weeks          []week
	Weekend        bool // something finished on one
	Total          money.Amount
	Trades         int
	Earlier, Later string // months, as the address has them; no later than this one
}

type week struct {
	Days   []calendarDay // Monday to Sunday
	Total  money.Amount
	Trades int
}

type calendarDay struct {
	Date   exchange.Date
	Within bool // the month
	Day    *analytics.Day
}

func (s *Site) readCalendar(ctx context.Context, v *resultsView, f analytics.Filter, word string) error {
	today := s.clock.Today()
	month := exchange.Date{Year: today.Year, Month: today.Month, Day: 1}
	if word != "" {
		asked, err := analytics.ParseDay(url.Values{"month": {word + "-01"}}, "month")
		if err != nil {
			return err
		}
		month = *asked
	}
	last := monthOf(month, 1).AddDays(-1)
	days, err := s.results.DailyStats(ctx, me(ctx), f, &month, &last)
	v.Calendar = calendarOf(month, days)
	if !month.Before(exchange.Date{Year: today.Year, Month: today.Month, Day: 1}) {
		v.Calendar.Later = ""
	}
	return err
}

// monthOf is the first day of a month some months later.
func monthOf(d exchange.Date, later int) exchange.Date {
	t := time.Date(d.Year, d.Month+time.Month(later), 1, 0, 0, 0, 0, time.UTC)
	return exchange.Date{Year: t.Year(), Month: t.Month(), Day: 1}
}

func monthWord(d exchange.Date) string { return d.String()[:len("2006-01")] }

func calendarOf(month exchange.Date, days []analytics.Day) calendarView {
	v := calendarView{Month: month, Earlier: monthWord(monthOf(month, -1)), Later: monthWord(monthOf(month, 1))}
	made := map[exchange.Date]*analytics.Day{}
	for i, d := range days {
		made[d.Date] = &days[i]
	}
	for d := month.AddDays(-(int(month.Weekday()) + 6) % 7); d.Before(monthOf(month, 1)); {
		var w week
		for range 7 {
			c := calendarDay{Date: d, Within: d.Month == month.Month, Day: made[d]}
			if c.Day != nil {
				w.Total.Decimal, w.Trades = w.Total.Add(c.Day.TotalPnL.Decimal), w.Trades+c.Day.TotalTrades
				v.Weekend = v.Weekend || d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
			}
			w.Days, d = append(w.Days, c), d.AddDays(1)
		}
		v.Weeks = append(v.Weeks, w)
		v.Total.Decimal, v.Trades = v.Total.Add(w.Total.Decimal), v.Trades+w.Trades
	}
	return v
}

// shown are the days of a week that have a column.
func (v calendarView) shown(w week) []calendarDay {
	if v.Weekend {
		return w.Days
	}
	return w.Days[:5]
}

func (v calendarView) names() []string {
	names := []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
	if v.Weekend {
		return names
	}
	return names[:5]
}

func (v calendarView) title() string {
	return time.Date(v.Month.Year, v.Month.Month, 1, 0, 0, 0, 0, time.UTC).Format("January 2006")
}

// resultRoutes are the lines of these pages in the route table.
func (s *Site) resultRoutes() []auth.Route {
	return []auth.Route{{Method: "GET", Pattern: analyticsPath, Rule: auth.SignedIn, Class: httpio.Feed, Handler: s.resultsOf}}
}
