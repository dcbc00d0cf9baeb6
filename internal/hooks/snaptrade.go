package hooks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/inbox"
	"github.com/alertsify/alertsify/internal/snaptrade"
)

// Provider is SnapTrade's name in the inbox.
const Provider = "snaptrade"

const (
	snaptradeBodyMax = 256 << 10 // bytes
	keepMax          = 16 << 10  // bytes of a buffer worth keeping for the next body
	idMax            = 200       // bytes; an id is 36, and the index takes no more than 2,700
	wordMax          = 200
)

// Snaptrade answers POST /api/webhooks/snaptrade: what SnapTrade signed is stored,
// then 200, also when it is repeated, of a type we do not use, or stale (a hint
// only). The refusals and their order are rule 11.1's.
func (h *Hooks) Snaptrade(w http.ResponseWriter, r *http.Request) error {
	body, ok := h.buffers.Get().(*bytes.Buffer)
	if !ok {
		body = new(bytes.Buffer)
	}
	defer h.putBack(body)
	if f := h.readSnaptrade(w, r, body); f != nil {
		return f
	}
	event, verdict := h.snaptrade.VerifyWebhook(r.Header.Get("Signature"), body.Bytes())
	switch verdict {
	case snaptrade.OK, snaptrade.Stale:
	case snaptrade.Malformed:
		return h.refuse(r, fault.InvalidJSON("This is not a SnapTrade event."))
	default:
		return h.refuse(r, fault.InvalidSignature())
	}
	_, err := h.inbox.Put(r.Context(), inbox.Event{
		Provider: Provider, ID: short(event.ID), Type: cut(event.Type), User: cut(event.UserID),
		Account: cut(event.AccountID), Connection: cut(event.ConnectionID), At: event.At, Stale: verdict == snaptrade.Stale,
	})
	if err != nil {
		return fault.Unavailable(fmt.Errorf("store snaptrade event: %w", err))
	}
	h.crash("C13")
	return thank(w)
}

// readSnaptrade reads the body, once, and gives the refusals that come before any
// look at what it says.
func (h *Hooks) readSnaptrade(w http.ResponseWriter, r *http.Request, body *bytes.Buffer) error {
	if r.ContentLength > snaptradeBodyMax {
		return h.refuse(r, fault.TooLarge())
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, snaptradeBodyMax))
	if errors.As(err, new(*http.MaxBytesError)) {
		return h.refuse(r, fault.TooLarge())
	}
	if err != nil {
		return h.refuse(r, fault.InvalidJSON("The body could not be read.").Because(err))
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return h.refuse(r, fault.NotJSON())
	}
	if h.snaptrade == nil {
		return fault.Unavailable(errors.New("SNAPTRADE_CONSUMER_KEY is not set"))
	}
	return nil
}

// putBack keeps a buffer for the next request, but not the memory of a huge one.
// What was read stays nowhere else: events are copied out by the parser.
func (h *Hooks) putBack(body *bytes.Buffer) {
	if body.Cap() > keepMax {
		return
	}
	body.Reset()
	h.buffers.Put(body)
}

func isJSON(contentType string) bool {
	if contentType == "application/json" { // nearly all of them
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/json"
}

// short keeps an id within what an index takes; a longer one is named by its hash.
func short(id string) string {
	if len(id) <= idMax {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// cut drops names that no SnapTrade id or event type has; as hints they are useless.
func cut(word string) string {
	if len(word) > wordMax {
		return ""
	}
	return word
}

// retryAfter is how long an address waits, at least a second.
func retryAfter(d httpio.Decision) time.Duration {
	return max(time.Until(d.Reset), time.Second)
}
