package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
)

const (
	billingPath = billing.SettingsPath
	membersPath = "/admin/members"
)

// billingView is what somebody has and may buy.
type billingView struct {
	billing.Standing

	Linkable bool   // they may sign in at Whop
	Wrong    string // why a license key was not taken
}

func (v billingView) wrong() string { return strconv.FormatBool(v.Wrong != "") }

// renews tells whether something they have goes on being charged.
func (v billingView) renews() bool {
	return slices.ContainsFunc(v.Memberships, func(m billing.Membership) bool { return m.Access && !m.CancelAtPeriodEnd && m.PeriodEnd != nil })
}

// planAbout says what a plan is for, in a sentence.
func planAbout(p billing.Plan) string {
	switch p {
	case billing.PlanPro:
		return "Traders' trades are copied for you without asking each time."
	case billing.PlanTrader:
		return "Your own trades are published: others see and copy them. Copying without asking is included."
	}
	return "Trading, alerts, and copying with one tap each time."
}

// statusWords is Whop's word in ours; what is new there is shown as it is.
func statusWords(m billing.Membership) string {
	words, known := map[string]string{
		"trialing": "on trial", "active": "active", "completed": "paid for good", "canceling": "ends", "past_due": "payment is late",
		"canceled": "ended", "expired": "ended", "gone": "ended", "paused": "paused", "unresolved": "not paid", "drafted": "not begun",
	}[m.Status]
	if !known {
		return m.Status
	}
	return words
}

// billing answers GET /settings/billing.
func (s *Site) billing(w http.ResponseWriter, r *http.Request) error {
	return s.showBilling(w, r, http.StatusOK, "")
}

func (s *Site) showBilling(w http.ResponseWriter, r *http.Request, status int, wrong string) error {
	p, err := s.shell(r, "Plan", billingPath)
	if err != nil {
		return err
	}
	v := billingView{Wrong: wrong, Linkable: s.members.Linkable()}
	if v.Standing, err = s.members.Standing(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return s.show(w, r, status, billingPage(p, v))
}

// checkout answers POST /settings/billing/checkout: on to where the plan is bought.
func (s *Site) checkout(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if err := s.countCheckout(w, r); err != nil {
		return err
	}
	url, err := s.members.Checkout(r.Context(), me(r.Context()), billing.Plan(f.Get("plan")))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, url, http.StatusSeeOther) //nolint:gosec // as Whop answered it; of what was posted only a plan of ours got through
	return nil
}

func (s *Site) countCheckout(w http.ResponseWriter, r *http.Request) error {
	return httpio.Spend(w, r, s.allow, "checkout:"+me(r.Context()).String(), billing.CheckoutsPerMinute)
}

// beginWhop answers POST /settings/billing/whop: on to Whop, to sign in there.
func (s *Site) beginWhop(w http.ResponseWriter, r *http.Request) error {
	address, err := s.members.BeginLink(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// finishWhop answers GET /settings/billing/whop, where Whop sends people back to. Its
// own words are not shown: anybody can write them into a link.
func (s *Site) finishWhop(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if q.Get("error") != "" {
		return back(w, billingPath, "")
	}
	if err := s.countCheckout(w, r); err != nil {
		return err
	}
	if err := s.members.FinishLink(r.Context(), me(r.Context()), q.Get("state"), q.Get("code")); err != nil {
		return err
	}
	return back(w, billingPath, "whop-linked")
}

// unlinkWhop answers POST /settings/billing/whop/unlink.
func (s *Site) unlinkWhop(w http.ResponseWriter, r *http.Request) error {
	if err := s.members.Unlink(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, billingPath, "whop-unlinked")
}

// redeem answers POST /settings/billing/redeem.
func (s *Site) redeem(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if err := httpio.Spend(w, r, s.allow, "redeem:"+me(r.Context()).String(), billing.RedeemsPerMinute); err != nil {
		return err
	}
	err = s.members.Redeem(r.Context(), me(r.Context()), f.Get("licenseKey"))
	var refused *fault.Error
	switch {
	case err == nil:
		return back(w, billingPath, "redeemed")
	case errors.As(err, &refused) && refused.Code == "validation_failed":
		return s.showBilling(w, r, http.StatusUnprocessableEntity, wrongFields(refused)["licenseKey"])
	case errors.As(err, &refused) && refused.Status == http.StatusConflict:
		return s.showBilling(w, r, http.StatusConflict, refused.Public)
	}
	return err
}

// cancelPlan answers POST /settings/billing/cancel: what is paid for stays.
func (s *Site) cancelPlan(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if err := s.countCheckout(w, r); err != nil {
		return err
	}
	if err := s.members.Cancel(r.Context(), me(r.Context()), f.Get("membership")); err != nil {
		return err
	}
	return back(w, billingPath, "plan-cancelled")
}

// membersView is who pays, for operators.
type membersView struct {
	billing.Overview

	Text   string // whose memberships are looked for; empty: the newest of all
	List   []billing.Member
	Failed []billing.FailedPayment
}

func (v membersView) churn() string {
	if v.Churn == "" {
		return "—"
	}
	return v.Churn + "%"
}

// memberships answers GET /admin/members.
func (s *Site) memberships(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Members", membersPath)
	if err != nil {
		return err
	}
	var v membersView
	if v.Overview, err = s.members.Overview(r.Context()); err != nil {
		return err
	}
	v.Text = strings.TrimSpace(r.URL.Query().Get("q"))
	if v.List, err = s.members.Find(r.Context(), v.Text); err != nil {
		return err
	}
	if v.Failed, err = s.members.Failed(r.Context()); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, membersPage(p, v))
}
