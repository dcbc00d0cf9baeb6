package hooks

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

// Ask puts the job that outside schedulers know by a name into the queue and says what it put
// there; known is false where there is no such job.
type Ask func(ctx context.Context, job string) (asked any, known bool, err error)

// Cron answers GET /api/cron/{job} with what was put into the queue: the job that runs by
// itself, asked for before its time. It is committed when this answers.
func (h *Hooks) Cron(w http.ResponseWriter, r *http.Request) error {
	if h.cron.IsZero() {
		return fault.Unavailable(errors.New("CRON_SECRET is not set"))
	}
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+h.cron.Reveal())) != 1 {
		return h.refuse(r, fault.Unauthenticated())
	}
	asked, known, err := h.ask(r.Context(), chi.URLParam(r, "job"))
	if err != nil {
		return err
	}
	if !known {
		return fault.NotFound()
	}
	return httpio.Answer(w, http.StatusAccepted, asked)
}
