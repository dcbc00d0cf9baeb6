package web

import (
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/legal"
)

// acceptView asks for the documents that somebody has not accepted.
type acceptView struct {
	Missing  []legal.Standing
	ReturnTo string // a path of ours: where one goes on, with or without accepting
}

// legalRoutes are the lines of these pages in the route table.
func (s *Site) legalRoutes() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: legal.AcceptPath, Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.askDocuments},
		{Method: "POST", Pattern: legal.AcceptPath, Rule: auth.SignedIn, Class: httpio.Vital, Handler: s.acceptDocuments},
		{Method: "GET", Pattern: "/legal/{document}", Rule: auth.Public, Class: httpio.Feed, Handler: s.document},
	}
}

// document answers GET /legal/{document}.
func (s *Site) document(w http.ResponseWriter, r *http.Request) error {
	d, found := legal.Find(chi.URLParam(r, "document"))
	if !found {
		return fault.NotFound()
	}
	return s.show(w, r, http.StatusOK, documentPage(s.frame(r, d.Title, d.Path()), d))
}

// askDocuments answers GET /legal/accept. Its query: return_to.
func (s *Site) askDocuments(w http.ResponseWriter, r *http.Request) error {
	v := acceptView{ReturnTo: auth.LocalPath(r.URL.Query().Get("return_to"))}
	list, err := s.legal.Standing(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	v.Missing = slices.DeleteFunc(list, func(d legal.Standing) bool { return d.AcceptedAt != nil })
	if len(v.Missing) == 0 {
		return back(w, v.ReturnTo, "")
	}
	return s.show(w, r, http.StatusOK, acceptPage(s.frame(r, "Before you begin", legal.AcceptPath), v))
}

// acceptDocuments answers POST /legal/accept: the form carries the versions that were shown.
func (s *Site) acceptDocuments(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if f.Get("accept") != "on" {
		return fault.Field("accept", "Tick that you have read and accept the documents, or go on without.")
	}
	versions := map[string]string{}
	for _, d := range legal.Documents() {
		if f.Has(d.Name) {
			versions[d.Name] = f.Get(d.Name)
		}
	}
	if err := s.legal.Accept(r.Context(), me(r.Context()), versions); err != nil {
		return err
	}
	return back(w, f.Get("return_to"), "accepted")
}

// changedWords say what is new since the version that somebody accepted.
func changedWords(d legal.Standing) string {
	if d.Before == "" {
		return "Version of " + d.Version + "."
	}
	return "New since the version of " + d.Before + ": " + d.Changed
}
