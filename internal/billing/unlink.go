package billing

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Unlink lets a user's Whop account go: what only the link tied to them is nobody's again,
// and their plan is what is left, from the next request on. What their checkout or a license
// key tied stays, and so does what has ended: it is their past. Nothing ends at Whop: it goes
// on to charge whoever bought it, and another account here may link it. Whop is read first, so
// that nothing is taken that is theirs anyhow; while it does not answer nothing changes. The
// route needs StepUp and SessionOnly. Errors: invalid_state for who has none; unavailable.
func (m *Members) Unlink(ctx context.Context, user uuid.UUID) error {
	if m.whop == nil {
		return notSold()
	}
	names, err := m.linksOf(ctx, user)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fault.Conflict("invalid_state", "No Whop account is linked.")
	}
	own, err := m.namedBy(ctx, user, names)
	if err != nil {
		return err
	}
	err = m.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		return m.unlink(ctx, tx, user, names, own)
	}, postgres.Across("whose a membership is, which is not theirs to write"))
	if err != nil {
		return fmt.Errorf("unlink %s from whop: %w", user, err)
	}
	m.log.InfoContext(ctx, "a whop account was unlinked", "user", user, "whop_users", names)
	return nil
}

// linksOf are the Whop users of somebody (index whop_links_user).
func (m *Members) linksOf(ctx context.Context, user uuid.UUID) ([]string, error) {
	names, err := postgres.OwnRows(ctx, m.db, user, pgx.RowTo[string], `select whop_user from whop_links where user_id = $1 order by whop_user`, user)
	if err != nil {
		return nil, fmt.Errorf("read the Whop users of %s: %w", user, err)
	}
	return names, nil
}

// namedBy are the memberships of some Whop users that name a user in what our checkout wrote
// into them.
func (m *Members) namedBy(ctx context.Context, user uuid.UUID, names []string) ([]string, error) {
	own := []string{}
	for _, name := range names { // one, unless somebody has several accounts at Whop
		list, err := m.whop.MembershipsOf(ctx, name)
		if err != nil {
			return nil, away(err)
		}
		for _, w := range list {
			if person := idOrNull(w.Person); person != nil && *person == user {
				own = append(own, w.ID)
			}
		}
	}
	return own, nil
}

// unlink deletes the links first: a read of Whop that goes on now either has written by
// then, or finds them gone (keep).
func (m *Members) unlink(ctx context.Context, tx pgx.Tx, user uuid.UUID, names, own []string) error {
	_, err := tx.Exec(ctx, `
		with attempts as (delete from whop_link_attempts where user_id = $1)
		delete from whop_links where user_id = $1 and whop_user = any($2)`, user, names)
	if err != nil {
		return fmt.Errorf("delete the links: %w", err)
	}
	rows, err := tx.Query(ctx, `
		with going as (
			select id from memberships m where user_id = $1 and whop_user = any($2) and access and not id = any($3)
				and not exists (select from redemptions r where r.membership_id = m.id and r.user_id = $1)
			order by id for no key update
		)
		update memberships m set user_id = null from going where m.id = going.id returning m.id, m.product`, user, names, own)
	if err != nil {
		return fmt.Errorf("let memberships go: %w", err)
	}
	had := true
	gone, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (kept, error) {
		k := kept{User: &user, Before: &had}
		return k, row.Scan(&k.ID, &k.Product)
	})
	if err != nil {
		return fmt.Errorf("let memberships go: %w", err)
	}
	if err := m.tellEnded(ctx, tx, gone); err != nil {
		return err
	}
	return m.alerts.Notify(ctx, tx, alerts.Notification{
		UserID: user, Type: alerts.Security, Title: "Your Whop account was unlinked", URL: SettingsPath, LearntAt: m.now(),
		Body: "What was bought with it counts here no longer. Whop goes on to charge for it until it is cancelled there. If that was not you, link it again and sign out everywhere.",
	})
}
