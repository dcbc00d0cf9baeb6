package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/analytics"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
)

// The routes under /api/analytics-v2 keep the first product's field names.

func (a *API) userStats(w http.ResponseWriter, r *http.Request) error {
	f, err := analytics.ParseFilter(r.URL.Query())
	if err != nil {
		return err
	}
	stats, err := a.results.UserStats(r.Context(), user(r.Context()), f)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, stats)
}

func (a *API) periodStats(w http.ResponseWriter, r *http.Request) error {
	f, err := analytics.ParseFilter(r.URL.Query())
	if err != nil {
		return err
	}
	stats, err := a.results.PeriodStats(r.Context(), user(r.Context()), f)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, stats)
}

// closedQuery reads what finished positions are asked for with, but for the page.
func closedQuery(r *http.Request) (q analytics.ClosedQuery, err error) {
	query := r.URL.Query()
	if q.Filter, err = analytics.ParseFilter(query); err != nil {
		return q, err
	}
	if q.Filter, err = q.Narrow(query.Get("trade_type")); err != nil {
		return q, err
	}
	q.Tag, q.Text, q.Sort = query.Get("tag"), query.Get("q"), query.Get("sort")
	if q.Sort == "" {
		q.Sort = "closed_at"
	}
	order, err := choice(r, "order", "desc", "desc", "asc")
	q.Up = order == "asc"
	return q, err
}

// pagination is the first product's account of a page; hasMore kept its name too.
type pagination struct {
	Total   int  `json:"total"`
	Limit   int  `json:"limit"`
	Offset  int  `json:"offset"`
	HasMore bool `json:"hasMore"`
}

func (a *API) closedPositions(w http.ResponseWriter, r *http.Request) error {
	q, err := closedQuery(r)
	if err != nil {
		return err
	}
	if q.Limit, err = httpio.QueryLimit(r, 50, 200); err != nil {
		return err
	}
	q.Cursor = r.URL.Query().Get("cursor")
	if text := r.URL.Query().Get("offset"); text != "" {
		if q.Offset, err = strconv.Atoi(text); err != nil || q.Offset < 0 || q.Offset > analytics.OffsetMost {
			return fault.Field("offset", fmt.Sprintf("must be a whole number from 0 to %d; further pages go by cursor", analytics.OffsetMost))
		}
	}
	page, err := a.results.Closed(r.Context(), user(r.Context()), q)
	if err != nil {
		return err
	}
	return httpio.AnswerPage(w, page.Rows, pagination{Total: page.Total, Limit: q.Limit, Offset: q.Offset, HasMore: page.Next != ""}, page.Next)
}

// openShape is an open position under the first product's names.
type openShape struct {
	ID         uuid.UUID        `json:"id"`
	Symbol     string           `json:"symbol"`
	Ticker     string           `json:"ticker"`
	OptionType string           `json:"option_type"`
	Strike     string           `json:"strike_price"`
	Expiration exchange.Date    `json:"expiration_date"`
	Open       int              `json:"open_quantity"`
	AvgBuy     *money.Price     `json:"avg_buy_price"`
	CostBasis  money.Amount     `json:"open_cost_basis"`
	TradeType  analytics.Source `json:"trade_type"`
	OpenedAt   *time.Time       `json:"opened_at"`
	Bought     int              `json:"buy_count"`
	Sold       int              `json:"sell_count"`
	Mark       *money.Price     `json:"mark"`
	MarkAt     *time.Time       `json:"mark_at"`
	Unrealized *money.Amount    `json:"unrealized_pnl"`
	Percent    *money.Amount    `json:"unrealized_pnl_pct"`
	Realized   money.Amount     `json:"realized_pnl"`
}

