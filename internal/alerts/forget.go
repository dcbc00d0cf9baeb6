package alerts

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Forget takes a user out of everybody's timeline and everybody out of theirs, as part of
// the end of their account.
func (a *Announcer) Forget(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	if _, err := tx.Exec(ctx, `delete from follows where follower_id = $1 or trader_id = $1`, user); err != nil {
		return fmt.Errorf("end who %s follows: %w", user, err)
	}
	return nil
}

const (
	unpublishSlice = 10_000
	nobodysName    = "Deleted user"
)

// Unpublish hides what a user announced: it stands in no feed any more, names them only by
// the username that nobody else gets, and stays theirs (index alerts_user). Channels outside
// keep what they were sent.
func (a *Announcer) Unpublish(ctx context.Context, user uuid.UUID) error {
	for hidden := int64(unpublishSlice); hidden == unpublishSlice; {
		err := a.db.AsSystem(ctx, "job:farewell", func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `
				update alerts set public = false, facts = facts || jsonb_build_object('name', $3::text) where id in (
					select id from alerts where user_id = $1 and (public or facts ->> 'name' is distinct from $3) order by id limit $2 for no key update)`,
				user, unpublishSlice, nobodysName)
			hidden = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("hide what %s announced: %w", user, err)
		}
	}
	return nil
}
