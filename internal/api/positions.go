package api

import (
	"encoding/json"
	"net/http"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/positions"
)

func (a *API) listPositions(w http.ResponseWriter, r *http.Request) error {
	status, err := choice(r, "status", "all", "open", "closed", "all")
	if err != nil {
		return err
	}
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	list, next, err := a.book.Positions(r.Context(), user(r.Context()), positions.Query{Status: status, Limit: limit, Cursor: (*positions.Cursor)(cursor)})
	if err != nil {
		return err
	}
	a.desk.Mark(r.Context(), list)
	return httpio.AnswerList(w, list, cursorText((*httpio.Cursor)(next)))
}

// getPosition answers the position with the orders and fills that made it.
func (a *API) getPosition(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	ctx, owner := r.Context(), user(r.Context())
	p, err := a.book.Position(ctx, owner, id)
	if err != nil {
		return err
	}
	placed, _, err := a.desk.Orders(ctx, owner, orders.Query{View: "all", PositionID: &id, Limit: 200})
	if err != nil {
		return err
	}
	fills, err := a.desk.Fills(ctx, owner, id)
	if err != nil {
		return err
	}
	one := []positions.Position{p}
	a.desk.Mark(ctx, one)
	detail, err := fields(one[0])
	if err != nil {
		return err
	}
	detail["orders"], detail["fills"] = placed, fills
	return httpio.Answer(w, http.StatusOK, detail)
}

// fields are a shape's members, to add more to.
func fields(v any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	all := make(map[string]any, len(raw))
	for name, value := range raw {
		all[name] = value
	}
	return all, nil
}
