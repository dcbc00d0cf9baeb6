package copytrade

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/fault"
)

// Mute keeps a trader's buys from a follower for the rest of the New York day: what
// waits of them without an order ends, and nobody is asked about the next. Sells go on
// being copied, or asked about. Muting twice is the same as once.
func (c *Copier) Mute(ctx context.Context, follower, id uuid.UUID) (Subscription, error) {
	today := c.clock.Today()
	s, err := c.setMuted(ctx, follower, id, &today)
	if err != nil {
		return s, err
	}
	return s, c.endAll(ctx, ending{Skipped, "muted_today", ""}, undecidedEntries, pgx.NamedArgs{"subscription": id})
}

// Unmute lets them through again, from the next one on.
func (c *Copier) Unmute(ctx context.Context, follower, id uuid.UUID) (Subscription, error) {
	return c.setMuted(ctx, follower, id, nil)
}

func (c *Copier) setMuted(ctx context.Context, follower, id uuid.UUID, on *exchange.Date) (s Subscription, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		if s, err = c.subscription(ctx, tx, follower, id, locked); err != nil {
			return err
		}
		if s.Status == "cancelled" {
			return fault.Conflict("invalid_state", "This subscription was cancelled.")
		}
		if _, err = tx.Exec(ctx, `update subscriptions set muted_on = $2 where id = $1`, id, on); err != nil {
			return fmt.Errorf("mute a trader: %w", err)
		}
		s, err = c.subscription(ctx, tx, follower, id, "")
		return err
	})
	return s, err
}

// MutedNow tells whether a subscription is muted on the market's own today.
func (c *Copier) MutedNow(s Subscription) bool {
	return s.MutedOn != nil && *s.MutedOn == c.clock.Today()
}