func shapeOpen(p positions.Position) openShape {
	c := p.Contract
	s := openShape{
		ID: p.ID, Symbol: c.Symbol, Ticker: c.Underlying, OptionType: string(c.Type), Strike: money.Trim(c.Strike), Expiration: c.Expiration,
		Open: p.Held(), AvgBuy: p.AverageEntry(), CostBasis: money.Amount{Decimal: p.Ledger.RemainingCost}, TradeType: analytics.Manual, OpenedAt: p.OpenedAt,
		Bought: p.Ledger.Bought, Sold: p.Ledger.Sold, Mark: p.Mark, MarkAt: p.MarkAt, Unrealized: p.Unrealized(), Realized: p.Realized(),
	}
	if p.Source == "copy" {
		s.TradeType = analytics.Copied
	}
	if s.Unrealized != nil {
		if pct := money.Percent(s.Unrealized.Decimal, p.Ledger.RemainingCost); pct.Valid {
			s.Percent = &money.Amount{Decimal: pct.Decimal}
		}
	}
	return s
}

func (a *API) openPositions(w http.ResponseWriter, r *http.Request) error {
	f, err := analytics.ParseFilter(r.URL.Query())
	if err != nil {
		return err
	}
	if f, err = f.Narrow(r.URL.Query().Get("trade_type")); err != nil {
		return err
	}
	limit, cursor, err := pageOf(r, 200)
	if err != nil {
		return err
	}
	list, next, err := a.results.Open(r.Context(), user(r.Context()), f, limit, (*positions.Cursor)(cursor))
	if err != nil {
		return err
	}
	a.desk.Mark(r.Context(), list)
	shown := make([]openShape, len(list))
	for i, p := range list {
		shown[i] = shapeOpen(p)
	}
	return httpio.AnswerList(w, shown, cursorText((*httpio.Cursor)(next)))
}

func (a *API) symbolStats(w http.ResponseWriter, r *http.Request) error {
	f, err := analytics.ParseFilter(r.URL.Query())
	if err != nil {
		return err
	}
	limit, err := httpio.QueryLimit(r, 50, 200)
	if err != nil {
		return err
	}
	sort := r.URL.Query().Get("sort")
	if sort == "" {
		sort = "total_pnl"
	}
	list, err := a.results.SymbolStats(r.Context(), user(r.Context()), f, sort, limit)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, list)
}

func (a *API) dailyStats(w http.ResponseWriter, r *http.Request) error {
	f, err := analytics.ParseFilter(r.URL.Query())
	if err != nil {
		return err
	}
	start, err := analytics.ParseDay(r.URL.Query(), "start_date")
	if err != nil {
		return err
	}
	end, err := analytics.ParseDay(r.URL.Query(), "end_date")
	if err != nil {
		return err
	}
	list, err := a.results.DailyStats(r.Context(), user(r.Context()), f, start, end)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, list)
}

func (a *API) heatmap(w http.ResponseWriter, r *http.Request) error {
	f, err := analytics.ParseFilter(r.URL.Query())
	if err != nil {
		return err
	}
	list, err := a.results.Heatmap(r.Context(), user(r.Context()), f)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, list)
}

func (a *API) cumulative(w http.ResponseWriter, r *http.Request) error {
	f, err := analytics.ParseFilter(r.URL.Query())
	if err != nil {
		return err
	}
	window, err := analytics.ParseRange(r.URL.Query().Get("range"))
	if err != nil {
		return err
	}
	list, err := a.results.Cumulative(r.Context(), user(r.Context()), f, window)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, list)
}

// exportClosed streams every finished position that the filter leaves, as CSV or JSON.
func (a *API) exportClosed(w http.ResponseWriter, r *http.Request) error {
	q, err := closedQuery(r)
	if err != nil {
		return err
	}
	format, err := choice(r, "format", string(analytics.CSV), string(analytics.CSV), string(analytics.JSON))
	if err != nil {
		return err
	}
	kind := "text/csv; charset=utf-8; header=present"
	if format == string(analytics.JSON) {
		kind = "application/json; charset=utf-8"
	}
	out := httpio.NewDownload(w, kind, "alertsify-closed-positions."+format)
	return a.results.Export(r.Context(), user(r.Context()), q, analytics.Format(format), out)
}
