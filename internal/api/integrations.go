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
	Quota     *quota       `json:"quota"`
	Webhooks  []heard      `json:"webhooks"`
}

// quota is what a party said was left when it answered last, to the process that answers.
type quota struct {
	Limit     *int       `json:"limit"`
	Remaining int        `json:"remaining"`
	ResetAt   *time.Time `json:"resetAt"`
	At        time.Time  `json:"at"`
}

func quotaOf(q httpio.Quota) *quota {
	out := &quota{Remaining: q.Remaining, At: q.At.UTC()}
	if q.Limit > 0 {
		out.Limit = &q.Limit
	}
	if !q.Reset.IsZero() {
		reset := q.Reset.UTC()
		out.ResetAt = &reset
	}
	return out
}

// heard is when a type of an integration's webhooks came last.
type heard struct {
	Type string    `json:"type"`
	At   time.Time `json:"at"`
}

// trial is what trying one of our own doors came to.
type trial struct {
	Provider string `json:"provider"`
	Path     string `json:"path"`
	OK       bool   `json:"ok"`
	Refused  bool   `json:"refused"` // what was wrongly signed
	Arrived  bool   `json:"arrived"` // what was rightly signed
	Worked   bool   `json:"worked"`
	TookMs   int64  `json:"tookMs"`
	Problem  string `json:"problem"`
}

// testWebhooks answers POST /api/admin/integrations/test.
func (a *API) testWebhooks(w http.ResponseWriter, r *http.Request) error {
	tried, err := a.tryDoors(r.Context())
	if err != nil {
		return err
	}
	list := make([]trial, len(tried))
	for i, t := range tried {
		list[i] = trial{t.Provider, t.Path, t.OK(), t.Refused, t.Arrived, t.Worked, t.Took.Milliseconds(), t.Problem}
	}
	return httpio.AnswerList(w, list, "")
}

// listIntegrations answers GET /api/admin/integrations.
func (a *API) listIntegrations(w http.ResponseWriter, r *http.Request) error {
	latest, err := a.status.Latest(r.Context())
	if err != nil {
		return err
	}
	last, err := a.inbox.LastOfEach(r.Context())
	if err != nil {
		return err
	}
	came := map[string][]heard{}
	for _, h := range last {
		came[h.Provider] = append(came[h.Provider], heard{h.Type, h.At})
	}
	list := make([]integration, len(latest))
	for i, m := range latest {
		list[i] = integration{
			Name: m.Name, State: m.State, LatencyMs: m.Latency.Milliseconds(), Detail: m.Detail, At: m.Minute.UTC(),
			Webhooks: append([]heard{}, came[a.party(m.Name)]...),
		}
		if q, said := a.quota(m.Name); said {
			list[i].Quota = quotaOf(q)
		}
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
