package api

import (
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

// preference is where a group of types goes.
type preference struct {
	Group    string          `json:"group"`
	Label    string          `json:"label"`
	Types    []alerts.Type   `json:"types"`
	InApp    bool            `json:"inApp"` // always
	Channels map[string]bool `json:"channels"`
	Defaults map[string]bool `json:"defaults"`
}

// preferences are what somebody wants to hear of.
type preferences struct {
	Channels []string             `json:"channels"`
	Groups   []preference         `json:"groups"`
	Quiet    *alerts.Quiet        `json:"quietHours"`
	Muted    []alerts.MutedTrader `json:"mutedTraders"`
}

func preferencesOf(p alerts.Preferences) preferences {
	shown := preferences{Channels: slices.Concat([]string{}, p.Channels), Quiet: p.Quiet, Muted: slices.Concat([]alerts.MutedTrader{}, p.Muted)}
	for _, g := range p.Groups {
		shown.Groups = append(shown.Groups, preference{
			Group: g.Name, Label: g.Label, Types: g.Types, InApp: true, Channels: g.Wanted, Defaults: g.Usual,
		})
	}
	return shown
}

func (a *API) getPreferences(w http.ResponseWriter, r *http.Request) error {
	p, err := a.alerts.Preferences(r.Context(), user(r.Context()), a.post.Channels())
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, preferencesOf(p))
}

// setPreferences replaces them: an empty object is all defaults.
func (a *API) setPreferences(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Groups map[string]map[string]bool `json:"groups,omitempty"`
		Quiet  *alerts.Quiet              `json:"quietHours,omitempty"`
		Muted  []string                   `json:"mutedTraders,omitempty"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	p, err := a.alerts.SetPreferences(r.Context(), user(r.Context()), a.post.Channels(), alerts.Choices{Groups: in.Groups, Quiet: in.Quiet, Muted: in.Muted})
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, preferencesOf(p))
}

// testsPerMinute bounds how often a user may try a channel.
const testsPerMinute = 5

func (a *API) testNotification(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Channel string `json:"channel"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if !slices.Contains(a.post.Channels(), in.Channel) {
		return fault.Field("channel", "There is no such channel here.").With("allowed", a.post.Channels())
	}
	owner := user(r.Context())
	if err := httpio.Spend(w, r, a.allow, "test:"+owner.String(), testsPerMinute); err != nil {
		return err
	}
	id, err := a.alerts.SendTest(r.Context(), owner, in.Channel)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusAccepted, map[string]uuid.UUID{"id": id})
}
