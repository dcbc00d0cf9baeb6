package hooks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/whop"
)

// WhopProvider is Whop's name in the inbox.
const WhopProvider = "whop"

// Whop answers POST /api/webhooks/whop: what Whop signed is stored, then 200, also when
// it is repeated, of a type we do not use, or stale. Stored is where to look, not who
// paid: the worker reads that from Whop.
func (h *Hooks) Whop(w http.ResponseWriter, r *http.Request) error {
	body, err := h.readBody(w, r, len(h.whop) > 0, "WHOP_WEBHOOK_SECRETS")
	if err != nil {
		return err
	}
	event, verdict := whop.VerifyEvent(h.whop, r.Header, body, time.Now())
	switch verdict {
	case whop.MissingHeader, whop.BadTimestamp, whop.SignatureMismatch:
		return h.refuse(r, fault.InvalidSignature().Because(fmt.Errorf("whop event: %s", verdict)))
	case whop.Malformed:
		return h.refuse(r, fault.InvalidJSON("This is not an event of Whop."))
	case whop.TooOld, whop.TooNew, whop.Accepted:
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("keep whop event: %w", err)
	}
	_, err = h.inbox.Put(r.Context(), inbox.Event{
		Provider: WhopProvider, ID: short(event.ID), Type: cut(event.Name), Account: cut(event.Account), At: event.At,
		Stale: verdict.Stale(), Payload: payload,
	})
	if err != nil {
		return fault.Unavailable(fmt.Errorf("store whop event: %w", err))
	}
	h.crash("C13")
	return thank(w)
}
