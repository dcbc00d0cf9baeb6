package audit

import (
	"context"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
)

// kept is how long a change can be looked up, as docs/account.md and the privacy notice say.
const kept = 3 * 365 * 24 * time.Hour

// Trim deletes what is older than three years, a slice at a time (index audit_log_at), and
// tells how much.
func Trim(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim the audit log", `
		delete from audit_log where id in (select id from audit_log where at < $1 order by at limit $2)`, now.Add(-kept))
}
