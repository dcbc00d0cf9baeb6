package web

import (
	"net/http"
	"strconv"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

// problemView is an error in words.
type problemView struct {
	Status    string
	Title     string
	Text      string
	Back      string // where to go on from here
	Plans     string // where the plan that is missing is bought; empty: it is no matter of plans
	RequestID string
}

// Problem draws a fault for people: the page httpio.FrontOptions asks for.
func (s *Site) Problem(w http.ResponseWriter, r *http.Request, f *fault.Error) {
	if f.Code == "terms_required" {
		to := auth.AcceptURL(referer(r))
		if r.Header.Get("HX-Request") == "" {
			_ = back(w, to, "")
			return
		}
		w.Header().Set("HX-Redirect", to) // a redirect would put that page into the piece that asked
	}
	view := problemView{
		Status: strconv.Itoa(f.Status), Title: problemTitle(f), Text: f.Public, Back: "/", RequestID: httpio.RequestID(r.Context()),
	}
	view.Plans, _ = f.Details["checkout"].(string)
	if r.Method != http.MethodGet {
		view.Back = referer(r)
	}
	if err := s.show(w, r, f.Status, problemPage(s.frame(r, view.Title, ""), view)); err != nil {
		http.Error(w, f.Public, f.Status) // not even the page about it could be drawn
	}
}

func problemTitle(f *fault.Error) string {
	switch f.Status {
	case http.StatusNotFound:
		return "There is nothing here"
	case http.StatusForbidden:
		return "This is not open to you"
	case http.StatusConflict, http.StatusUnprocessableEntity, http.StatusBadRequest:
		return "That did not work"
	case http.StatusTooManyRequests:
		return "Too much at once"
	case http.StatusServiceUnavailable:
		return "Not available right now"
	}
	if f.Status >= http.StatusInternalServerError {
		return "Something went wrong on our side"
	}
	return "That did not work"
}

func (v problemView) backLabel() string {
	if v.Back == "/" {
		return "Home"
	}
	return "Back"
}
