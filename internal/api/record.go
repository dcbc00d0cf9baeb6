package api

import (
	"bufio"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
)

// recordsPerMinute is how often one address may take the records of traders with it: a
// long one is some megabytes.
const recordsPerMinute = 20

// trackRecord answers GET /api/traders/{username}/record, for everybody: what the trader
// published, as JSON Lines that `alertsify verify-record` reads.
func (a *API) trackRecord(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), chi.URLParam(r, "username")
	if !postgres.Storable(name) {
		return fault.NotFound()
	}
	if a.allow != nil {
		d, err := a.allow(ctx, "record:"+httpio.AddressKey(httpio.Address(ctx)), recordsPerMinute)
		if err == nil && !d.Allowed {
			return fault.RateLimited(time.Until(d.Reset))
		}
	}
	s, err := a.records.Of(ctx, name)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(httpio.NewDownload(w, "application/x-ndjson", s.Username+"-record.jsonl"), 32<<10)
	if err := a.records.Write(ctx, out, s); err != nil {
		return err
	}
	return out.Flush()
}
