package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
)

// application is somebody's wish to become a trader, as they and operators see it.
type application struct {
	ID        uuid.UUID  `json:"id"`
	Username  string     `json:"username"`
	Name      string     `json:"name"`
	Text      string     `json:"text"`
	State     string     `json:"state"` // pending, withdrawn, approved, rejected
	Reason    string     `json:"reason"`
	CreatedAt time.Time  `json:"createdAt"`
	EndedAt   *time.Time `json:"endedAt"`
}

func applicationOf(a users.Application) application {
	return application{
		ID: a.ID, Username: a.Username, Name: a.Name, Text: a.Text, State: a.State, Reason: a.Reason, CreatedAt: a.CreatedAt.UTC(), EndedAt: utc(a.EndedAt),
	}
}

// getApplication answers the last one; null: they never asked.
func (a *API) getApplication(w http.ResponseWriter, r *http.Request) error {
	last, err := a.applying.Latest(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	if last == nil {
		return httpio.Answer(w, http.StatusOK, nil)
	}
	return httpio.Answer(w, http.StatusOK, applicationOf(*last))
}

func (a *API) applyAsTrader(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Text string `json:"text"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	made, err := a.applying.Apply(r.Context(), user(r.Context()), in.Text)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusCreated, applicationOf(made))
}

func (a *API) withdrawApplication(w http.ResponseWriter, r *http.Request) error {
	if err := a.applying.Withdraw(r.Context(), user(r.Context())); err != nil {
		return err
	}
	return a.getApplication(w, r)
}

func (a *API) listApplications(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	list, next, err := a.applying.Pending(r.Context(), limit, cursor)
	if err != nil {
		return err
	}
	shown := make([]application, len(list))
	for i, one := range list {
		shown[i] = applicationOf(one)
	}
	return httpio.AnswerList(w, shown, cursorText(next))
}

func (a *API) approveApplication(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	ended, err := a.applying.Approve(r.Context(), user(r.Context()), id)
	if err != nil {
		return err
	}
	a.guard.Forget(ended.UserID)
	return httpio.Answer(w, http.StatusOK, applicationOf(ended))
}

func (a *API) rejectApplication(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	var in struct {
		Reason string `json:"reason"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	ended, err := a.applying.Reject(r.Context(), user(r.Context()), id, in.Reason)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, applicationOf(ended))
}

// listedUser is a person as operators see them.
type listedUser struct {
	profile
	Status string `json:"status"`
}

func listedUserOf(u users.User) listedUser {
	return listedUser{profile: profileOf(u), Status: u.Status}
}

func (a *API) listUsers(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := page(r)
	if err != nil {
		return err
	}
	role, err := choice(r, "role", "", string(users.Subscriber), string(users.Trader), string(users.Admin))
	if err != nil {
		return err
	}
	status, err := choice(r, "status", "", users.Statuses()...)
	if err != nil {
		return err
	}
	list, next, err := a.users.Search(r.Context(), users.Search{Text: r.URL.Query().Get("q"), Role: users.Role(role), Status: status}, limit, cursor)
	if err != nil {
		return err
	}
	shown := make([]listedUser, len(list))
	for i, u := range list {
		shown[i] = listedUserOf(u)
	}
	return httpio.AnswerList(w, shown, cursorText(next))
}

// changeUser gives a role, suspends ("suspended") or reinstates ("active").
func (a *API) changeUser(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Username string  `json:"username"`
		Role     *string `json:"role,omitempty"`
		Status   *string `json:"status,omitempty"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if (in.Role == nil) == (in.Status == nil) {
		return fault.Field("role", "Give a role or a status.")
	}
	if !postgres.Storable(in.Username) {
		return fault.NotFound()
	}
	ctx, by := r.Context(), user(r.Context())
	u, err := a.users.ByUsername(ctx, in.Username)
	if err != nil {
		return err
	}
	switch {
	case in.Role != nil:
		err = a.users.GrantRole(ctx, by, u.Username, users.Role(*in.Role))
	case *in.Status == "suspended":
		err = a.users.Suspend(ctx, by, u.Username)
	case *in.Status == users.StatusActive:
		err = a.users.Reinstate(ctx, by, u.Username)
	default:
		err = fault.Field("status", "must be active or suspended")
	}
	if err != nil {
		return err
	}
	a.guard.Forget(u.ID)
	if u, err = a.users.ByID(ctx, u.ID); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, listedUserOf(u))
}
