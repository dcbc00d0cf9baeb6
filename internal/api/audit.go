package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/audit"
	"github.com/alertsify/alertsify/internal/httpio"
)

// listAudit answers everybody's changes, for operators.
func (a *API) listAudit(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	kind, err := choice(r, "kind", "", audit.Kinds()...)
	if err != nil {
		return err
	}
	list, next, err := a.audit.All(r.Context(), audit.Filter{Username: r.URL.Query().Get("user"), Kind: kind}, limit, cursor)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, cursorText(next))
}
