package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	// kept is how long a change can be looked up, as docs/account.md and the privacy notice say.
	kept = 3 * 365 * 24 * time.Hour

	trimSlice = 10_000 // rows of one delete (rule 8.3)
)

// Trim deletes what is older than three years, a slice at a time (index audit_log_at), and
// tells how much.
func Trim(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	var removed int64
	for {
		tag, err := db.Pool().Exec(ctx, `
			delete from audit_log where id in (select id from audit_log where at < $1 order by at limit $2)`, now.Add(-kept), trimSlice)
		removed += tag.RowsAffected()
		if err != nil {
			return removed, fmt.Errorf("trim the audit log: %w", postgres.Translate(err))
		}
		if tag.RowsAffected() < trimSlice {
			return removed, nil
		}
	}
}
