package api

import (
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

// legalDocument is a text that members agree to, and when one did.
type legalDocument struct {
	Document   string     `json:"document"`
	Title      string     `json:"title"`
	Version    string     `json:"version"`
	Changed    string     `json:"changed"`
	Path       string     `json:"path"`
	AcceptedAt *time.Time `json:"acceptedAt"`
}

func (a *API) listDocuments(w http.ResponseWriter, r *http.Request) error {
	list, err := a.legal.Standing(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	shown := make([]legalDocument, len(list))
	for i, s := range list {
		shown[i] = legalDocument{Document: s.Name, Title: s.Title, Version: s.Version, Changed: s.Changed, Path: s.Path(), AcceptedAt: utc(s.AcceptedAt)}
	}
	return httpio.AnswerList(w, shown, "")
}

// acceptDocuments records what was read, by version. Doing it again changes nothing, so
// it needs no key.
func (a *API) acceptDocuments(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Documents []struct {
			Document string `json:"document"`
			Version  string `json:"version"`
		} `json:"documents"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	versions := map[string]string{}
	for _, d := range in.Documents {
		if _, twice := versions[d.Document]; twice {
			return fault.Field("documents", "Name each document once.")
		}
		versions[d.Document] = d.Version
	}
	if err := a.legal.Accept(r.Context(), user(r.Context()), versions); err != nil {
		return err
	}
	return a.listDocuments(w, r)
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
