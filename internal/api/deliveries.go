package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
)

// alertReceipts answers how each message of an alert of one's own went.
func (a *API) alertReceipts(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	list, err := a.alerts.Receipts(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

// notificationReceipts answers the same of a notification.
func (a *API) notificationReceipts(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	_, list, err := a.alerts.Notification(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) listDeadLetters(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	channel, err := choice(r, "channel", "", delivery.AllChannels()...)
	if err != nil {
		return err
	}
	list, next, err := a.post.DeadLetters(r.Context(), channel, limit, cursor)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, cursorText(next))
}

func (a *API) getDeadLetter(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	return a.answerDeadLetter(w, r, id)
}

func (a *API) answerDeadLetter(w http.ResponseWriter, r *http.Request, id uuid.UUID) error {
	letter, err := a.post.DeadLetter(r.Context(), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, letter)
}

func (a *API) replayDeadLetter(w http.ResponseWriter, r *http.Request) error {
	return a.ruleDeadLetter(w, r, a.post.Replay)
}

func (a *API) discardDeadLetter(w http.ResponseWriter, r *http.Request) error {
	return a.ruleDeadLetter(w, r, a.post.Discard)
}

func (a *API) ruleDeadLetter(w http.ResponseWriter, r *http.Request, do func(ctx context.Context, by, id uuid.UUID) error) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if err := do(r.Context(), user(r.Context()), id); err != nil {
		return err
	}
	return a.answerDeadLetter(w, r, id)
}

func (a *API) channelHealth(w http.ResponseWriter, r *http.Request) error {
	list, err := a.post.Health(r.Context())
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) listAnnouncements(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	list, next, err := a.alerts.Announcements(r.Context(), limit, cursor)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, cursorText(next))
}

// announce says something to everybody, once for each key, and only when it is confirmed.
func (a *API) announce(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Title   string `json:"title"`
		Body    string `json:"body,omitempty"`
		Confirm bool   `json:"confirm,omitempty"`
	}
	key, body, err := keyed(r, &in)
	if err != nil {
		return err
	}
	if !postgres.Storable(in.Title) || !postgres.Storable(in.Body) {
		return fault.Field("title", "must be plain text")
	}
	answer, err := a.alerts.SayToAll(r.Context(), postgres.RequestKey{
		User: user(r.Context()), Route: "POST /api/admin/announcements", Key: key, Body: body,
	}, alerts.Draft{Title: in.Title, Body: in.Body, Confirmed: in.Confirm})
	if err != nil {
		return err
	}
	return told(w, answer.Status, answer.Body, answer.Replayed)
}
