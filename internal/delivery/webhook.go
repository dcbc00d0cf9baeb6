package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/secret"
	"github.com/alertsify/alertsify/internal/webhook"
)

// Event is a message for a program.
type Event struct {
	About string // alert, notification
	At    time.Time
	Data  json.RawMessage
}

// Hooks brings events to the addresses that users gave.
type Hooks struct {
	client *webhook.Client
	now    func() time.Time
}

// NewHooks sends with the given client.
func NewHooks(c *webhook.Client, now func() time.Time) *Hooks {
	if now == nil {
		now = time.Now
	}
	return &Hooks{client: c, now: now}
}

// refusalsMax is how many failures in a row, the last a refusal, make a receiver dead.
const refusalsMax = 10

// envelope is the body of every event.
type envelope struct {
	Type      string          `json:"type"` // alert.created, alert.updated, notification.created, test
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// Send posts one event. A repeat has the same webhook-id, by which receivers know it.
func (c *Hooks) Send(ctx context.Context, m Message) Result {
	words := m.Words[0].Event
	kind := words.About + ".created"
	if m.Op == Update {
		kind = words.About + ".updated"
	}
	r := c.post(ctx, m.Destination, m.ID.String(), envelope{kind, words.At, words.Data})
	if r.Outcome == Accepted {
		r.MessageID = m.ID.String()
	}
	if r.Outcome == Rejected && m.Destination.Failures+1 >= refusalsMax {
		r.Outcome, r.Detail = Gone, fmt.Sprintf("%s, %d times in a row", r.Detail, refusalsMax)
	}
	return r
}

func (c *Hooks) post(ctx context.Context, t Destination, id string, e envelope) Result {
	s, err := sealedHookOf(t)
	if err != nil {
		return Result{Outcome: Rejected, Detail: err.Error()}
	}
	keys, err := s.keys(c.now())
	if err != nil {
		return Result{Outcome: Rejected, Detail: "the stored secret " + err.Error()}
	}
	body, err := json.Marshal(e)
	if err != nil {
		return Result{Outcome: Rejected, Detail: "write event: " + err.Error()}
	}
	return hookResult(c.client.Send(ctx, s.URL, keys, id, body))
}

func hookResult(err error) Result {
	if err == nil {
		return Result{Outcome: Accepted}
	}
	var e *webhook.Error
	if !errors.As(err, &e) {
		return Result{Outcome: Unknown, Detail: err.Error()}
	}
	r := Result{After: e.RetryAfter, Limited: e.Limited, Detail: e.Error()}
	switch e.Outcome {
	case webhook.Retry:
		r.Outcome = Retry
	case webhook.Refused:
		r.Outcome = Rejected
	case webhook.Gone:
		r.Outcome = Gone
	default:
		r.Outcome = Unknown
	}
	return r
}

// sealedHook is what of a user's webhook is secret: its address too, which often holds a
// token of its own.
type sealedHook struct {
	URL    string    `json:"url"`
	Secret string    `json:"secret"`
	Before string    `json:"before,omitempty"` // the secret before, which still signs
	Until  time.Time `json:"until,omitzero"`   // until then
}

func (s sealedHook) text() (secret.Text, error) {
	b, err := json.Marshal(s) //nolint:gosec // it is sealed next
	return secret.New(string(b)), err
}

// keys are those that sign now.
func (s sealedHook) keys(now time.Time) ([]webhook.Key, error) {
	key, err := webhook.ParseSecret(secret.New(s.Secret))
	if err != nil || s.Before == "" || !now.Before(s.Until) {
		return []webhook.Key{key}, err
	}
	before, err := webhook.ParseSecret(secret.New(s.Before))
	return []webhook.Key{key, before}, err
}

func sealedHookOf(t Destination) (sealedHook, error) {
	var s sealedHook
	if err := json.Unmarshal([]byte(t.Secret.Reveal()), &s); err != nil {
		return s, errors.New("the stored webhook is unreadable")
	}
	return s, nil
}
