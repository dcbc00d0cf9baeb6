package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/web/ui"
)

// positionsView is one list of positions: open or closed.
type positionsView struct {
	Status string
	Rows   []ui.PositionRow
	Cursor string
	Next   string
	Failed bool

	Seen     ui.View // the page /positions sorts; elsewhere the list stands in its own order
	ReturnTo string  // the page that shows it
}

// table is the list's name.
func (v positionsView) table() string { return v.Status }

func (v positionsView) tools() ui.Tools {
	return ui.Tools{
		Table: v.table(), Of: strings.ToLower(v.title()), ReturnTo: v.ReturnTo,
		CSV: with(url.Values{"status": {v.Status}}, v.Seen.Sorting, "").Encode(),
	}
}

func (v positionsView) tabs() []ui.Tab {
	return []ui.Tab{
		{Href: "/positions", Label: "Open", Active: v.Status == "open"},
		{Href: "/positions?status=closed", Label: "Closed", Active: v.Status == "closed"},
	}
}

func (v positionsView) title() string {
	if v.Status == "closed" {
		return "Closed positions"
	}
	return "Open positions"
}

func (v positionsView) empty() string {
	if v.Status == "closed" {
		return "Nothing closed yet."
	}
	return "No open positions. What you buy, or what your broker already holds, appears here."
}

// instead is where somebody goes on whose list is empty.
func (v positionsView) instead() (href, action string) {
	if v.Status == "closed" {
		return "/positions", "Open positions"
	}
	return "/dashboard#ticket", "Open the ticket"
}

func (v positionsView) fragment() string {
	return "/partials/positions?" + with(url.Values{"status": {v.Status}, "at": {v.ReturnTo}}, v.Seen.Sorting, v.Cursor).Encode()
}

// trigger is when the list asks again: prices of what is open move all the time.
func (v positionsView) trigger() string {
	if v.Status == "open" && len(v.Rows) > 0 {
		return "live-position from:body throttle:500ms, live-prices from:body"
	}
	return "live-position from:body throttle:500ms"
}

func (v positionsView) nextPage() string {
	return "/positions?" + with(url.Values{"status": {v.Status}}, v.Seen.Sorting, v.Next).Encode()
}

// positionList answers GET /positions.
func (s *Site) positionList(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Positions", "/positions")
	if err != nil {
		return err
	}
	view, err := s.sortedPositions(r, accountNames(p.Accounts))
	if err == nil {
		view.Seen.Chosen, err = s.chosen(r.Context(), view.table())
	}
	status := http.StatusOK
	if s.away(r, err) {
		view, status, err = positionsView{Status: oneOf(r, "status", "open", "closed"), Failed: true}, fault.Of(err).Status, nil
	}
	if err != nil {
		return err
	}
	view.ReturnTo = here(r)
	return s.show(w, r, status, positionsPage(p, view))
}

// positionsPart answers GET /partials/positions.
func (s *Site) positionsPart(w http.ResponseWriter, r *http.Request) error {
	names, err := s.names(r.Context())
	if err != nil {
		return err
	}
	read := s.positionsView
	if r.URL.Query().Has("sort") {
		read = s.sortedPositions
	}
	view, err := read(r, names)
	if err != nil {
		return err
	}
	if view.Seen.Chosen, err = s.chosen(r.Context(), view.table()); err != nil {
		return err
	}
	view.ReturnTo = auth.LocalPath(r.URL.Query().Get("at"))
	return s.show(w, r, http.StatusOK, positionsPanel(view))
}

// positionsView reads the list that ?status= and ?cursor= ask for.
func (s *Site) positionsView(r *http.Request, names map[string]string) (positionsView, error) {
	view, list, err := s.markedPositions(r)
	if err != nil {
		return positionsView{}, err
	}
	if err := s.desk.Today(r.Context(), me(r.Context()), list); err != nil {
		return positionsView{}, err
	}
	view.Rows = s.positionRows(list, names)
	return view, nil
}

// markedPositions is that list with its marks, and the view without its rows.
func (s *Site) markedPositions(r *http.Request) (positionsView, []positions.Position, error) {
	from, err := cursor(r)
	if err != nil {
		return positionsView{}, nil, err
	}
	view := positionsView{Status: oneOf(r, "status", "open", "closed"), Cursor: r.URL.Query().Get("cursor")}
	ctx := r.Context()
	list, next, err := s.book.Positions(ctx, me(ctx), positions.Query{Status: view.Status, Limit: pageSize, Cursor: (*positions.Cursor)(from)})
	if err != nil {
		return positionsView{}, nil, err
	}
	if next != nil {
		view.Next = older(next.At, next.ID)
	}
	s.desk.Mark(ctx, list)
	return view, list, nil
}

func (s *Site) positionRows(list []positions.Position, names map[string]string) []ui.PositionRow {
	rows := make([]ui.PositionRow, 0, len(list))
	for _, p := range list {
		rows = append(rows, positionRow(p, names, s.clock.Today()))
	}
	return rows
}

func positionRow(p positions.Position, names map[string]string, today exchange.Date) ui.PositionRow {
	row := ui.PositionRow{
		ID: p.ID.String(), Contract: p.Contract, Account: names[p.AccountID.String()], Bought: p.Ledger.Bought, Sold: p.Ledger.Sold,
		Available: p.Available(), Average: p.AverageEntry(), Mark: p.Mark, MarkAt: p.MarkAt, Value: p.Value(), Unrealized: p.Unrealized(), Today: p.Today,
		Realized: p.Realized(), In: money.Amount{Decimal: p.Ledger.CostBought}, Out: money.Amount{Decimal: p.Ledger.Proceeds},
		Fees: money.Amount{Decimal: p.Ledger.Fees}, Missing: p.Missing, Unpriced: p.Unpriced, Status: string(p.Status), Source: source(p.Source, p.CopiedFrom),
		DaysLeft: today.DaysUntil(p.Contract.Expiration), OpenedAt: p.OpenedAt, ClosedAt: p.ClosedAt,
	}
	if p.Review != nil {
		row.Review = *p.Review
	}
	if p.Outcome != nil {
		row.Outcome = string(*p.Outcome)
	}
	row.Percent = p.RealizedPercent()
	if row.Unrealized != nil {
		row.Percent = money.Percent(row.Unrealized.Decimal, p.Ledger.RemainingCost)
	}
	return row
}

// source is where a position or order came from, in words.
func source(word string, copiedFrom *string) string {
	if word == "copy" && copiedFrom != nil {
		return "copy of @" + *copiedFrom
	}
	return word
}

// names are the accounts as tables show them.
func (s *Site) names(ctx context.Context) (map[string]string, error) {
	list, err := s.accounts.List(ctx, me(ctx))
	if err != nil {
		return nil, err
	}
	return accountNames(accountViews(list)), nil
}
