package alerts

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Follow brings a trader's public alerts into somebody's timeline; nothing is copied
// by it. Twice is the same as once. Who does not publish is not found.
func (a *Announcer) Follow(ctx context.Context, follower uuid.UUID, username string) error {
	return a.withTrader(ctx, follower, username, func(ctx context.Context, tx pgx.Tx, trader uuid.UUID) error {
		if trader == follower {
			return fault.Field("username", "Your own alerts are in your feed already.")
		}
		_, err := tx.Exec(ctx, `insert into follows (follower_id, trader_id) values ($1, $2) on conflict do nothing`, follower, trader)
		return err
	})
}

// Unfollow takes them out again. Alerts of somebody who is copied stay.
func (a *Announcer) Unfollow(ctx context.Context, follower uuid.UUID, username string) error {
	return a.withTrader(ctx, follower, username, func(ctx context.Context, tx pgx.Tx, trader uuid.UUID) error {
		_, err := tx.Exec(ctx, `delete from follows where follower_id = $1 and trader_id = $2`, follower, trader)
		return err
	})
}

// Follows tells whether somebody follows a trader.
func (a *Announcer) Follows(ctx context.Context, follower uuid.UUID, username string) (follows bool, err error) {
	err = a.withTrader(ctx, follower, username, func(ctx context.Context, tx pgx.Tx, trader uuid.UUID) error {
		return tx.QueryRow(ctx, `select exists (select 1 from follows where follower_id = $1 and trader_id = $2)`, follower, trader).Scan(&follows)
	})
	return follows, err
}

// withTrader does something about a trader who publishes, as somebody. Foreign
// table: users.
func (a *Announcer) withTrader(ctx context.Context, user uuid.UUID, username string, do func(context.Context, pgx.Tx, uuid.UUID) error) error {
	if !postgres.Storable(username) {
		return fault.NotFound()
	}
	err := a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		var trader uuid.UUID
		err := tx.QueryRow(ctx, `
			select id from users where username = lower($1) and role in ('trader', 'admin') and status = 'active'`, username).Scan(&trader)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.NotFound()
		}
		if err != nil {
			return err
		}
		return do(ctx, tx, trader)
	})
	if err != nil {
		return fmt.Errorf("follow a trader: %w", err)
	}
	return nil
}
