package brokers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	rotateTime = 60 * time.Second // of one user, waiting for the budget included
	storeTries = 10
	storePause = 500 * time.Millisecond
)

// RotateSecrets gives every user a new SnapTrade secret and reports each: nil, or
// why the old one still holds. Trading should be paused meanwhile, because the old
// secret ends at once. A user whose new secret could not be stored has to connect
// again; that error says so.
func (a *Accounts) RotateSecrets(ctx context.Context, report func(user uuid.UUID, err error)) error {
	users, err := a.secretHolders(ctx)
	if err != nil {
		return err
	}
	for _, user := range users {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		report(user, a.rotate(ctx, user))
	}
	return nil
}

func (a *Accounts) secretHolders(ctx context.Context) ([]uuid.UUID, error) {
	rows, err := a.db.Pool().Query(ctx, `select user_id from snaptrade_users where user_secret is not null order by user_id`)
	if err != nil {
		return nil, fmt.Errorf("list SnapTrade users: %w", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("list SnapTrade users: %w", err)
	}
	return users, nil
}

// rotate does not end with its caller: the new secret is shown only once.
func (a *Accounts) rotate(ctx context.Context, user uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rotateTime)
	defer cancel()
	who, err := a.Credentials(ctx, user)
	if err != nil {
		return err
	}
	fresh, err := a.client.ResetUserSecret(ctx, who)
	if err != nil {
		return providerFault("reset user secret", err)
	}
	sealed, err := a.ring.Seal("snaptrade_users", "user_secret", user.String(), fresh.Secret)
	if err != nil {
		return fmt.Errorf("seal SnapTrade secret: %w", err)
	}
	for range storeTries {
		if err = a.replaceSecret(ctx, user, who.ID, sealed); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(storePause):
		}
	}
	return fmt.Errorf("new SnapTrade secret of %s is lost, they must connect again: %w", user, err)
}

func (a *Accounts) replaceSecret(ctx context.Context, user uuid.UUID, id, sealed string) error {
	return a.db.AsSystem(ctx, "brokers", func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update snaptrade_users set user_secret = $3 where user_id = $1 and snaptrade_user_id = $2`, user, id, sealed)
		if err == nil && tag.RowsAffected() == 0 {
			err = errors.New("the user is gone")
		}
		return err
	})
}

// Sealed are the users' SnapTrade secrets, as they are wrapped with the encryption keys.
func Sealed() postgres.Sealed {
	return postgres.Sealed{
		Table: "snaptrade_users", Column: "user_secret",
		Stale: `select user_id, user_secret from snaptrade_users where user_secret is not null and split_part(user_secret, '.', 2) <> $1
			order by user_id limit $2 for no key update`,
		Store: `update snaptrade_users s set user_secret = q.sealed from unnest($1::uuid[], $2::text[]) as q(id, sealed) where s.user_id = q.id`,
		Count: `select split_part(user_secret, '.', 2), count(*)::int from snaptrade_users where user_secret is not null group by 1`,
	}
}
