package web

import (
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/ui"
)

// dashboardView is what the dashboard shows: one of three tabs below the summary.
type dashboardView struct {
	Tab       string // trading, copy, positions
	Summary   summaryView
	Ticket    ui.Ticket
	Working   ordersView
	Today     ordersView
	Positions positionsView
	Copy      copyView
}

// summaryView is the strip of figures. Nil means not known, never zero.
type summaryView struct {
	Unrealized    *money.Amount // of open positions, at their last marks
	RealizedToday *money.Amount // of today's sells, New York's day
	BuyingPower   *money.Amount // of the selected account
	Positions     int
	Working       int
}

func (v dashboardView) tabs() []ui.Tab {
	return []ui.Tab{
		{Href: "/dashboard", Label: "Trading", Active: v.Tab == "trading"},
		{Href: "/dashboard?tab=copy", Label: "Copy", Active: v.Tab == "copy", Count: len(v.Copy.Approvals)},
		{Href: "/dashboard?tab=positions", Label: "Positions", Active: v.Tab == "positions"},
	}
}
