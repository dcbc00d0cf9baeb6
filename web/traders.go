package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/record"
)

const tradersPath = "/traders"

// tradersView is a page of the directory, and which of its traders the person copies.
type tradersView struct {
	Sort, Period, Text string
	List               []copytrade.Listed
	Copied             map[string]string // subscription by username
	Next               string
	First              bool // no page stands before this one
}

var (
	traderSorts   = [][2]string{{"pnl", "P&L"}, {"winRate", "Win rate"}, {"followers", "Followers"}}
	traderPeriods = [][2]string{{"all", "All time"}, {"monthly", "30 days"}, {"weekly", "7 days"}, {"daily", "Today"}}
)

// traders answers GET /traders.
func (s *Site) traders(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Traders", tradersPath)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	v := tradersView{
		Sort: oneOf(r, "sort", words(traderSorts)...), Period: oneOf(r, "period", words(traderPeriods)...),
		Text: strings.TrimPrefix(strings.TrimSpace(q.Get("q")), "@"), First: q.Get("cursor") == "",
	}
	v.List, v.Next, err = s.copier.Directory(r.Context(), copytrade.DirectoryQuery{
		Sort: v.Sort, Period: v.Period, Text: v.Text, Limit: pageSize, Cursor: q.Get("cursor"),
	})
	if err != nil {
		return err
	}
	if v.Copied, err = s.copied(r); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, tradersPage(p, v))
}

// copied are the subscriptions of whoever is asking, by the trader's username; of a
// real one and one on paper the real one.
func (s *Site) copied(r *http.Request) (map[string]string, error) {
	list, err := s.copier.Subscriptions(r.Context(), me(r.Context()))
	if err != nil {
		return nil, err
	}
	copied := make(map[string]string, len(list))
	for _, sub := range list {
		if _, known := copied[sub.Trader]; !known || !*sub.Settings.Paper {
			copied[sub.Trader] = sub.ID.String()
		}
	}
	return copied, nil
}

func words(choices [][2]string) []string {
	list := make([]string, len(choices))
	for i, c := range choices {
		list[i] = c[0]
	}
	return list
}

func (v tradersView) nextPage() string {
	return tradersPath + "?" + url.Values{"sort": {v.Sort}, "period": {v.Period}, "q": {v.Text}, "cursor": {v.Next}}.Encode()
}

func traderLink(username string) string { return tradersPath + "/" + url.PathEscape(username) }

func copyLink(username string) string {
	return "/copy/new?" + url.Values{"trader": {username}}.Encode()
}

// traderView is one trader as everybody may see them, and what the viewer has to do
// with them.
type traderView struct {
	copytrade.Profile
	Alerts       []alerts.FeedItem // the latest
	SignedIn     bool
	Own          bool   // the viewer's own profile
	Subscription string // the viewer's; empty without
	Followed     bool   // by the viewer
	Record       record.Standing
	Standing     *leaderboard.Standing // in 30 days; nil before there are boards with them
	Achieved     []leaderboard.Achievement
}

const alertsMost = 10

// trader answers GET /traders/{username}, for everybody.
func (s *Site) trader(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	profile, err := s.copier.Profile(ctx, chi.URLParam(r, "username"))
	if err != nil {
		return err
	}
	v := traderView{Profile: profile}
	if v.Record, err = s.records.Of(ctx, profile.Username); err != nil {
		return err
	}
	if v.Standing, err = s.board.Of(ctx, profile.Username, record.Monthly); err != nil {
		return err
	}
	if v.Achieved, err = s.board.Achievements(ctx, profile.Username); err != nil {
		return err
	}
	viewer, known := auth.From(ctx)
	v.Alerts, _, err = s.alerts.Feed(ctx, alerts.FeedQuery{Kind: alerts.TradeFeed, Viewer: viewer.User.ID, Username: v.Username, Limit: alertsMost})
	if err != nil {
		return err
	}
	title := v.Name + " (@" + v.Username + ")"
	if !known {
		p := s.frame(r, title, tradersPath)
		p.Share = s.shareTrader(r, v)
		return s.show(w, r, http.StatusOK, traderPage(p, v))
	}
	p, err := s.shell(r, title, tradersPath)
	if err != nil {
		return err
	}
	p.Share = s.shareTrader(r, v)
	v.SignedIn, v.Own = true, viewer.User.Username == v.Username
	id, err := s.copier.Following(ctx, viewer.User.ID, v.Username)
	if err != nil {
		return err
	}
	if id != nil {
		v.Subscription = id.String()
	}
	if v.Followed, err = s.alerts.Follows(ctx, viewer.User.ID, v.Username); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, traderPage(p, v))
}

// followTrader answers POST /traders/{username}/follow.
func (s *Site) followTrader(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "username")
	if err := s.alerts.Follow(r.Context(), me(r.Context()), name); err != nil {
		return err
	}
	return back(w, traderLink(name), "followed")
}

// unfollowTrader answers POST /traders/{username}/unfollow.
func (s *Site) unfollowTrader(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "username")
	if err := s.alerts.Unfollow(r.Context(), me(r.Context()), name); err != nil {
		return err
	}
	return back(w, traderLink(name), "unfollowed")
}

// winRateWords is a win rate with the number of positions it is made of.
func winRateWords(rate *money.Amount, finished int) string {
	if rate == nil {
		return "—"
	}
	return rate.Share() + " of " + strconv.Itoa(finished)
}

func periodWords(period string) string {
	for _, p := range traderPeriods {
		if p[0] == period {
			return p[1]
		}
	}
	return period
}

func entryWords(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return strconv.Itoa(n) + " entries"
}
