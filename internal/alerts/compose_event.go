package alerts

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/delivery"
)

// tradeEvent is an alert as the feeds of the API have it, for its trader's own webhook.
func tradeEvent(r alertRow) (delivery.Words, error) {
	item, err := r.item(r.UserID)
	if err != nil {
		return delivery.Words{}, err
	}
	return eventOf("alert", r.UpdatedAt, item)
}

// eventNotification is a notification as a program reads it: with the whole address of
// its page.
type eventNotification struct {
	ID         uuid.UUID      `json:"id"`
	Type       Type           `json:"type"`
	Title      string         `json:"title"`
	Body       string         `json:"body"`
	URL        string         `json:"url"`
	Data       map[string]any `json:"data"`
	PositionID *uuid.UUID     `json:"positionId"`
	ValidUntil *time.Time     `json:"validUntil"`
	CreatedAt  time.Time      `json:"createdAt"`
}

func (a *Announcer) notificationEvent(n notificationRow) (delivery.Words, error) {
	e := eventNotification{
		ID: n.ID, Type: n.Type, Title: n.Title, Body: n.Body, URL: a.appURL + localPath(n.URL), Data: n.Data,
		PositionID: n.PositionID, CreatedAt: n.CreatedAt.UTC(),
	}
	if n.ValidUntil != nil {
		until := n.ValidUntil.UTC()
		e.ValidUntil = &until
	}
	return eventOf("notification", n.CreatedAt, e)
}

func eventOf(about string, at time.Time, data any) (delivery.Words, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return delivery.Words{}, fmt.Errorf("write event: %w", err)
	}
	return delivery.Words{Event: &delivery.Event{About: about, At: at.UTC(), Data: raw}}, nil
}
