package email

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/webhook"
)

// The events we act on; of others we only note that they came.
const (
	EventSent       = "email.sent"
	EventDelivered  = "email.delivered"
	EventBounced    = "email.bounced"
	EventComplained = "email.complained"
	EventSuppressed = "email.suppressed"
	EventFailed     = "email.failed"
)

// Event is what Resend reports about a mail, without what the mail said and to whom.
type Event struct {
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	At       time.Time `json:"at"`
	EmailID  string    `json:"emailId"`  // Resend's id of the mail
	Delivery string    `json:"delivery"` // our own, as far as a tag names it
	Bounce   string    `json:"bounce"`   // Permanent, Transient, Undetermined
	Detail   string    `json:"detail"`   // the other side's words; at most 300 bytes
}

// ErrNotAnEvent says that what was rightly signed is no event of Resend's.
var ErrNotAnEvent = errors.New("not an event of Resend")

// VerifyEvent holds an event against its signature, and reads it. The error is
// ErrNotAnEvent, and then only when the signature is right.
func VerifyEvent(keys []webhook.Key, h http.Header, body []byte, now time.Time) (Event, webhook.Verdict, error) {
	signed := webhook.Signed{ID: h.Get("Svix-Id"), Timestamp: h.Get("Svix-Timestamp"), Signature: h.Get("Svix-Signature")}
	verdict := webhook.Verify(keys, signed, body, now)
	if verdict == webhook.Wrong {
		return Event{}, verdict, nil
	}
	var in struct {
		Type      string          `json:"type"`
		CreatedAt json.RawMessage `json:"created_at"`
		Data      struct {
			EmailID string          `json:"email_id"`
			Tags    json.RawMessage `json:"tags"`
			Bounce  struct {
				Type    string `json:"type"`
				Message string `json:"message"`
			} `json:"bounce"`
			Failed struct {
				Reason string `json:"reason"`
			} `json:"failed"`
		} `json:"data"`
	}
	// What we do not know may have any form: it is stored and does nothing.
	if trimmed := bytes.TrimSpace(body); !json.Valid(body) || len(trimmed) == 0 || trimmed[0] != '{' {
		return Event{}, verdict, ErrNotAnEvent
	}
	_ = json.Unmarshal(body, &in)
	e := Event{
		ID: signed.ID, Type: in.Type, EmailID: in.Data.EmailID, Delivery: deliveryTag(in.Data.Tags),
		Bounce: in.Data.Bounce.Type, Detail: cut(in.Data.Bounce.Message+in.Data.Failed.Reason, messageMax),
	}
	var at time.Time
	if json.Unmarshal(in.CreatedAt, &at) == nil {
		e.At = at.UTC()
	}
	return e, verdict, nil
}

// deliveryTag finds ours among the tags, which come as a list of names and values, or
// as an object.
func deliveryTag(raw json.RawMessage) string {
	var list []tag
	if json.Unmarshal(raw, &list) == nil {
		for _, t := range list {
			if t.Name == "delivery" {
				return t.Value
			}
		}
	}
	var object struct {
		Delivery string `json:"delivery"`
	}
	_ = json.Unmarshal(raw, &object)
	return object.Delivery
}
