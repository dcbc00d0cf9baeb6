package delivery

import (
	"context"
	"errors"

	"github.com/alertsify/alertsify/internal/getstream"
)

// Feed mirrors activities to GetStream. Nobody reads them back: our own tables
// are what pages show.
type Feed struct{ client *getstream.Client }

// NewFeed sends with the given client.
func NewFeed(c *getstream.Client) *Feed { return &Feed{client: c} }

// Send publishes an activity or replaces it; its key and time make a repeat harmless.
func (c *Feed) Send(ctx context.Context, m Message) Result {
	activity := *m.Words[0].Activity
	send := c.client.Publish
	if m.Op == Update {
		send = c.client.Update
	}
	err := send(ctx, activity)
	if err == nil {
		return Result{Outcome: Accepted, MessageID: activity.Key}
	}
	var e *getstream.Error
	if !errors.As(err, &e) {
		return Result{Outcome: Unknown, Detail: err.Error()}
	}
	// GetStream's limits and its keys are the application's: all wait together.
	r := Result{After: e.RetryAfter, Limited: e.Limited, Everyone: e.Limited, Detail: e.Error()}
	switch e.Outcome {
	case getstream.Retry:
		r.Outcome = Retry
	case getstream.Rejected:
		r.Outcome = Rejected
	case getstream.Misconfigured:
		r.Outcome, r.Everyone = Misconfigured, true
	default:
		r.Outcome = Unknown
	}
	return r
}
