package live

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// To is one user's own event.
type To struct {
	User uuid.UUID
	Data any // marshalled to JSON
}

// PublishEach writes an event of its own for each of the users, in one statement.
func PublishEach(ctx context.Context, tx pgx.Tx, kind string, events []To) error {
	if len(events) == 0 {
		return nil
	}
	users, data := make([]uuid.UUID, len(events)), make([]string, len(events))
	for i, e := range events {
		raw, err := json.Marshal(e.Data)
		if err != nil {
			return fmt.Errorf("publish %s: %w", kind, err)
		}
		users[i], data[i] = e.User, string(raw)
	}
	_, err := tx.Exec(ctx, `
		insert into live_events (user_id, kind, data)
		select u, $2::text, d::jsonb from unnest($1::uuid[], $3::text[]) as each (u, d)`, users, kind, data)
	if err != nil {
		return fmt.Errorf("publish %s: %w", kind, err)
	}
	return postgres.Ring(ctx, tx, channel)
}
