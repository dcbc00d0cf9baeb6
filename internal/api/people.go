package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/users"
)

// person is what everybody may see of a user.
type person struct {
	ID         uuid.UUID  `json:"id"`
	Username   string     `json:"username"`
	Name       string     `json:"name"`
	Bio        string     `json:"bio"`
	AvatarURL  *string    `json:"avatarUrl"`
	Role       users.Role `json:"role"`
	VerifiedAt *time.Time `json:"verifiedAt"`
	CreatedAt  time.Time  `json:"createdAt"`
}

// publisher is what everybody may see of a trader besides, and whether one copies
// them oneself.
type publisher struct {
	Followers      int              `json:"followers"`
	Periods        []copytrade.Made `json:"periods"`
	StoppedAt      *time.Time       `json:"stoppedAt"`      // since when they have stopped publishing; null while they publish
	Following      bool             `json:"following"`      // their alerts are in one's timeline
	SubscriptionID *uuid.UUID       `json:"subscriptionId"` // one's own; null without
}

// profile is what a user sees of themselves.
type profile struct {
	person
	Email         string `json:"email"` // empty when we know none
	EmailVerified bool   `json:"emailVerified"`
}

func personOf(u users.User) person {
	return person{
		ID: u.ID, Username: u.Username, Name: u.Name, Bio: u.Bio, AvatarURL: u.AvatarURL, Role: u.Role,
		VerifiedAt: u.VerifiedAt, CreatedAt: u.CreatedAt,
	}
}

func profileOf(u users.User) profile {
	return profile{person: personOf(u), Email: u.Email, EmailVerified: u.EmailVerified}
}

func (a *API) profile(w http.ResponseWriter, r *http.Request) error {
	p, _ := auth.From(r.Context())
	return httpio.Answer(w, http.StatusOK, profileOf(p.User))
}

func (a *API) changeProfile(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name     *string `json:"name,omitempty"`
		Username *string `json:"username,omitempty"`
		Bio      *string `json:"bio,omitempty"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	for field, text := range map[string]*string{"name": in.Name, "username": in.Username, "bio": in.Bio} {
		if text != nil && !postgres.Storable(*text) {
			return fault.Field(field, "must be plain text")
		}
	}
	id := user(r.Context())
	now, err := a.users.ByID(r.Context(), id)
	if err != nil {
		return err
	}
	wanted := users.Profile{Name: now.Name, Username: now.Username, Bio: now.Bio}
	keep(&wanted.Name, in.Name)
	keep(&wanted.Username, in.Username)
	keep(&wanted.Bio, in.Bio)
	changed, err := a.users.SetProfile(r.Context(), id, wanted)
	if err != nil {
		return err
	}
	a.guard.Forget(id)
	return httpio.Answer(w, http.StatusOK, profileOf(changed))
}

func keep(to *string, given *string) {
	if given != nil {
		*to = *given
	}
}

// findPerson answers what is public about an active user; the others are not there.
func (a *API) findPerson(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "username")
	if !postgres.Storable(name) {
		return fault.NotFound()
	}
	u, err := a.users.ByUsername(r.Context(), name)
	if err != nil {
		return err
	}
	if !u.Active() {
		return fault.NotFound()
	}
	found := struct {
		person
		Trader *publisher `json:"trader"` // null for who does not publish
	}{person: personOf(u)}
	if found.Trader, err = a.publisherOf(r.Context(), u.Username); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, found)
}

func (a *API) publisherOf(ctx context.Context, username string) (*publisher, error) {
	p, err := a.copier.Profile(ctx, username)
	if errors.Is(err, fault.NotFound()) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := &publisher{Followers: p.Followers, Periods: p.Periods, StoppedAt: p.StoppedAt}
	if found.SubscriptionID, err = a.copier.Following(ctx, user(ctx), username); err != nil {
		return nil, err
	}
	found.Following, err = a.alerts.Follows(ctx, user(ctx), username)
	return found, err
}

func (a *API) followTrader(w http.ResponseWriter, r *http.Request) error {
	if err := a.alerts.Follow(r.Context(), user(r.Context()), chi.URLParam(r, "username")); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"following": true})
}

func (a *API) unfollowTrader(w http.ResponseWriter, r *http.Request) error {
	if err := a.alerts.Unfollow(r.Context(), user(r.Context()), chi.URLParam(r, "username")); err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]bool{"following": false})
}
