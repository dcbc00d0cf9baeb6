package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/web/ui"
)

// ordersView is one list of orders: working, today or history.
type ordersView struct {
	View     string
	Rows     []ui.OrderRow
	Cursor   string // where this page begins, "" for the newest
	Next     string // where the next begins, "" at the end
	ReturnTo string // the page that shows it
	Failed   bool

	Seen ui.View // the page /orders sorts; elsewhere the list stands in its own order
}

func (v ordersView) tools() ui.Tools {
	return ui.Tools{
		Table: "orders", Of: strings.ToLower(v.title()), ReturnTo: v.ReturnTo,
		CSV: with(url.Values{"view": {v.View}}, v.Seen.Sorting, "").Encode(),
	}
}

var orderViews = []struct{ view, label, title string }{
	{"working", "Working", "Working orders"},
	{"today", "Today", "Today’s orders"},
	{"history", "History", "Order history"},
}

func (v ordersView) tabs() []ui.Tab {
	tabs := make([]ui.Tab, 0, len(orderViews))
	for _, o := range orderViews {
		tabs = append(tabs, ui.Tab{Href: "/orders?view=" + o.view, Label: o.label, Active: v.View == o.view})
	}
	return tabs
}

func (v ordersView) title() string {
	for _, o := range orderViews {
		if o.view == v.View {
			return o.title
		}
	}
	return "Orders"
}

func (v ordersView) empty() string {
	switch v.View {
	case "working":
		return "No orders are working."
	case "today":
		return "No orders today."
	}
	return "No orders yet. The first one starts at the ticket."
}

func (v ordersView) fragment() string {
	return "/partials/orders?" + with(url.Values{"view": {v.View}, "at": {v.ReturnTo}}, v.Seen.Sorting, v.Cursor).Encode()
}

func (v ordersView) nextPage() string {
	return "/orders?" + with(url.Values{"view": {v.View}}, v.Seen.Sorting, v.Next).Encode()
}

// orderList answers GET /orders.
func (s *Site) orderList(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Orders", "/orders")
	if err != nil {
		return err
	}
	view := ordersView{View: oneOf(r, "view", "working", "today", "history")}
	view.ReturnTo = here(r)
	read, err := s.sortedOrders(r, view, accountNames(p.Accounts))
	if err == nil {
		read.Seen.Chosen, err = s.chosen(r.Context(), "orders")
	}
	if s.away(r, err) {
		view.Failed = true
		return s.show(w, r, fault.Of(err).Status, ordersPage(p, view))
	}
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, ordersPage(p, read))
}

// ordersPart answers GET /partials/orders; ?at= is the page it stands on.
func (s *Site) ordersPart(w http.ResponseWriter, r *http.Request) error {
	names, err := s.names(r.Context())
	if err != nil {
		return err
	}
	view := ordersView{View: oneOf(r, "view", "working", "today", "history"), ReturnTo: auth.LocalPath(r.URL.Query().Get("at"))}
	read := s.ordersView
	if r.URL.Query().Has("sort") {
		read = s.sortedOrders
	}
	if view, err = read(r, view, names); err != nil {
		return err
	}
	if view.Seen.Chosen, err = s.chosen(r.Context(), "orders"); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, ordersPanel(view))
}

// ordersView reads the page of the list that ?cursor= asks for.
func (s *Site) ordersView(r *http.Request, view ordersView, names map[string]string) (ordersView, error) {
	from, err := cursor(r)
	if err != nil {
		return ordersView{}, err
	}
	ctx := r.Context()
	view.Cursor = r.URL.Query().Get("cursor")
	list, next, err := s.desk.Orders(ctx, me(ctx), orders.Query{View: view.View, Limit: pageSize, Cursor: (*orders.Cursor)(from)})
	if err != nil {
		return ordersView{}, err
	}
	if next != nil {
		view.Next = older(next.At, next.ID)
	}
	view.Rows = orderRows(list, names)
	return view, nil
}

func orderRows(list []orders.Order, names map[string]string) []ui.OrderRow {
	rows := make([]ui.OrderRow, 0, len(list))
	for _, o := range list {
		rows = append(rows, orderRow(o, names))
	}
	return rows
}

func orderRow(o orders.Order, names map[string]string) ui.OrderRow {
	row := ui.OrderRow{
		ID: o.ID.String(), PositionID: o.PositionID.String(), At: o.CreatedAt, Contract: o.Contract, Side: string(o.Side),
		Quantity: o.Quantity, Filled: o.Cum, Type: string(o.Type), Limit: o.Limit, Stop: o.Stop, Average: o.Average(),
		TimeInForce: string(o.TimeInForce), State: string(o.State), Label: o.Label(), Account: names[o.AccountID.String()],
		Source: string(o.Source), Cancellable: o.State.Live(), CancelRequested: o.CancelRequested != nil, CancelKey: newKey(),
	}
	if o.Reason != nil {
		row.Reason = *o.Reason
	}
	row.Replaceable = o.Replaceable()
	row.Replacing, row.NotReplaced = changeWords(o)
	if o.BrokerOrderID != nil {
		row.BrokerID = *o.BrokerOrderID
	}
	return row
}

// changeWords are what an order is to become while it is being replaced, and why
// the last replacing of a working one did not come about.
func changeWords(o orders.Order) (becoming, failed string) {
	c := o.Change
	switch {
	case c == nil || !o.State.Working():
		return "", ""
	case c.Open():
		becoming = ui.Contracts(c.Quantity)
		if limit := c.Limit(); limit != nil {
			becoming += " at " + limit.Display()
		}
		return becoming, ""
	case c.State == orders.ChangeFailed || c.State == orders.ChangeAborted:
		if c.Reason != nil {
			return "", *c.Reason
		}
	}
	return "", ""
}

// newKey makes a rendered form repeatable: however often it is sent, it is one request.
func newKey() string { return uuid.NewString() }

// cancelOrder answers POST /orders/{id}/cancel.
func (s *Site) cancelOrder(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	key, err := keyOf(f)
	if err != nil {
		return err
	}
	if _, err := s.desk.Cancel(r.Context(), me(r.Context()), id, key); err != nil {
		return err
	}
	return back(w, f.Get("return_to"), "cancel-asked")
}

// keyOf takes a form's key. Its body is what the form says, without the key.
func keyOf(f url.Values) (orders.Key, error) {
	text := f.Get("key")
	if _, err := uuid.Parse(text); err != nil {
		return orders.Key{}, errNoKey(err)
	}
	said := url.Values{}
	for name, values := range f {
		if name != "key" {
			said[name] = values
		}
	}
	body, err := json.Marshal(said)
	return orders.Key{Text: text, Body: body}, err
}
