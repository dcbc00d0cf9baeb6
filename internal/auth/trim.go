package auth

import (
	"context"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
)

// eventsKept is how long it can be seen what nobody honest does.
const eventsKept = 365 * 24 * time.Hour

// TrimEvents removes security events older than a year, a slice at a time (index
// security_events_age), and tells how many.
func TrimEvents(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim security events", `
		delete from security_events where id in (select id from security_events where at < $1 limit $2)`, now.Add(-eventsKept))
}
