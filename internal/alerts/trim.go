package alerts

import (
	"context"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
)

// notificationsKept is how long somebody's notifications can be read.
const notificationsKept = 365 * 24 * time.Hour

// Trim removes notifications older than a year of which no delivery is left, a slice at a time
// (index notifications_age), and tells how many. Alerts stay with their orders.
func Trim(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim notifications", `
		delete from notifications where id in (
			select id from notifications n
			where created_at < $1 and not exists (select from deliveries d where d.notification_id = n.id)
			limit $2)`, now.Add(-notificationsKept))
}
