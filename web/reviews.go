package web

import (
	"errors"
	"net/http"
	"net/url"

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
	Cursor  string    // of this page, "" on the first
	Next    string    // of the next page, "" on the last
	Wrong   uuid.UUID // the order it was about
	Typed   string
	Problem string
}

func (v reviewsView) nextPage() string {
	return reviewsPath + "?" + url.Values{"cursor": {v.Next}}.Encode()
}

// recordPath is where the form about an order goes; what is wrong with it is shown on
// the page it stood on.
func (v reviewsView) recordPath(id uuid.UUID) string {
	path := "/admin/orders/" + id.String() + "/not-placed"
	if v.Cursor == "" {
		return path
	}
	return path + "?" + url.Values{"cursor": {v.Cursor}}.Encode()
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
	from, err := cursor(r)
	if err != nil {
		return err
	}
	list, next, err := s.desk.Reviews(r.Context(), pageSize, (*orders.Cursor)(from))
	if err != nil {
		return err
	}
	v.List, v.Cursor = list, r.URL.Query().Get("cursor")
	if next != nil {
		v.Next = older(next.At, next.ID)
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
