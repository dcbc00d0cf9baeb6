package api

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
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
		if text != nil && !storable(*text) {
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
	if !storable(name) {
		return fault.NotFound()
	}
	u, err := a.users.ByUsername(r.Context(), name)
	if err != nil {
		return err
	}
	if !u.Active() {
		return fault.NotFound()
	}
	return httpio.Answer(w, http.StatusOK, personOf(u))
}
