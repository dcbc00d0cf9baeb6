package brokers

import (
	"context"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
)

// visitsKept is how long it can be seen how somebody's visit to the portal ended.
const visitsKept = 90 * 24 * time.Hour

// TrimVisits removes visits to the portal that ended and are older than 90 days, a slice at a
// time (index portal_visits_age), and tells how many.
func TrimVisits(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim visits to the portal", `
		delete from portal_visits where id in (
			select id from portal_visits where created_at < $1 and state <> 'open' limit $2)`, now.Add(-visitsKept))
}
