package billing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/exchange"
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
		day := exchange.DayOf(*k.EndsAt)
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

// tellEnded says whose plan is less than it was, and what that means, once for each
// membership and end (index memberships_user).
func (m *Members) tellEnded(ctx context.Context, tx pgx.Tx, list []kept) error {
	ended := map[uuid.UUID]kept{}
	for _, k := range list {
		plan, sold := m.gate.products[k.Product]
		if k.User == nil || k.Access || k.Before == nil || !*k.Before || !sold {
			continue
		}
		if other, more := ended[*k.User]; !more || m.gate.products[other.Product].rank() < plan.rank() {
			ended[*k.User] = k
		}
	}
	if len(ended) == 0 {
		return nil
	}
	left, err := m.left(ctx, tx, slices.Collect(maps.Keys(ended)))
	if err != nil {
		return err
	}
	var notes []alerts.Notification
	for user, k := range ended {
		plan, now := m.gate.products[k.Product], m.gate.products.best(left[user])
		if now.rank() >= plan.rank() {
			continue // another membership gives the same
		}
		body := "What you hold goes on to follow its trader's sells."
		if now.rank() < AutoCopy.needs().rank() {
			body = "Traders' buys are put to you as questions from now on. " + body
		}
		if plan == PlanTrader {
			body = "New trades of yours are not published. " + body
		}
		notes = append(notes, alerts.Notification{
			UserID: user, Type: alerts.MembershipEnding, Title: fmt.Sprintf("Your %s plan has ended", plan), Body: body, URL: SettingsPath,
			LearntAt: m.now(), SubjectKey: fmt.Sprintf("ended:%s:%s", k.ID, m.now().UTC().Format(time.DateOnly)),
		})
	}
	return m.alerts.Notify(ctx, tx, notes...)
}

// left are the products that people still have.
func (m *Members) left(ctx context.Context, tx pgx.Tx, people []uuid.UUID) (map[uuid.UUID][]string, error) {
	rows, err := tx.Query(ctx, `
		select user_id, product from memberships where user_id = any($1) and access and (access_until is null or access_until > now())`, people)
	if err != nil {
		return nil, fmt.Errorf("read what %d people still have: %w", len(people), err)
	}
	left := map[uuid.UUID][]string{}
	var user uuid.UUID
	var product string
	_, err = pgx.ForEachRow(rows, []any{&user, &product}, func() error { left[user] = append(left[user], product); return nil })
	if err != nil {
		return nil, fmt.Errorf("read what %d people still have: %w", len(people), err)
	}
	return left, nil
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
