package billing

import (
	"context"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
)

// TrimAttempts removes what was begun and not finished of linking an account with Whop, a day
// after it was good for anything, and tells how much.
func TrimAttempts(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim links to Whop", `
		delete from whop_link_attempts where state_hash in (
			select state_hash from whop_link_attempts where expires_at < $1 limit $2)`, now.Add(-24*time.Hour))
}
