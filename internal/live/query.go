package live

import (
	"context"
	"fmt"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/jackc/pgx/v5"
)

// PublishQuery writes an event for each row of a query, whose columns are user_id
// and data (jsonb), without reading them. It takes the name liveKind among
// the query's arguments.
func PublishQuery(ctx context.Context, tx pgx.Tx, kind, query string, args pgx.NamedArgs) error {
	named := pgx.NamedArgs{"liveKind": kind}
	for name, value := range args {
		named[name] = value
	}
	_, err := tx.Exec(ctx, `
		insert into live_events (user_id, kind, data) select q.user_id, @liveKind::text, q.data from (`+query+`) as q (user_id, data)`, named)
	if err != nil {
		return fmt.Errorf("publish %s: %w", kind, err)
	}
	return postgres.Ring(ctx, tx, channel)
}
