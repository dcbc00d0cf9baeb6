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

// getPosition answers the position with the orders, fills and adjustments that made it.
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
	adjustments, err := a.book.Adjustments(ctx, owner, id)
	if err != nil {
		return err
	}
	detail["orders"], detail["fills"], detail["adjustments"] = placed, fills, adjustments
	return httpio.Answer(w, http.StatusOK, detail)
}

// writeAboutPosition changes its notes and tags.
func (a *API) writeAboutPosition(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	var in struct {
		Notes *string   `json:"notes,omitempty"`
		Tags  *[]string `json:"tags,omitempty"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	p, err := a.book.Write(r.Context(), user(r.Context()), id, positions.Entry{Notes: in.Notes, Tags: in.Tags})
	if err != nil {
		return err
	}
	one := []positions.Position{p}
	a.desk.Mark(r.Context(), one)
	return httpio.Answer(w, http.StatusOK, one[0])
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
