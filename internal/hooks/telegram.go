package hooks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/telegram"
)

// TelegramProvider is Telegram's name in the inbox.
const TelegramProvider = "telegram"

// Telegram answers POST /api/webhooks/telegram: what carries the word that was agreed is
// stored, then 200, also when it is repeated or of a kind we do not use. Stored is what
// the worker needs; of what people write that is a command and nothing else. Another bot
// counts its updates anew, so its number is part of an update's name.
func (h *Hooks) Telegram(w http.ResponseWriter, r *http.Request) error {
	body, err := h.readBody(w, r, !h.telegram.IsZero(), "TELEGRAM_WEBHOOK_SECRET")
	if err != nil {
		return err
	}
	if !telegram.SameSecret(h.telegram, r.Header.Get(telegram.SecretHeader)) {
		return h.refuse(r, fault.InvalidSignature())
	}
	update, err := telegram.ReadUpdate(body)
	if err != nil {
		return h.refuse(r, fault.InvalidJSON("This is not an update of Telegram.").Because(err))
	}
	payload, err := json.Marshal(update)
	if err != nil {
		return fmt.Errorf("keep telegram update: %w", err)
	}
	kind := update.Kind
	if kind == telegram.KindTest {
		kind = inbox.TrialType
	}
	_, err = h.inbox.Put(r.Context(), inbox.Event{
		Provider: TelegramProvider, ID: h.telegramBot + ":" + strconv.FormatInt(update.ID, 10), Type: kind, Payload: payload,
	})
	if err != nil {
		return fault.Unavailable(fmt.Errorf("store telegram update: %w", err))
	}
	h.crash("C13")
	return thank(w)
}
