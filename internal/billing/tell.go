package billing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
)

// trialNotice is how long before its end a trial is spoken of; Whop says so then too.
const trialNotice = 73 * time.Hour

// tellEnding says once for each membership and period that a plan ends, or a trial.
func (m *Members) tellEnding(ctx context.Context, tx pgx.Tx, list []kept) error {
	now := m.now()
	var notes []alerts.Notification
	for _, k := range list {
		if k.User == nil || k.EndsAt == nil || !k.Access || !k.EndsAt.After(now) {
			continue
		}
		day := k.EndsAt.UTC().Format("January 2, 2006")
		n := alerts.Notification{
			UserID: *k.User, Type: alerts.MembershipEnding, URL: SettingsPath, LearntAt: now,
			SubjectKey: fmt.Sprintf("ending:%s:%s", k.ID, k.EndsAt.UTC().Format(time.DateOnly)),
		}
		switch plan := m.gate.products[k.Product]; {
		case k.Ending:
			n.Title, n.Body = fmt.Sprintf("Your %s plan ends on %s", orPlan(plan), day), "Until then nothing changes. You can renew it on the plan page."
		case k.Trialing && k.EndsAt.Sub(now) <= trialNotice:
			n.Title, n.Body = fmt.Sprintf("Your %s trial ends on %s", orPlan(plan), day), "It goes on as a paid plan unless you cancel it before."
		default:
			continue
		}
		notes = append(notes, n)
	}
	return m.alerts.Notify(ctx, tx, notes...)
}

func orPlan(p Plan) string {
	if p == "" {
		return "Alertsify"
	}
	return string(p)
}

// tellFailed says once for each membership and period that a payment failed, to whoever
// the membership belongs to. Whop itself tries again for some days.
func (m *Members) tellFailed(ctx context.Context, membership string) error {
	return m.db.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var user *uuid.UUID
		var end *time.Time
		err := tx.QueryRow(ctx, `select user_id, period_end from memberships where id = $1`, membership).Scan(&user, &end)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && user == nil {
			return nil // nobody of ours is known for it
		}
		if err != nil {
			return fmt.Errorf("read whose membership %s is: %w", membership, err)
		}
		period := "once"
		if end != nil {
			period = end.UTC().Format(time.DateOnly)
		}
		return m.alerts.Notify(ctx, tx, alerts.Notification{
			UserID: *user, Type: alerts.PaymentFailed, Title: "A payment for your plan failed", URL: SettingsPath, LearntAt: m.now(),
			Body:       "It is tried again for some days. Check your card on the plan page, so that your plan goes on.",
			SubjectKey: fmt.Sprintf("payment:%s:%s", membership, period),
		})
	})
}
