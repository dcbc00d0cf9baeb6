package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/risk"
)

// switched is a halt as operators see it.
type switched struct {
	Scope  string    `json:"scope"`
	Key    string    `json:"key"`
	Name   string    `json:"name"`
	Stops  string    `json:"stops"`
	Reason string    `json:"reason"`
	Cause  string    `json:"cause"`
	By     string    `json:"by"`
	Since  time.Time `json:"since"`
}

func (a *API) listHalts(w http.ResponseWriter, r *http.Request) error {
	list, _, _, err := a.rules.Console(r.Context())
	if err != nil {
		return err
	}
	shown := make([]switched, len(list))
	for i, s := range list {
		shown[i] = switched{Scope: s.Scope, Key: s.Key, Name: s.Name, Stops: s.Stops, Reason: s.Reason, Cause: s.Cause, By: s.By, Since: s.At.UTC()}
	}
	return httpio.AnswerList(w, shown, "")
}

func (a *API) halt(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Scope  string `json:"scope"`
		Key    string `json:"key,omitempty"`
		Stops  string `json:"stops,omitempty"`
		Reason string `json:"reason"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if !postgres.Storable(in.Key) || !postgres.Storable(in.Reason) {
		return fault.Field("reason", "must be plain text")
	}
	by := user(r.Context())
	err := a.desk.Halt(r.Context(), &by, risk.Halt{Scope: in.Scope, Key: in.Key, Stops: in.Stops, Reason: in.Reason})
	if err != nil {
		return err
	}
	return a.listHalts(w, r)
}

func (a *API) unhalt(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Scope  string `json:"scope"`
		Key    string `json:"key,omitempty"`
		Reason string `json:"reason,omitempty"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if !postgres.Storable(in.Key) || !postgres.Storable(in.Reason) {
		return fault.Field("reason", "must be plain text")
	}
	by := user(r.Context())
	if err := a.desk.Unhalt(r.Context(), &by, in.Scope, in.Key, in.Reason); err != nil {
		return err
	}
	return a.listHalts(w, r)
}

// userLimits are somebody's limits, for operators.
func (a *API) userLimits(w http.ResponseWriter, r *http.Request) error {
	u, err := a.users.ByUsername(r.Context(), r.URL.Query().Get("username"))
	if err != nil {
		return err
	}
	return a.answerLimits(w, r, u.ID)
}

func (a *API) answerLimits(w http.ResponseWriter, r *http.Request, of uuid.UUID) error {
	list, err := a.rules.UserLimits(r.Context(), of)
	if err != nil {
		return err
	}
	return httpio.AnswerList(w, limitsOf(list), "")
}

// grantLimit sets what a user may do instead of the installation's limit; a null
// value takes that back.
func (a *API) grantLimit(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Username string        `json:"username"`
		Limit    string        `json:"limit"`
		Value    *money.Amount `json:"value"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	u, err := a.users.ByUsername(r.Context(), in.Username)
	if err != nil {
		return err
	}
	by := user(r.Context())
	if err := a.rules.Grant(r.Context(), &by, u.ID, in.Limit, in.Value); err != nil {
		return err
	}
	return a.answerLimits(w, r, u.ID)
}
