package billing

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Leave cancels what of somebody's goes on being charged, at the end of its period, and
// lets their user at Whop go, as part of the end of their account. It may run again: what
// ends already is left as it is. What is paid for is not given back here; that is Whop's.
func (m *Members) Leave(ctx context.Context, user uuid.UUID) error {
	rows, err := m.db.Pool().Query(ctx, `
		select id from memberships where user_id = $1 and access and not cancel_at_period_end and period_end is not null order by id limit 100`, user)
	if err != nil {
		return fmt.Errorf("read the memberships of %s: %w", user, postgres.Translate(err))
	}
	renewing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read the memberships of %s: %w", user, postgres.Translate(err))
	}
	var failed []error
	for _, id := range renewing {
		if err := m.Cancel(ctx, user, id); err != nil && !errors.Is(err, fault.NotFound()) && fault.CodeOf(err) != "invalid_state" {
			failed = append(failed, fmt.Errorf("cancel membership %s: %w", id, err))
		}
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	return m.db.AsSystem(ctx, "job:farewell", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `with attempts as (delete from whop_link_attempts where user_id = $1) delete from whop_links where user_id = $1`, user)
		if err != nil {
			return fmt.Errorf("let the Whop user of %s go: %w", user, err)
		}
		return nil
	})
}
