package api

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/status"
)

// integration is how an outside party, or a part of ours, was when it was asked last.
type integration struct {
	Name      string       `json:"name"`
	State     status.State `json:"state"`
	LatencyMs int64        `json:"latencyMs"`
	Detail    string       `json:"detail"`
	At        time.Time    `json:"at"` // the minute
}

// listIntegrations answers GET /api/admin/integrations.
func (a *API) listIntegrations(w http.ResponseWriter, r *http.Request) error {
	latest, err := a.status.Latest(r.Context())
	if err != nil {
		return err
	}
	list := make([]integration, len(latest))
	for i, m := range latest {
		list[i] = integration{m.Name, m.State, m.Latency.Milliseconds(), m.Detail, m.Minute.UTC()}
	}
	return httpio.AnswerList(w, list, "")
}

// listWebhooks answers GET /api/admin/webhooks: what came in, without what it said.
func (a *API) listWebhooks(w http.ResponseWriter, r *http.Request) (err error) {
	var q inbox.LogQuery
	if q.Limit, q.After, err = page(r); err != nil {
		return err
	}
	state, err := choice(r, "state", "", "parked")
	if err != nil {
		return err
	}
	q.Parked = state == "parked"
	list, next, err := a.inbox.Log(r.Context(), q)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, cursorText(next))
}

// replayWebhook answers POST /api/admin/webhooks/{id}/replay.
func (a *API) replayWebhook(w http.ResponseWriter, r *http.Request) error {
	e, err := a.inbox.Replay(r.Context(), user(r.Context()), chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, e)
}
