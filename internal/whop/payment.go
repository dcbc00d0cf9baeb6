package whop

import (
	"encoding/json"
	"fmt"
	"time"
)

// Payment is one payment, or one try of it.
type Payment struct {
	ID, Status, Substatus  string
	Reason                 string // subscription_create, subscription_cycle, one_time, …
	Membership, User       string // empty where Whop does not say
	Product, Plan, Account string
	Total, Refunded        Money
	CreatedAt, PaidAt      time.Time
	NextAttemptAt          time.Time
	Decline                string // why the bank refused; an open set of words
}

// Paid tells whether the money came (contract §7): a status alone is not enough.
func (p Payment) Paid() bool { return p.Status == "paid" && p.Substatus == "succeeded" }

// Failed tells whether a try came to nothing and nothing is on its way.
func (p Payment) Failed() bool {
	switch p.Substatus {
	case "failed", "past_due", "uncollectible", "blocked", "canceled":
		return !p.Paid()
	}
	return p.Status == "uncollectible"
}

// UnmarshalJSON reads the present shape and the original one.
func (p *Payment) UnmarshalJSON(raw []byte) error {
	var in struct {
		ID         string  `json:"id"`
		Status     string  `json:"status"`
		Substatus  string  `json:"substatus"`
		Reason     string  `json:"billing_reason"`
		Currency   string  `json:"currency"`
		Total      amount  `json:"total"`
		Refunded   amount  `json:"refunded_amount"`
		AccountID  string  `json:"account_id"`
		Member     string  `json:"membership_id"`
		ProductID  string  `json:"product_id"`
		PlanID     string  `json:"plan_id"`
		Company    *ref    `json:"company"`
		Membership *ref    `json:"membership"`
		Product    *ref    `json:"product"`
		Plan       *ref    `json:"plan"`
		User       *ref    `json:"user"`
		CreatedAt  instant `json:"created_at"`
		PaidAt     instant `json:"paid_at"`
		NextAt     instant `json:"next_payment_attempt_at"`
		Next       instant `json:"next_payment_attempt"`
		Decline    string  `json:"decline_code"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	total, err := in.Total.money(in.Currency)
	if err != nil {
		return fmt.Errorf("total: %w", err)
	}
	refunded, err := in.Refunded.money(total.Currency)
	if err != nil {
		return fmt.Errorf("refunded_amount: %w", err)
	}
	*p = Payment{
		ID: in.ID, Status: in.Status, Substatus: in.Substatus, Reason: in.Reason, Total: total, Refunded: refunded,
		Membership: either(in.Member, in.Membership.id()), User: in.User.id(), Product: either(in.ProductID, in.Product.id()),
		Plan: either(in.PlanID, in.Plan.id()), Account: either(in.AccountID, in.Company.id()),
		CreatedAt: in.CreatedAt.Time, PaidAt: in.PaidAt.Time, NextAttemptAt: first(in.NextAt, in.Next), Decline: in.Decline,
	}
	return nil
}
