package web

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/positions"
	"github.com/alertsify/alertsify/web/ui"
)

// What each list can be sorted by. Numbers and times begin with the largest.
var (
	openSorts = []ui.SortColumn{
		{By: "opened", Label: "Opened", Down: true}, {By: "contract", Label: "Contract"}, {By: "held", Label: "Open", Down: true},
		{By: "expires", Label: "Expires"},
	}
	// These need quotes: a list goes by them when a page holds all of it.
	quotedSorts = []ui.SortColumn{
		{By: "value", Label: "Value", Down: true}, {By: "pnl", Label: "P&L", Down: true},
		{By: "percent", Label: "P&L %", Down: true}, {By: "today", Label: "Today", Down: true},
	}
	closedSorts = []ui.SortColumn{
		{By: "closed", Label: "Closed", Down: true}, {By: "contract", Label: "Contract"}, {By: "pnl", Label: "P&L", Down: true},
	}
	historySorts = []ui.SortColumn{{By: "time", Label: "Time", Down: true}, {By: "contract", Label: "Contract"}}
	todaySorts   = append(slices.Clone(historySorts), ui.SortColumn{By: "side", Label: "Side"},
		ui.SortColumn{By: "quantity", Label: "Filled", Down: true}, ui.SortColumn{By: "state", Label: "State"})
)

// sortAsked is what ?sort= says, a column's name with a minus before it from the largest
// down, or the first column.
func sortAsked(r *http.Request, columns []ui.SortColumn) (by string, down bool) {
	asked, down := strings.CutPrefix(r.URL.Query().Get("sort"), "-")
	for _, c := range columns {
		if c.By == asked {
			return asked, down
		}
	}
	return columns[0].By, columns[0].Down
}

// placeText is where the next page of a sorted list begins, as text; empty on the last.
func placeText(key string, id uuid.UUID) string {
	return base64.RawURLEncoding.EncodeToString(append(id[:], key...))
}

// placeOf reads what placeText wrote; ok is false at the start of a list.
func placeOf(r *http.Request) (key string, id uuid.UUID, ok bool, err error) {
	text := r.URL.Query().Get("cursor")
	if text == "" {
		return "", id, false, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= len(id) || strings.ContainsRune(string(raw[len(id):]), 0) {
		return "", id, false, fault.Field("cursor", "must be one that an earlier page gave")
	}
	copy(id[:], raw)
	return strings.ToValidUTF8(string(raw[len(id):]), ""), id, true, nil
}

// sortedPositions reads the page of the list that ?status=, ?sort= and ?cursor= ask for.
func (s *Site) sortedPositions(r *http.Request, names map[string]string) (positionsView, error) {
	ctx := r.Context()
	view := positionsView{Status: oneOf(r, "status", "open", "closed"), Cursor: r.URL.Query().Get("cursor")}
	columns := closedSorts
	if view.Status == "open" {
		columns = slices.Concat(openSorts, quotedSorts)
	}
	by, down := sortAsked(r, columns)
	q := positions.Sorted{Status: view.Status, By: positions.Sort(by), Down: down, Limit: pageSize}
	quoted := view.Status == "open" && slices.ContainsFunc(quotedSorts, func(c ui.SortColumn) bool { return c.By == by })
	if quoted {
		q.By, q.Down = positions.ByOpened, true
	}
	key, id, there, err := placeOf(r)
	if err != nil {
		return positionsView{}, err
	}
	if there {
		q.After = &positions.Place{Key: key, ID: id}
	}
	list, next, err := s.book.Sorted(ctx, me(ctx), q)
	if err != nil {
		return positionsView{}, err
	}
	if next != nil {
		view.Next = placeText(next.Key, next.ID)
	}
	s.desk.Mark(ctx, list)
	if err := s.desk.Today(ctx, me(ctx), list); err != nil {
		return positionsView{}, err
	}
	if view.Status == "open" && (there || next != nil) {
		columns = openSorts
		if quoted {
			by, down = string(q.By), q.Down
		}
	} else if quoted {
		sortByQuotes(list, by, down)
	}
	view.Sorting = ui.Sorting{Path: "/positions", Fixed: ui.Field{Name: "status", Value: view.Status}, By: by, Down: down, Columns: columns}
	view.Rows = s.positionRows(list, names)
	return view, nil
}

// sortByQuotes puts what is not known last, whichever way the list goes.
func sortByQuotes(list []positions.Position, by string, down bool) {
	slices.SortStableFunc(list, func(x, y positions.Position) int {
		a, b := quotedValue(x, by), quotedValue(y, by)
		switch {
		case a == nil || b == nil:
			return cmp.Compare(nils(a), nils(b))
		case down:
			return b.Cmp(*a)
		}
		return a.Cmp(*b)
	})
}

func nils(d *decimal.Decimal) int {
	if d == nil {
		return 1
	}
	return 0
}

func quotedValue(p positions.Position, by string) *decimal.Decimal {
	gained := p.Unrealized()
	switch {
	case by == "today" && p.Today != nil:
		return &p.Today.Decimal
	case by == "value" && p.Value() != nil:
		return &p.Value().Decimal
	case by == "pnl" && gained != nil:
		return &gained.Decimal
	case by == "percent" && gained != nil:
		if percent := money.Percent(gained.Decimal, p.Ledger.RemainingCost); percent.Valid {
			return &percent.Decimal
		}
	}
	return nil
}

// sortedOrders reads the page of the view that ?sort= and ?cursor= ask for.
func (s *Site) sortedOrders(r *http.Request, view ordersView, names map[string]string) (ordersView, error) {
	ctx := r.Context()
	columns := todaySorts
	if view.View == "history" {
		columns = historySorts
	}
	by, down := sortAsked(r, columns)
	q := orders.Sorted{View: view.View, By: orders.Sort(by), Down: down, Limit: pageSize}
	key, id, there, err := placeOf(r)
	if err != nil {
		return ordersView{}, err
	}
	if there {
		q.After = &orders.Place{Key: key, ID: id}
	}
	list, next, err := s.desk.Sorted(ctx, me(ctx), q)
	if err != nil {
		return ordersView{}, err
	}
	if next != nil {
		view.Next = placeText(next.Key, next.ID)
	}
	view.Cursor = r.URL.Query().Get("cursor")
	view.Sorting = ui.Sorting{Path: "/orders", Fixed: ui.Field{Name: "view", Value: view.View}, By: by, Down: down, Columns: columns}
	view.Rows = orderRows(list, names)
	return view, nil
}

// with adds to the query of a list how it is sorted and where it begins.
func with(q url.Values, s ui.Sorting, cursor string) url.Values {
	if len(s.Columns) > 0 {
		q.Set("sort", s.String())
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return q
}
