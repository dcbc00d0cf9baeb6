package copytrade

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/alerts"
)

// Leave ends a user's copying, as part of the end of their account: subscriptions, the
// consent, questions that wait, triggers that were reached, what came apart. Copies that
// they hold stay at their broker. Nothing changes the second time.
func (c *Copier) Leave(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	err := c.endAllIn(ctx, tx, ending{Expired, "expired", ""}, `c.user_id = @user and c.order_id is null`, pgx.NamedArgs{"user": user})
	if err != nil {
		return err
	}
	for _, sql := range []string{
		`with w as (update consents set withdrawn_at = clock_timestamp() where user_id = $1 and withdrawn_at is null returning *)
		insert into consents_past (user_id, version, given_at, withdrawn_at) select user_id, version, given_at, withdrawn_at from w on conflict do nothing`,
		`with going as (
			select id, trader_id, active_since, status from subscriptions where follower_id = $1 and status <> 'cancelled' order by id for no key update
		), rests as (
			insert into subscription_periods (subscription_id, trader_id, began_at, ended_at)
			select id, trader_id, active_since, greatest(active_since, now()) from going where status = 'active')
		update subscriptions s set status = 'cancelled', updated_at = now() from going g where s.id = g.id`,
		`update copy_triggers set state = 'failed', reason = 'copying_stopped', updated_at = now() where user_id = $1 and state = 'waiting'`,
		`update copy_drifts set state = 'ignored', answered_at = now(), updated_at = now() where user_id = $1 and state = 'open'`,
	} {
		if _, err := tx.Exec(ctx, sql, user); err != nil {
			return fmt.Errorf("end the copying of %s: %w", user, err)
		}
	}
	return nil
}

// letGo ends the next subscriptions to a trader who has left, by id. Their copies, if any
// are held, are nobody's to sell but the follower's. Foreign tables: users, copy_holdings.
const letGo = `
with going as (
	select s.id, s.follower_id, s.trader_id, s.active_since, s.status, t.username,
		coalesce((select sum(h.bought - h.sold) from copy_holdings h where h.subscription_id = s.id and h.bought > h.sold), 0)::int as copies
	from subscriptions s join users t on t.id = s.trader_id
	where s.trader_id = @trader and s.status <> 'cancelled' order by s.id limit @slice for no key update of s
), rests as (
	insert into subscription_periods (subscription_id, trader_id, began_at, ended_at)
	select id, trader_id, active_since, greatest(active_since, now()) from going where status = 'active'
)
update subscriptions s set status = 'cancelled', unmanaged = 'trader_gone', unmanaged_since = @now::timestamptz, updated_at = now()
from going g where s.id = g.id
returning s.id, s.follower_id, g.username, s.unmanaged, g.copies, false`

// LetFollowersGo ends every subscription to a trader who has left and tells who had one,
// both in one transaction for each slice, so that it may run again at any point. Buys of
// theirs that nobody placed yet are not copied any more.
func (c *Copier) LetFollowersGo(ctx context.Context, trader uuid.UUID) error {
	args := pgx.NamedArgs{"trader": trader, "now": c.now(), "slice": triggerSlice}
	err := c.setWise(ctx, func(ctx context.Context, tx pgx.Tx) (int, error) {
		rows, err := tx.Query(ctx, letGo, args)
		if err != nil {
			return 0, err
		}
		gone, err := pgx.CollectRows(rows, pgx.RowToStructByPos[orphan])
		if err != nil {
			return 0, err
		}
		told := make([]alerts.Notification, len(gone))
		for i, o := range gone {
			told[i] = c.orphaned(o)
			if o.Copies == 0 {
				told[i].Body = "You copy them no longer. You hold nothing that was copied from them."
			}
		}
		return len(gone), c.alerts.Notify(ctx, tx, told...)
	})
	if err != nil {
		return fmt.Errorf("let the followers of %s go: %w", trader, err)
	}
	return c.endAll(ctx, ending{Skipped, "trader_stopped", ""}, `c.trader_id = @trader and c.side = 'BTO' and c.order_id is null`, pgx.NamedArgs{"trader": trader})
}
