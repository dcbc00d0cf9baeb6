package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

const budgetPath = "/admin/budget"

// budgetView is what is left of the requests that brokers take, and whom it serves.
type budgetView struct {
	snaptrade.Free
	Capacity []copytrade.Capacity
}

// budgetUses says what each class of requests is for, the most important first.
var budgetUses = []struct {
	Class snaptrade.Class
	Label string
}{
	{snaptrade.Exit, "Sells"},
	{snaptrade.Cancel, "Cancels"},
	{snaptrade.Manual, "Buys by hand, previews, the portal"},
	{snaptrade.UnresolvedLook, "Looks for orders that nobody knows of"},
	{snaptrade.CopiedEntry, "Copied buys"},
	{snaptrade.WorkingLook, "Looks at working orders"},
	{snaptrade.Sync, "Reading accounts"},
}

// requestBudget answers GET /admin/budget.
func (s *Site) requestBudget(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Budget", budgetPath)
	if err != nil {
		return err
	}
	var v budgetView
	if v.Free, err = s.budget.Free(r.Context()); err != nil {
		return err
	}
	if v.Capacity, err = s.copier.Capacity(r.Context(), copytrade.CapacityDelays...); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, budgetPage(p, v))
}

// servedView is whom the budget serves of one signal within a time, and how many
// follow the trader.
type servedView struct {
	copytrade.Capacity
	Trader    string
	Followers int
}

// served is nil in a program without a budget.
func (s *Site) served(ctx context.Context, trader string, seconds int) (*servedView, error) {
	list, err := s.copier.Capacity(ctx, seconds)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	followers, err := s.copier.FollowersOf(ctx, trader)
	return &servedView{Capacity: list[0], Trader: trader, Followers: followers}, err
}

// crowded says whether more follow than are served in any case.
func (v servedView) crowded() bool { return v.Followers > v.Least }

// servedWords is a capacity in words: "75 to 150", "150", "none".
func servedWords(c copytrade.Capacity) string {
	switch {
	case c.Most == 0:
		return "none"
	case c.Least == c.Most:
		return strconv.Itoa(c.Most)
	}
	return strconv.Itoa(c.Least) + " to " + strconv.Itoa(c.Most)
}

// secondsWords is a wait in words: "45 seconds", "2 minutes".
func secondsWords(seconds int) string {
	if seconds >= 120 && seconds%60 == 0 {
		return strconv.Itoa(seconds/60) + " minutes"
	}
	return strconv.Itoa(seconds) + " seconds"
}
