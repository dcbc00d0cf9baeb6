package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/httpio"
)

func (a *API) getPublishing(w http.ResponseWriter, r *http.Request) error {
	p, err := a.copier.Publishing(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, p)
}

// stopPublishing turns a trader's own switch. Turning it again changes nothing, so it
// needs no key.
func (a *API) stopPublishing(w http.ResponseWriter, r *http.Request) error {
	if err := a.copier.StopPublishing(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return a.getPublishing(w, r)
}

func (a *API) publish(w http.ResponseWriter, r *http.Request) error {
	if err := a.copier.Publish(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return a.getPublishing(w, r)
}
