package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
)

func (a *API) subscribe(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Username string             `json:"username,omitempty"`
		TraderID string             `json:"traderId,omitempty"`
		Settings copytrade.Settings `json:"settings,omitzero"`
	}
	key, body, err := keyed(r, &in)
	if err != nil {
		return err
	}
	trader, err := traderOf(in.Username, in.TraderID)
	if err != nil {
		return err
	}
	if in.Settings.Loosens(copytrade.Defaults()) {
		if err := a.guard.Fresh(r.Context()); err != nil {
			return err
		}
	}
	stored, replayed, err := a.copier.Subscribe(r.Context(), user(r.Context()), copytrade.Key{Text: key, Body: body}, trader, in.Settings)
	if err != nil {
		return err
	}
	return told(w, http.StatusCreated, stored, replayed)
}

// traderOf is whom a request names, by username or id.
func traderOf(username, id string) (string, error) {
	if (username == "") == (id == "") {
		return "", fault.Field("username", "Name the trader by username or traderId.")
	}
	if !postgres.Storable(username + id) {
		return "", fault.NotFound()
	}
	return username + id, nil
}

func (a *API) dryRun(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Username string             `json:"username,omitempty"`
		TraderID string             `json:"traderId,omitempty"`
		Settings copytrade.Settings `json:"settings,omitzero"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	trader, err := traderOf(in.Username, in.TraderID)
	if err != nil {
		return err
	}
	run, err := a.copier.DryRun(r.Context(), user(r.Context()), trader, in.Settings)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, run)
}

func (a *API) listLateBrokers(w http.ResponseWriter, r *http.Request) error {
	list, err := a.copier.LateBrokers(r.Context())
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) listPaper(w http.ResponseWriter, r *http.Request) error {
	list, err := a.copier.Paper(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) listSubscriptions(w http.ResponseWriter, r *http.Request) error {
	list, err := a.copier.Subscriptions(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, "")
}

func (a *API) listFollowers(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	list, next, err := a.copier.Followers(r.Context(), user(r.Context()), limit, (*copytrade.Cursor)(cursor))
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, cursorText((*httpio.Cursor)(next)))
}

func (a *API) orderCopies(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	n, err := a.copier.CopiesOf(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, n)
}

func (a *API) changeSubscription(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	var in copytrade.Change
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	agreed := a.guard.Agreed(r.Context()) // matters only to what copies more than now
	if agreed != nil && in.Status != nil && *in.Status == "active" {
		return agreed
	}
	s, err := a.copier.Update(r.Context(), user(r.Context()), id, in, func() error {
		return errors.Join(a.guard.Fresh(r.Context()), agreed)
	})
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, s)
}

// stopCopying stops copying one trader. Doing it again changes nothing, so it needs
// no key.
func (a *API) stopCopying(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	var in struct {
		Level string `json:"level"`
		Pause bool   `json:"pause,omitempty"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	sub, done, err := a.copier.Stop(r.Context(), user(r.Context()), id, copytrade.Stop{Level: in.Level, Pause: in.Pause})
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, struct {
		Subscription copytrade.Subscription `json:"subscription"`
		Taken        int                    `json:"taken"`
		Selling      int                    `json:"selling"`
		Left         []string               `json:"left"`
	}{sub, done.Taken, done.Selling, append([]string{}, done.Left...)})
}

// mute keeps a trader's buys from somebody for the rest of the day. Doing it again
// changes nothing, so it needs no key.
func (a *API) mute(w http.ResponseWriter, r *http.Request) error {
	return a.muting(w, r, a.copier.Mute)
}

func (a *API) unmute(w http.ResponseWriter, r *http.Request) error {
	return a.muting(w, r, a.copier.Unmute)
}

func (a *API) muting(w http.ResponseWriter, r *http.Request, do func(context.Context, uuid.UUID, uuid.UUID) (copytrade.Subscription, error)) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	s, err := do(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, s)
}

func (a *API) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	s, err := a.copier.Unsubscribe(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, s)
}

func (a *API) consent(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Version string `json:"version"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if err := a.copier.Consent(r.Context(), user(r.Context()), in.Version); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]any{"version": in.Version, "given": true})
}

// withdrawConsent takes it back: nothing is copied without asking from then on.
func (a *API) withdrawConsent(w http.ResponseWriter, r *http.Request) error {
	if err := a.copier.WithdrawConsent(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]any{"version": copytrade.ConsentVersion, "given": false})
}

func (a *API) listDecisions(w http.ResponseWriter, r *http.Request) error {
	view, err := choice(r, "view", "all", "all", "awaiting")
	if err != nil {
		return err
	}
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	list, next, err := a.copier.Decisions(r.Context(), user(r.Context()), copytrade.Query{Awaiting: view == "awaiting", Limit: limit, Cursor: (*copytrade.Cursor)(cursor)})
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, list, cursorText((*httpio.Cursor)(next)))
}

func (a *API) decisionLine(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	after := 0
	if text := r.URL.Query().Get("after"); text != "" {
		if after, err = strconv.Atoi(text); err != nil || after < 0 || after > 10_000_000 {
			return fault.Field("after", "A place in line: a whole number from 0 on.")
		}
	}
	line, err := a.copier.Line(r.Context(), user(r.Context()), id, after)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, line)
}

func (a *API) approve(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	stored, replayed, err := a.copier.Approve(r.Context(), user(r.Context()), id, copytrade.Key{Text: key})
	if err != nil {
		return err
	}
	return told(w, http.StatusOK, stored, replayed)
}

func (a *API) reject(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	d, err := a.copier.Reject(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, d)
}
