package web

import (
	"net/url"

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
	q := url.Values{"view": {v.View}, "at": {v.ReturnTo}}
	if v.Cursor != "" {
		q.Set("cursor", v.Cursor)
	}
	return "/partials/orders?" + q.Encode()
}

func (v ordersView) nextPage() string {
	return "/orders?" + url.Values{"view": {v.View}, "cursor": {v.Next}}.Encode()
}
