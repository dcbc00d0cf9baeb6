package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/postgres"
)

// review is an order or a position that operators have to look at.
type review struct {
	Kind      string    `json:"kind"` // order, position
	ID        uuid.UUID `json:"id"`
	UserID    uuid.UUID `json:"userId"`
	Username  string    `json:"username"`
	Subject   string    `json:"subject"`
	State     string    `json:"state"`
	Reason    string    `json:"reason"`
	NotPlaced bool      `json:"mayRecordNotPlaced"`
	CreatedAt time.Time `json:"createdAt"`
}

func (a *API) listReviews(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	list, next, err := a.desk.Reviews(r.Context(), limit, (*orders.Cursor)(cursor))
	if err != nil {
		return err
	}
	shown := make([]review, len(list))
	for i, u := range list {
		shown[i] = review{u.Kind, u.ID, u.UserID, u.Username, u.Subject, u.State, u.Reason, u.Recordable, u.CreatedAt}
	}
	return httpio.AnswerList(w, shown, cursorText((*httpio.Cursor)(next)))
}

// recordNotPlaced is an operator's word that an order never arrived, where its
// broker lists none.
func (a *API) recordNotPlaced(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	var in struct {
		Evidence string `json:"evidence"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if !postgres.Storable(in.Evidence) {
		return fault.Field("evidence", "must be plain text")
	}
	o, err := a.desk.RecordNotPlaced(r.Context(), user(r.Context()), id, in.Evidence)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, o)
}
