package brokers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alertsify/alertsify/internal/snaptrade"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// deleteTime bounds the calls of one removal.
const deleteTime = 20 * time.Second

// deleteRemoved asks SnapTrade to delete the connections that their owner removed.
// SnapTrade queues the deletion; Refresh sees when it is done.
func (a *Accounts) deleteRemoved(ctx context.Context, user uuid.UUID) error {
	refs, err := a.claimRemovals(ctx, user)
	if err != nil || len(refs) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, deleteTime)
	defer cancel()
	who, err := a.Credentials(ctx, user)
	if err != nil {
		return err
	}
	var failed []error
	for _, ref := range refs {
		err := a.client.DeleteConnection(ctx, who, ref)
		if snaptrade.StatusOf(err) != http.StatusNotFound { // gone already is as good as deleted
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (a *Accounts) claimRemovals(ctx context.Context, user uuid.UUID) (refs []string, err error) {
	err = a.db.AsSystem(ctx, "brokers", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			update connections set remove_tried_at = now()
			where user_id = $1 and remove_requested_at is not null and deleted_at is null
			  and (remove_tried_at is null or remove_tried_at < now() - $2::interval)
			returning authorization_id`, user, removalPause)
		if err != nil {
			return err
		}
		refs, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim removals of %s: %w", user, err)
	}
	return refs, nil
}

// Forget ends everything of a user at SnapTrade, as part of the end of their account with
// us: the rows are ended now, the SnapTrade user, with its connections, is deleted by the
// sweep, which tries until SnapTrade has done it.
func (a *Accounts) Forget(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	if err := lockUser(ctx, tx, user); err != nil {
		return err
	}
	for _, sql := range []string{
		`update accounts set removed_at = coalesce(removed_at, now()), dismissed_at = coalesce(dismissed_at, now()),
			selected = false, can_trade = false, updated_at = now() where user_id = $1`,
		`update connections set deleted_at = coalesce(deleted_at, now()), updated_at = now() where user_id = $1`,
		`update portal_visits set state = 'ended', finished_at = now() where user_id = $1 and state = 'open'`,
		`insert into snaptrade_leftovers (snaptrade_user_id) select snaptrade_user_id from snaptrade_users where user_id = $1 on conflict do nothing`,
		`delete from snaptrade_users where user_id = $1`,
	} {
		if _, err := tx.Exec(ctx, sql, user); err != nil {
			return fmt.Errorf("forget brokers of %s: %w", user, err)
		}
	}
	return nil
}

// sweepLeftovers deletes SnapTrade users that nobody holds the secret of. Only an
// answer marks one as done: deleted, or not known there. The row stays, so that a
// late event naming it is known to be harmless.
func (a *Accounts) sweepLeftovers(ctx context.Context) error {
	ids, err := a.claimLeftovers(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range ids {
		err := a.client.DeleteUser(ctx, id)
		if err == nil || snaptrade.StatusOf(err) == http.StatusNotFound {
			_, err = a.db.Pool().Exec(ctx, `update snaptrade_leftovers set deleted_at = now() where snaptrade_user_id = $1`, id)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("delete leftover SnapTrade user: %w", err))
		}
	}
	return errors.Join(failed...)
}

func (a *Accounts) claimLeftovers(ctx context.Context) (ids []string, err error) {
	err = a.db.AsSystem(ctx, "job:brokers", func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			with due as (
				select snaptrade_user_id from snaptrade_leftovers
				where deleted_at is null and created_at < now() - interval '5 minutes' and (tried_at is null or tried_at < now() - interval '1 hour')
				order by created_at limit 5 for update skip locked
			)
			update snaptrade_leftovers l set tried_at = now() from due
			where l.snaptrade_user_id = due.snaptrade_user_id returning l.snaptrade_user_id`)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim leftover SnapTrade users: %w", err)
	}
	return ids, nil
}
