package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/leaderboard"
	"github.com/alertsify/alertsify/internal/record"
)

// leaderboardOf answers GET /api/leaderboard, for everybody; who is signed in is told where
// they stand themselves.
func (a *API) leaderboardOf(w http.ResponseWriter, r *http.Request) error {
	metric, err := choice(r, "metric", string(leaderboard.PnL), text(leaderboard.Metrics())...)
	if err != nil {
		return err
	}
	period, err := choice(r, "period", string(record.Monthly), text(record.Periods())...)
	if err != nil {
		return err
	}
	q := leaderboard.Query{Metric: leaderboard.Metric(metric), Period: record.Period(period), Cursor: r.URL.Query().Get("cursor")}
	if q.Limit, err = httpio.QueryLimit(r, 50, 200); err != nil {
		return err
	}
	if p, known := auth.From(r.Context()); known {
		q.Viewer = p.User.ID
	}
	page, next, err := a.board.Page(r.Context(), q)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, page, next)
}

// text is words of a type of their own as plain ones.
func text[T ~string](list []T) []string {
	words := make([]string, len(list))
	for i, word := range list {
		words[i] = string(word)
	}
	return words
}
