package web

import (
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/billing"
	"github.com/alertsify/alertsify/internal/money"
)

func cannedBilling(now time.Time) billingView {
	end := now.Add(12 * 24 * time.Hour)
	return billingView{Linkable: true, Standing: billing.Standing{
		Plan: billing.PlanPro, Selling: true, PaymentFailed: true, Offers: []billing.Plan{billing.PlanTrader},
		Memberships: []billing.Membership{
			{ID: "mem_1", Plan: billing.PlanPro, Status: "past_due", Access: true, PeriodEnd: &end, PaymentFailed: true, ManageURL: "https://whop.com/manage"},
			{ID: "mem_2", Plan: billing.PlanTrader, Status: "canceled", PeriodEnd: &now},
		},
	}}
}

func endingBilling(now time.Time) billingView {
	end := now.Add(3 * 24 * time.Hour)
	return billingView{Linkable: true, Wrong: "There is no membership with this license key.", Standing: billing.Standing{
		Plan: billing.PlanTrader, Linked: true, Selling: true, CancelAtPeriodEnd: true, EndsAt: &end,
		Memberships: []billing.Membership{{ID: "mem_1", Plan: billing.PlanTrader, Status: "canceling", Access: true, PeriodEnd: &end, CancelAtPeriodEnd: true}},
	}}
}

func cannedMembers(now time.Time) membersView {
	end, ben := now.Add(12*24*time.Hour), uuid.UUID{8}
	return membersView{
		Overview: billing.Overview{
			Selling: true, Members: 412, Pro: 371, Trader: 41, Untied: 2, MonthlyRevenue: money.MustAmount("22198.00"), Failed30: 9, Ended30: 17, Churn: "4.1", NextCheck: &end,
		},
		List: []billing.Member{
			{ID: "mem_1", UserID: &ben, Username: "ben", Plan: billing.PlanPro, Status: "past_due", Access: true, PeriodEnd: &end},
			{ID: "mem_2", WhopUser: "user_1a2b3c4d5e6f7g", Plan: billing.PlanTrader, Status: "canceling", Access: true, PeriodEnd: &end, CancelAtPeriodEnd: true},
		},
		Failed: []billing.FailedPayment{
			{ID: "pay_1", Username: "ben", Membership: "mem_1", Amount: "49.00", Currency: "usd", Decline: "insufficient_funds", At: now.Add(-3 * time.Hour)},
			{ID: "pay_2", Amount: "99.00", Currency: "usd", Decline: "expired_card", At: now.Add(-26 * time.Hour)},
		},
	}
}
