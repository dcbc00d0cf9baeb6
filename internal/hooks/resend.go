package hooks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/email"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/webhook"
)

// ResendProvider is Resend's name in the inbox.
const ResendProvider = "resend"

// Resend answers POST /api/webhooks/resend: what Resend signed is stored, then 200, also
// when it is repeated, of a type we do not use, or stale. Stored is what the worker
// needs, not whom the mail went to nor what it said.
func (h *Hooks) Resend(w http.ResponseWriter, r *http.Request) error {
	body, err := h.readBody(w, r, len(h.resend) > 0, "RESEND_WEBHOOK_SECRET")
	if err != nil {
		return err
	}
	event, verdict, err := email.VerifyEvent(h.resend, r.Header, body, time.Now())
	if verdict == webhook.Wrong {
		return h.refuse(r, fault.InvalidSignature())
	}
	if err != nil {
		return h.refuse(r, fault.InvalidJSON("This is not an event of Resend.").Because(err))
	}
	payload, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("keep resend event: %w", err)
	}
	_, err = h.inbox.Put(r.Context(), inbox.Event{
		Provider: ResendProvider, ID: short(event.ID), Type: cut(event.Type), At: event.At, Stale: verdict == webhook.Stale, Payload: payload,
	})
	if err != nil {
		return fault.Unavailable(fmt.Errorf("store resend event: %w", err))
	}
	h.crash("C13")
	return thank(w)
}
