package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/httpio"
)

func (a *API) listTriggers(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	list, next, err := a.copier.Triggers(r.Context(), user(r.Context()), limit, (*copytrade.Cursor)(cursor))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, cursorText((*httpio.Cursor)(next)))
}

func (a *API) listDrift(w http.ResponseWriter, r *http.Request) error {
	list, err := a.copier.Drifts(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) closeDrift(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	stored, replayed, err := a.copier.CloseDrift(r.Context(), user(r.Context()), id, copytrade.Key{Text: key})
	if err != nil {
		return err
	}
	return told(w, http.StatusAccepted, stored, replayed)
}

func (a *API) keepDrift(w http.ResponseWriter, r *http.Request) error {
	return answerDrift(w, r, a.copier.Keep)
}

func (a *API) ignoreDrift(w http.ResponseWriter, r *http.Request) error {
	return answerDrift(w, r, a.copier.Ignore)
}

func answerDrift(w http.ResponseWriter, r *http.Request, say func(ctx context.Context, follower, id uuid.UUID) (copytrade.Drift, error)) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	d, err := say(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, d)
}

func (a *API) listCopiedHoldings(w http.ResponseWriter, r *http.Request) error {
	list, err := a.copier.CopiedHoldings(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}
