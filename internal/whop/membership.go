package whop

import (
	"encoding/json"
	"time"
)

// PersonKey is the metadata that names who of ours a membership was bought for. Only we
// write it: at checkout, and when a license key is redeemed.
const PersonKey = "alertsify_user_id"

// Membership is somebody's hold on a product, as Whop has it.
type Membership struct {
	ID, Status             string
	User                   string // user_…; empty: not claimed, or a business bought it
	Product, Plan, Account string
	Person                 string // who of ours, by its metadata; empty: nobody named
	CreatedAt, CanceledAt  time.Time
	PeriodStart, PeriodEnd time.Time // an end of zero: paid once, for good
	CancelAtPeriodEnd      bool
	ManageURL              string
}

// Access is what a status means for access.
type Access int

// The kinds. Unknown never grants: the contract's list may grow.
const (
	Denied Access = iota
	Granted
	GrantedUntilEnd // until PeriodEnd
	AskAccess       // Whop's own setting decides: ask Client.HasAccess
	Unknown
)

// Access reads the status (contract §6).
func (m Membership) Access() Access {
	switch m.Status {
	case "trialing", "active", "completed":
		return Granted
	case "canceling":
		return GrantedUntilEnd
	case "past_due":
		return AskAccess
	case "canceled", "expired", "unresolved", "drafted", "paused":
		return Denied
	}
	return Unknown
}

// UnmarshalJSON reads the present shape and the original one.
func (m *Membership) UnmarshalJSON(raw []byte) error {
	var in struct {
		ID          string                     `json:"id"`
		Status      string                     `json:"status"`
		UserID      string                     `json:"user_id"`
		ProductID   string                     `json:"product_id"`
		PlanID      string                     `json:"plan_id"`
		User        *ref                       `json:"user"`
		Product     *ref                       `json:"product"`
		Plan        *ref                       `json:"plan"`
		Account     *ref                       `json:"account"`
		Company     *ref                       `json:"company"`
		Metadata    map[string]json.RawMessage `json:"metadata"`
		CreatedAt   instant                    `json:"created_at"`
		CanceledAt  instant                    `json:"canceled_at"`
		PeriodStart instant                    `json:"current_period_start"`
		PeriodEnd   instant                    `json:"current_period_end"`
		RenewStart  instant                    `json:"renewal_period_start"`
		RenewEnd    instant                    `json:"renewal_period_end"`
		AtEnd       bool                       `json:"cancel_at_period_end"`
		ManageURL   string                     `json:"manage_url"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*m = Membership{
		ID: in.ID, Status: in.Status, User: either(in.UserID, in.User.id()),
		Product: either(in.ProductID, in.Product.id()), Plan: either(in.PlanID, in.Plan.id()),
		Account: either(in.Account.id(), in.Company.id()), CreatedAt: in.CreatedAt.Time, CanceledAt: in.CanceledAt.Time,
		PeriodStart: first(in.PeriodStart, in.RenewStart), PeriodEnd: first(in.PeriodEnd, in.RenewEnd),
		CancelAtPeriodEnd: in.AtEnd, ManageURL: in.ManageURL,
	}
	_ = json.Unmarshal(in.Metadata[PersonKey], &m.Person) // what is no text names nobody
	return nil
}
