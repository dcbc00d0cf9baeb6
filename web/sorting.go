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
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/web/ui"
)

// What each list can be sorted by. Numbers and times begin with the largest.
var (
	openSorts   = ui.OpenPositions.Sorts("opened", "contract", "held", "expires")
	quotedSorts = ui.OpenPositions.Sorts("value", "pnl", "percent", "today") // these need quotes: a list goes by them when a page holds all of it
	closedSorts = ui.ClosedPositions.Sorts("closed", "contract", "pnl")
	tradeSorts  = ui.Trades.Sorts("closed", "opened", "contract", "span", "pnl", "percent")

	historySorts  = ui.OrderTable("").Sorts("time", "contract")
	todaySorts    = ui.OrderTable("").Sorts("time", "contract", "side", "quantity", "state")
	decisionSorts = ui.Decisions.Sorts("time")
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

// place is where a page of a sorted list begins, after the row with this key and id.
type place struct {
	Key string
	ID  uuid.UUID
}

// placeOf reads from ?cursor= what placeText wrote; nil at the start of a list.
func placeOf(r *http.Request) (*place, error) {
	text := r.URL.Query().Get("cursor")
	if text == "" {
		return nil, nil //nolint:nilnil // the start is no place
	}
	var id uuid.UUID
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= len(id) || !postgres.Storable(string(raw[len(id):])) {
		return nil, fault.Field("cursor", "must be one that an earlier page gave")
	}
	copy(id[:], raw)
	return &place{Key: string(raw[len(id):]), ID: id}, nil
}

// sortedPositions reads the page of the list that ?status=, ?sort= and ?cursor= ask for.
func (s *Site) sortedPositions(r *http.Request, names map[string]string) (positionsView, error) {
	view := positionsView{Status: oneOf(r, "status", "open", "closed"), Cursor: r.URL.Query().Get("cursor")}
	from, err := placeOf(r)
	if err != nil {
		return positionsView{}, err
	}
	page, err := s.listed(r, view.Status, pageSize, (*positions.Place)(from))
	if err != nil {
		return positionsView{}, err
	}
	if page.next != nil {
		view.Next = placeText(page.next.Key, page.next.ID)
	}
	view.Seen.Sorting = ui.Sorting{Path: "/positions", Rest: url.Values{"status": {view.Status}}, By: page.by, Down: page.down, Columns: page.columns}
	view.Rows = s.positionRows(page.list, names)
	return view, nil
}

// eachPosition hands over every position that ?status= asks for, sorted as the page does.
func (s *Site) eachPosition(r *http.Request, do func(ui.PositionRow) error) error {
	names, err := s.names(r.Context())
	if err != nil {
		return err
	}
	limit := pageSize // of the first, as the page has it: what quotes sort there, they sort here
	return everyRow(do, func(after *positions.Place) ([]ui.PositionRow, *positions.Place, error) {
		page, err := s.listed(r, oneOf(r, "status", "open", "closed"), limit, after)
		limit = sheetPage
		return s.positionRows(page.list, names), page.next, err
	})
}

// listedPositions are a page of positions with what it goes by, and could.
type listedPositions struct {
	list    []positions.Position
	next    *positions.Place
	by      string
	down    bool
	columns []ui.SortColumn
}

// listed reads the page after a place, nil for the first, in the order that ?sort= asks for.
// A list of several pages cannot go by what only quotes know, and then goes by when they
// were opened.
func (s *Site) listed(r *http.Request, status string, limit int, after *positions.Place) (p listedPositions, err error) {
	ctx := r.Context()
	p.columns = closedSorts
	if status == "open" {
		p.columns = slices.Concat(openSorts, quotedSorts)
	}
	p.by, p.down = sortAsked(r, p.columns)
	q := positions.Sorted{Status: status, By: positions.Sort(p.by), Down: p.down, Limit: limit, After: after}
	quoted := status == "open" && slices.ContainsFunc(quotedSorts, func(c ui.SortColumn) bool { return c.By == p.by })
	if quoted {
		q.By, q.Down = positions.ByOpened, true
	}
	if p.list, p.next, err = s.book.Sorted(ctx, me(ctx), q); err != nil {
		return p, err
	}
	s.desk.Mark(ctx, p.list)
	if err := s.desk.Today(ctx, me(ctx), p.list); err != nil {
		return p, err
	}
	if status == "open" && (after != nil || p.next != nil) {
		p.columns = openSorts
		if quoted {
			p.by, p.down = string(q.By), q.Down
		}
	} else if quoted {
		sortByQuotes(p.list, p.by, p.down)
	}
	return p, nil
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
	q, columns := orderQuery(r, view.View)
	from, err := placeOf(r)
	if err != nil {
		return ordersView{}, err
	}
	q.Limit, q.After = pageSize, (*orders.Place)(from)
	list, next, err := s.desk.Sorted(ctx, me(ctx), q)
	if err != nil {
		return ordersView{}, err
	}
	if next != nil {
		view.Next = placeText(next.Key, next.ID)
	}
	view.Cursor = r.URL.Query().Get("cursor")
	view.Seen.Sorting = ui.Sorting{Path: "/orders", Rest: url.Values{"view": {view.View}}, By: string(q.By), Down: q.Down, Columns: columns}
	view.Rows = orderRows(list, names)
	return view, nil
}

// orderQuery is a view of orders by what ?sort= asks for, and what it can go by.
func orderQuery(r *http.Request, view string) (orders.Sorted, []ui.SortColumn) {
	columns := todaySorts
	if view == "history" {
		columns = historySorts
	}
	by, down := sortAsked(r, columns)
	return orders.Sorted{View: view, By: orders.Sort(by), Down: down}, columns
}

// eachOrder hands over every order of the view and the sort that are asked for.
func (s *Site) eachOrder(r *http.Request, do func(ui.OrderRow) error) error {
	ctx := r.Context()
	names, err := s.names(ctx)
	if err != nil {
		return err
	}
	q, _ := orderQuery(r, oneOf(r, "view", "working", "today", "history"))
	q.Limit = sheetPage
	return everyRow(do, func(after *orders.Place) ([]ui.OrderRow, *orders.Place, error) {
		q.After = after
		list, next, err := s.desk.Sorted(ctx, me(ctx), q)
		return orderRows(list, names), next, err
	})
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
