package alerts

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/delivery"
	"github.com/alertsify/alertsify/internal/fault"
)

// trialFor is how long a test message is tried.
const trialFor = 5 * time.Minute

// SendTest sends a message by one channel, the way every other goes, whatever is
// switched off and whatever the hour; its receipt tells how it went. Errors: conflict
// (code no_destination) where the user takes nothing by that channel.
func (a *Announcer) SendTest(ctx context.Context, user uuid.UUID, channel string) (uuid.UUID, error) {
	now, id := a.now(), uuid.New()
	n := Notification{
		UserID: user, Type: System, Title: "This is a test", Body: "It arrived: this is where your notifications go.",
		URL: "/settings/notifications", Data: map[string]any{"test": channel}, LearntAt: now,
	}
	err := a.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		var some bool
		err := tx.QueryRow(ctx, `
			select exists (select from destinations where user_id = $1 and channel = $2 and disabled_at is null and removed_at is null)`,
			user, channel).Scan(&some)
		if err != nil {
			return err
		}
		if !some {
			return fault.Conflict("no_destination", "Nothing of yours takes messages by this channel. Set it up first.")
		}
		stored, err := insertNotifications(ctx, tx, now, []uuid.UUID{id}, []Notification{n})
		if err != nil {
			return err
		}
		note := delivery.Note{NotificationID: id, Channels: []string{channel}, LearntAt: now, Cutoff: now.Add(trialFor)}
		if err := delivery.EnqueueNotes(ctx, tx, now, []delivery.Note{note}); err != nil {
			return err
		}
		return publishNotifications(ctx, tx, stored)
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("send a test to %s: %w", user, err)
	}
	return id, nil
}
