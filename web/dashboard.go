package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/alertsify/alertsify/internal/analytics"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/ui"
)

// dashboardView is what the dashboard shows: one of three tabs below the summary.
type dashboardView struct {
	Tab       string // trading, copy, positions
	Summary   summaryView
	Ticket    ui.Ticket
	Grid      gridView
	Working   ordersView
	Today     ordersView
	Positions positionsView
	Copy      copyView
}

// summaryView is the strip of figures. Nil means not known, never zero.
type summaryView struct {
	Unrealized  *money.Amount // of all open positions, at their latest prices
	BuyingPower *money.Amount // of the selected account
	Positions   string        // "3", "50+"
	Working     string
	Week, Ever  *money.Amount // realised: the last seven days, and all; as Analytics has them
}

func (v dashboardView) tabs() []ui.Tab {
	return []ui.Tab{
		{Href: "/dashboard", Label: "Trading", Active: v.Tab == "trading"},
		{Href: "/dashboard?tab=copy", Label: "Copy", Active: v.Tab == "copy", Count: len(v.Copy.Approvals)},
		{Href: "/dashboard?tab=positions", Label: "Positions", Active: v.Tab == "positions"},
	}
}

// page is the tab's address.
func (v dashboardView) page() string {
	if v.Tab == "trading" {
		return "/dashboard"
	}
	return "/dashboard?tab=" + v.Tab
}

// away tells whether a list, or how somebody wants to see it, could not be read because of us:
// it says so in its place, and the rest of the page is shown all the same.
func (s *Site) away(r *http.Request, err error) bool {
	if err == nil || fault.Of(err).Status < http.StatusInternalServerError {
		return false
	}
	s.log.ErrorContext(r.Context(), "a list is not shown as it should be", "path", r.URL.Path, "err", err)
	return true
}

// dashboard answers GET /dashboard. Its query chooses the tab and may fill the
// ticket: fields by their names, ?line= or ?position=.
func (s *Site) dashboard(w http.ResponseWriter, r *http.Request) error {
	p, view, err := s.trading(r)
	if err != nil {
		return err
	}
	if view.Ticket, err = s.ticket(r.Context(), r.URL.Query(), p.Accounts); err != nil {
		return err
	}
	s.keepAmount(w, r)
	return s.show(w, r, http.StatusOK, dashboardPage(p, view))
}

// trading reads everything on the dashboard but the ticket.
func (s *Site) trading(r *http.Request) (ui.Page, dashboardView, error) {
	view := dashboardView{
		Tab: oneOf(r, "tab", "trading", "copy", "positions"), Working: ordersView{View: "working", ReturnTo: "/dashboard"}, Today: ordersView{View: "today", ReturnTo: "/dashboard"},
	}
	p, err := s.shell(r, "Dashboard", "/dashboard")
	if err != nil {
		return p, view, err
	}
	names := accountNames(p.Accounts)
	for _, list := range []*ordersView{&view.Working, &view.Today} {
		read, err := s.ordersView(r, *list, names)
		if list.Failed = s.away(r, err); list.Failed {
			continue
		}
		if err != nil {
			return p, view, err
		}
		*list = read
	}
	view.Positions, err = s.positionsView(r, names)
	if s.away(r, err) {
		view.Positions, err = positionsView{Status: "open", Failed: true}, nil
	}
	if err != nil {
		return p, view, err
	}
	view.Positions.ReturnTo = view.page()
	if view.Copy, err = s.copyView(r, "/dashboard?tab=copy"); err != nil {
		return p, view, err
	}
	picked, err := s.picked(r)
	if err != nil {
		return p, view, err
	}
	view.choose(picked)
	if view.Tab == "trading" {
		if view.Grid, err = s.grid(r); err != nil {
			return p, view, err
		}
	}
	view.Summary = summaryOf(p, view)
	return p, view, s.addRealized(r.Context(), &view.Summary)
}

// choose shows each table with the columns that were picked for it.
func (v *dashboardView) choose(columns map[string][]string) {
	v.Working.Seen.Chosen, v.Today.Seen.Chosen = columns["orders"], columns["orders"]
	v.Positions.Seen.Chosen, v.Copy.Seen.Chosen = columns[v.Positions.table()], columns[ui.Decisions.Name]
}

// addRealized reads what was realised.
func (s *Site) addRealized(ctx context.Context, sum *summaryView) error {
	made, err := s.results.PeriodStats(ctx, me(ctx), analytics.Filter{})
	sum.Week, sum.Ever = &made.PnL7d, &made.PnLAll
	return err
}

func summaryOf(p ui.Page, view dashboardView) summaryView {
	sum := summaryView{
		Unrealized: openProfit(view.Positions), Positions: countOf(len(view.Positions.Rows), view.Positions.Next, view.Positions.Failed),
		Working: countOf(len(view.Working.Rows), view.Working.Next, view.Working.Failed),
	}
	for _, a := range p.Accounts {
		if a.Selected {
			sum.BuyingPower = a.BuyingPower
		}
	}
	return sum
}

// summaryPart answers GET /partials/summary.
func (s *Site) summaryPart(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	accounts, err := s.accounts.List(ctx, me(ctx))
	if err != nil {
		return err
	}
	working, err := s.ordersView(r, ordersView{View: "working"}, nil)
	if err != nil {
		return err
	}
	open, list, err := s.markedPositions(r)
	if err != nil {
		return err
	}
	open.Rows = s.positionRows(list, nil)
	view := dashboardView{Working: working, Positions: open}
	sum := summaryOf(ui.Page{Accounts: accountViews(accounts)}, view)
	if err := s.addRealized(ctx, &sum); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, summaryStrip(sum))
}

// todayPart answers GET /partials/today: the figure in the header.
func (s *Site) todayPart(w http.ResponseWriter, r *http.Request) error {
	open, list, err := s.markedPositions(r)
	if err != nil {
		return err
	}
	open.Rows = s.positionRows(list, nil)
	figure := ui.Headline{Label: "Open P&L", Amount: openProfit(open), About: "Of all open positions, at their latest prices"}
	return s.show(w, r, http.StatusOK, ui.Today(&figure))
}

// countOf is how many rows there are, that there are more than were read, or that nobody knows.
func countOf(rows int, next string, failed bool) string {
	if failed {
		return "—"
	}
	if next != "" {
		return itoa(rows) + "+"
	}
	return itoa(rows)
}

func itoa(n int) string { return strconv.Itoa(n) }
