package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/internal/users"
)

// limit is one trading limit of a user: what is in force, what they may set at
// most, and their own lower value.
type limit struct {
	Name    string        `json:"name"`
	Label   string        `json:"label"`
	Unit    string        `json:"unit"` // contracts, dollars
	InForce money.Amount  `json:"inForce"`
	Default money.Amount  `json:"default"`
	Most    money.Amount  `json:"most"`
	Own     *money.Amount `json:"own"`
}

func limitsOf(list []risk.UserLimit) []limit {
	shown := make([]limit, len(list))
	for i, l := range list {
		unit := "dollars"
		if l.Whole {
			unit = "contracts"
		}
		shown[i] = limit{Name: l.Name, Label: l.Label, Unit: unit, InForce: l.InForce, Default: l.Usual, Most: l.Ceiling(), Own: l.Own}
	}
	return shown
}

// settings are what somebody has set for themselves.
type settings struct {
	TimeZone   string  `json:"timeZone"`
	Theme      string  `json:"theme"`
	Palette    string  `json:"palette"`
	Celebrates bool    `json:"celebrates"`
	Announces  bool    `json:"announcesDetected"` // a trader's: trades in the broker's own app are announced too
	Limits     []limit `json:"limits"`
}

func (a *API) getSettings(w http.ResponseWriter, r *http.Request) error {
	p, _ := auth.From(r.Context())
	return a.answerSettings(w, r, p.User)
}

func (a *API) answerSettings(w http.ResponseWriter, r *http.Request, u users.User) error {
	list, err := a.rules.UserLimits(r.Context(), u.ID)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, settings{
		TimeZone: u.TimeZone, Theme: u.Theme, Palette: u.Palette, Celebrates: u.Celebrates, Announces: u.AnnouncesAll, Limits: limitsOf(list),
	})
}

// changeSettings changes what is given. Lowering a limit is done at once; raising
// one's own again needs a fresh sign-in.
func (a *API) changeSettings(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		TimeZone  *string                  `json:"timeZone,omitempty"`
		Announces *bool                    `json:"announcesDetected,omitempty"`
		Limits    map[string]*money.Amount `json:"limits,omitempty"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	ctx, id := r.Context(), user(r.Context())
	if in.TimeZone != nil {
		if err := users.CheckTimeZone(*in.TimeZone); err != nil {
			return err
		}
	}
	if len(in.Limits) > 0 {
		if err := a.rules.SetOwn(ctx, id, in.Limits, func() error { return a.guard.Fresh(ctx) }); err != nil {
			return err
		}
	}
	if in.TimeZone != nil {
		if _, err := a.users.SetTimeZone(ctx, id, *in.TimeZone); err != nil {
			return err
		}
		a.guard.Forget(id)
	}
	if in.Announces != nil {
		if _, err := a.users.SetAnnouncesAll(ctx, id, *in.Announces); err != nil {
			return err
		}
		a.guard.Forget(id)
	}
	u, err := a.users.ByID(ctx, id)
	if err != nil {
		return err
	}
	return a.answerSettings(w, r, u)
}
