package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/email"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/webhook"
)

// ResendProvider is Resend's name in the inbox.
const ResendProvider = "resend"

const resendBodyMax = 1 << 20 // bytes

// Resend answers POST /api/webhooks/resend: what Resend signed is stored, then 200, also
// when it is repeated, of a type we do not use, or stale. Stored is what the worker
// needs, not whom the mail went to nor what it said.
func (h *Hooks) Resend(w http.ResponseWriter, r *http.Request) error {
	body, f := h.readResend(w, r)
	if f != nil {
		return f
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

// readResend reads the body, once, and gives the refusals that come before any look at
// what it says.
func (h *Hooks) readResend(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > resendBodyMax {
		return nil, h.refuse(r, fault.TooLarge())
	}
	body, err := httpio.ReadBounded(http.MaxBytesReader(w, r.Body, resendBodyMax+1), resendBodyMax)
	if errors.Is(err, httpio.ErrAnswerTooLarge) || errors.As(err, new(*http.MaxBytesError)) {
		return nil, h.refuse(r, fault.TooLarge())
	}
	if err != nil {
		return nil, h.refuse(r, fault.InvalidJSON("The body could not be read.").Because(err))
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return nil, h.refuse(r, fault.NotJSON())
	}
	if len(h.resend) == 0 {
		return nil, fault.Unavailable(errors.New("RESEND_WEBHOOK_SECRET is not set"))
	}
	return body, nil
}
