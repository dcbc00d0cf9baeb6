package brokers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	visitTime    = 15 * time.Minute // after it a visit to the portal has come to nothing
	visitBatch   = 20
	userAge      = 20 * time.Hour // every active user's connections are listed at least daily
	userRetry    = time.Hour      // after a listing that failed
	userBatch    = 10             // a minute: 14,400 a day, two calls each, spread out
	balanceAge   = 6 * time.Hour  // at most four background reads for each account and day
	balanceBatch = 10
	removalPause = time.Minute
	removalBatch = 10
)

// SweepVisits looks for the outcome of open portal visits, so that nothing waits
// for a webhook that got lost. Run it every second or two: a visit is looked at
// after 5 s, then at growing distances (a third of its age) for 15 minutes, and
// soon after its person came back. Only one process looks at a visit at a time.
func (a *Accounts) SweepVisits(ctx context.Context) error {
	if a.client == nil {
		return nil
	}
	users, err := a.claimUsers(ctx, `
		with over as (
			update portal_visits set state = 'ended', finished_at = now() where state = 'open' and created_at < now() - $1::interval
		), due as (
			select id from portal_visits where state = 'open' and next_look_at <= now() and created_at >= now() - $1::interval
			order by next_look_at limit $2 for update skip locked
		)
		update portal_visits v set looked_at = now(), next_look_at = now() + greatest(interval '5 seconds', (now() - v.created_at) / 3)
		from due where v.id = due.id returning v.user_id`, visitTime, visitBatch)
	if err != nil {
		return fmt.Errorf("claim portal visits: %w", err)
	}
	return a.refreshAll(ctx, users)
}

// Sweep does what is due in the background: connections nobody heard of for a
// day, balances that grew old, deletions SnapTrade has not carried out yet, secrets
// whose replacing came to nobody knows what. Run
// it every minute; each run does a little, so that the calls spread over the day.
func (a *Accounts) Sweep(ctx context.Context) error {
	if a.client == nil {
		return nil
	}
	return errors.Join(a.sweepRotations(ctx), a.sweepUsers(ctx), a.sweepBalances(ctx), a.sweepRemovals(ctx), a.sweepLeftovers(ctx))
}

// sweepUsers reads users, another room's table: suspended people are not looked after.
func (a *Accounts) sweepUsers(ctx context.Context) error {
	users, err := a.claimUsers(ctx, `
		with due as (
			select s.user_id from snaptrade_users s join users u on u.id = s.user_id and u.status = 'active'
			where s.user_secret is not null and (s.refreshed_at is null or s.refreshed_at < now() - $1::interval)
			order by s.refreshed_at nulls first limit $2 for no key update of s skip locked
		)
		update snaptrade_users s set refreshed_at = now() - $1::interval + $3::interval
		from due where s.user_id = due.user_id returning s.user_id`, userAge, userBatch, userRetry)
	if err != nil {
		return fmt.Errorf("claim users to refresh: %w", err)
	}
	return a.refreshAll(ctx, users)
}

func (a *Accounts) refreshAll(ctx context.Context, users []uuid.UUID) error {
	var failed []error
	seen := make(map[uuid.UUID]bool, len(users))
	for _, user := range users {
		if seen[user] {
			continue
		}
		seen[user] = true
		if _, err := a.Refresh(ctx, user); err != nil {
			failed = append(failed, fmt.Errorf("refresh %s: %w", user, err))
		}
	}
	return errors.Join(failed...)
}

// claimUsers runs a statement that takes work by moving its next time ahead: what
// fails, or dies with its process, comes up again then.
func (a *Accounts) claimUsers(ctx context.Context, sql string, args ...any) (users []uuid.UUID, err error) {
	err = a.db.AsSystem(ctx, "job:brokers", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		users, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return users, err
}

// due is an account whose balance is to be read.
type due struct{ Account, User uuid.UUID }

// sweepBalances marks the attempt, not only the success: accounts that cannot be
// read must not stand in the way of those that can.
func (a *Accounts) sweepBalances(ctx context.Context) error {
	var list []due
	err := a.db.AsSystem(ctx, "job:brokers", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			with due as (
				select id from accounts
				where removed_at is null and status = 'ok' and category = 'INVESTMENT'
				  and (balance_at is null or balance_at < now() - $1::interval)
				  and (balance_tried_at is null or balance_tried_at < now() - $1::interval)
				order by balance_tried_at nulls first limit $2 for no key update skip locked
			)
			update accounts a set balance_tried_at = now() from due where a.id = due.id returning a.id, a.user_id`, balanceAge, balanceBatch)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[due])
		return err
	})
	if err != nil {
		return fmt.Errorf("claim old balances: %w", err)
	}
	var failed []error
	for _, d := range list {
		if _, err := a.readBalance(ctx, d.User, d.Account); err != nil && !errors.Is(err, fault.NotFound()) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// sweepRemovals repeats deletions that SnapTrade still has not carried out.
func (a *Accounts) sweepRemovals(ctx context.Context) error {
	users, err := a.claimUsers(ctx, `
		select distinct user_id from connections
		where remove_requested_at is not null and deleted_at is null and (remove_tried_at is null or remove_tried_at < now() - $1::interval)
		limit $2`, removalPause, removalBatch)
	if err != nil {
		return fmt.Errorf("find connections to remove: %w", err)
	}
	var failed []error
	for _, user := range users {
		failed = append(failed, a.deleteRemoved(ctx, user))
	}
	return errors.Join(append(failed, a.refreshAll(ctx, users))...)
}
