package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/httpio"
)

// listTraders answers the directory: who publishes, with what everybody may know.
func (a *API) listTraders(w http.ResponseWriter, r *http.Request) error {
	q := copytrade.DirectoryQuery{Text: r.URL.Query().Get("q"), Cursor: r.URL.Query().Get("cursor")}
	var err error
	if q.Sort, err = choice(r, "sort", "pnl", "pnl", "winRate", "followers"); err != nil {
		return err
	}
	if q.Period, err = choice(r, "period", "all", "daily", "weekly", "monthly", "all"); err != nil {
		return err
	}
	if q.Limit, err = httpio.QueryLimit(r, 50, 200); err != nil {
		return err
	}
	list, next, err := a.copier.Directory(r.Context(), q)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, next)
}
