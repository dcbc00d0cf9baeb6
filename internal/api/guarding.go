package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/httpio"
)

func (a *API) listTriggers(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	list, next, err := a.copier.Triggers(r.Context(), user(r.Context()), limit, (*copytrade.Cursor)(cursor))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, cursorText((*httpio.Cursor)(next)))
}
