package web

import (
	"net/url"

	"github.com/alertsify/alertsify/web/ui"
)

// positionsView is one list of positions: open or closed.
type positionsView struct {
	Status string
	Rows   []ui.PositionRow
	Cursor string
	Next   string
	Failed bool
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

func (v positionsView) fragment() string {
	q := url.Values{"status": {v.Status}}
	if v.Cursor != "" {
		q.Set("cursor", v.Cursor)
	}
	return "/partials/positions?" + q.Encode()
}

func (v positionsView) nextPage() string {
	return "/positions?" + url.Values{"status": {v.Status}, "cursor": {v.Next}}.Encode()
}
