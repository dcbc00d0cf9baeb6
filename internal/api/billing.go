package api

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/postgres"
)

// standing answers GET /api/billing: the plan, what gives it, and what would be more.
func (a *API) standing(w http.ResponseWriter, r *http.Request) error {
	s, err := a.members.Standing(r.Context(), user(r.Context()))
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, s)
}

func (a *API) redeem(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		LicenseKey string `json:"licenseKey"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if !postgres.Storable(in.LicenseKey) {
		return fault.Field("licenseKey", "must be plain text")
	}
	if err := httpio.Spend(w, r, a.allow, "redeem:"+user(r.Context()).String(), billing.RedeemsPerMinute); err != nil {
		return err
	}
	if err := a.members.Redeem(r.Context(), user(r.Context()), in.LicenseKey); err != nil {
		return err
	}
	return a.standing(w, r)
}

func (a *API) checkout(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Plan billing.Plan `json:"plan"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if err := httpio.Spend(w, r, a.allow, "checkout:"+user(r.Context()).String(), billing.CheckoutsPerMinute); err != nil {
		return err
	}
	url, err := a.members.Checkout(r.Context(), user(r.Context()), in.Plan)
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]string{"url": url})
}

func (a *API) cancelPlan(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		MembershipID string `json:"membershipId"`
	}
	if err := httpio.Decode(r, &in); err != nil {
		return err
	}
	if !postgres.Storable(in.MembershipID) {
		return fault.NotFound()
	}
	if err := httpio.Spend(w, r, a.allow, "checkout:"+user(r.Context()).String(), billing.CheckoutsPerMinute); err != nil {
		return err
	}
	if err := a.members.Cancel(r.Context(), user(r.Context()), in.MembershipID); err != nil {
		return err
	}
	return a.standing(w, r)
}

// listMembers answers operators who pays.
func (a *API) listMembers(w http.ResponseWriter, r *http.Request) error {
	overview, err := a.members.Overview(r.Context())
	if err != nil {
		return err
	}
	members, err := a.members.Find(r.Context(), "")
	if err != nil {
		return err
	}
	failed, err := a.members.Failed(r.Context())
	if err != nil {
		return err
	}
	return httpio.Answer(w, http.StatusOK, map[string]any{"overview": overview, "members": members, "failedPayments": failed})
}
