package web

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/orders"
)

const reviewsPath = "/admin/reviews"

// reviewsView is what operators have to look at, and what was wrong with what one
// of them wrote last.
type reviewsView struct {
	List    []orders.UpForReview
	Wrong   uuid.UUID // the order it was about
	Typed   string
	Problem string
}

// typed is what stands in an order's field.
func (v reviewsView) typed(id uuid.UUID) string {
	if id == v.Wrong {
		return v.Typed
	}
	return ""
}

// reviews answers GET /admin/reviews.
func (s *Site) reviews(w http.ResponseWriter, r *http.Request) error {
	return s.showReviews(w, r, http.StatusOK, reviewsView{})
}

func (s *Site) showReviews(w http.ResponseWriter, r *http.Request, status int, v reviewsView) error {
	p, err := s.shell(r, "Reviews", reviewsPath)
	if err != nil {
		return err
	}
	if v.List, err = s.desk.Reviews(r.Context()); err != nil {
		return err
	}
	return s.show(w, r, status, reviewsPage(p, v))
}

// notPlaced answers POST /admin/orders/{id}/not-placed.
func (s *Site) notPlaced(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	_, err = s.desk.RecordNotPlaced(r.Context(), me(r.Context()), id, f.Get("evidence"))
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == "validation_failed" {
		named, _ := refused.Details["fields"].(map[string]any)
		v := reviewsView{Wrong: id, Typed: f.Get("evidence")}
		v.Problem, _ = named["evidence"].(string)
		return s.showReviews(w, r, http.StatusUnprocessableEntity, v)
	}
	if err != nil {
		return err
	}
	return back(w, reviewsPath, "not-placed")
}
