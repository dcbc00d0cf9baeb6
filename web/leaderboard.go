package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/web/ui"
)

const leaderboardPath = "/leaderboard"

// leaderboardView is a page of a board.
type leaderboardView struct {
	leaderboard.Page

	Next  string
	First bool   // no page stands before this one
	Me    string // the viewer's username; empty for who is not signed in
}

// The words for metrics, and for periods, the longest first but for the default.
var (
	boardMetrics = [][2]string{{"pnl", "P&L"}, {"roi", "ROI"}, {"winRate", "Win rate"}, {"copyEfficiency", "Copy efficiency"}, {"followers", "Followers"}}
	boardPeriods = [][2]string{{"monthly", "30 days"}, {"weekly", "7 days"}, {"daily", "Today"}, {"all", "All time"}}
)

// leaderboard answers GET /leaderboard, for everybody.
func (s *Site) leaderboard(w http.ResponseWriter, r *http.Request) error {
	v := leaderboardView{First: r.URL.Query().Get("cursor") == ""}
	viewer, known := auth.From(r.Context())
	q := leaderboard.Query{
		Metric: metricOf(r), Period: periodOf(r), Limit: pageSize, Cursor: r.URL.Query().Get("cursor"),
	}
	if known {
		v.Me, q.Viewer = viewer.User.Username, viewer.User.ID
	}
	var err error
	if v.Page, v.Next, err = s.board.Page(r.Context(), q); err != nil {
		return err
	}
	p := s.frame(r, "Leaderboard", leaderboardPath)
	if known {
		if p, err = s.shell(r, "Leaderboard", leaderboardPath); err != nil {
			return err
		}
	}
	p.Share = s.shareBoard(r, v)
	return s.show(w, r, http.StatusOK, leaderboardPage(p, v))
}

func (v leaderboardView) address(metric, period, cursor string) string {
	q := url.Values{"metric": {metric}, "period": {period}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return leaderboardPath + "?" + q.Encode()
}

func (v leaderboardView) metrics() []ui.Tab {
	tabs := make([]ui.Tab, len(boardMetrics))
	for i, m := range boardMetrics {
		tabs[i] = ui.Tab{Href: v.address(m[0], string(v.Period), ""), Label: m[1], Active: m[0] == string(v.Metric)}
	}
	return tabs
}

func (v leaderboardView) periods() []ui.Tab {
	tabs := make([]ui.Tab, len(boardPeriods))
	for i, p := range boardPeriods {
		tabs[i] = ui.Tab{Href: v.address(string(v.Metric), p[0], ""), Label: p[1], Active: p[0] == string(v.Period)}
	}
	return tabs
}

// apart says whether the viewer's own standing is not among those shown.
func (v leaderboardView) apart() bool {
	if v.Own == nil {
		return false
	}
	for _, s := range v.Standings {
		if s.Username == v.Me {
			return false
		}
	}
	return true
}

// ownWords says where the viewer stands, or what they lack.
func (v leaderboardView) ownWords() string {
	if v.Metric == leaderboard.Efficiency && v.Own.Rank == nil {
		return "You are not on this board: too few copies of your trades have ended, or your own brought no profit."
	}
	if v.Own.Rank != nil {
		return "You are " + leaderboard.Ordinal(*v.Own.Rank) + " on this board."
	}
	if missing := v.Minimum - v.Own.Finished; missing > 0 {
		return "You are not on this board: " + strconv.Itoa(v.Own.Finished) + " of the " + tradeWords(v.Minimum) + " it asks for."
	}
	return "You are not on this board yet."
}

// rule says who is on the board.
func (v leaderboardView) rule() string {
	switch v.Metric {
	case leaderboard.Followers:
		return "Traders whom somebody copies for real. Results beside them are of the period."
	case leaderboard.Efficiency:
		return "Traders of whom at least 10 copies of at least 3 followers have ended, of those bought in the last 90 days, and who made a profit with the same trades."
	}
	words := "Traders with at least " + tradeWords(v.Minimum) + " finished in the period"
	if v.Minimum > 1 {
		words += ": fewer say little of a percentage"
	}
	return words + "."
}

func tradeWords(n int) string {
	if n == 1 {
		return "1 published trade"
	}
	return strconv.Itoa(n) + " published trades"
}

func boardWord(words [][2]string, key string) string {
	for _, w := range words {
		if w[0] == key {
			return w[1]
		}
	}
	return key
}

// signedPercent writes a percentage with its sign.
func signedPercent(a *money.Amount) string {
	if a == nil {
		return "—"
	}
	return money.DisplayPercent(nullPercent(&a.Decimal))
}

func copyWords(n int) string {
	if n == 1 {
		return "1 copy"
	}
	return strconv.Itoa(n) + " copies"
}
