package postgres

import (
	"context"
	"fmt"
	"time"
)

// trimSlice is how many rows one statement takes at most (rule 8.3).
const trimSlice = 10_000

// TrimOld runs a statement that removes rows, or empties them so that it does not find them
// again, and has two arguments – $1, before when a row is old, and $2, how many it takes at most –
// until it finds less than that, and tells how many it took in all. doing is what an error says
// was being done.
func (db *DB) TrimOld(ctx context.Context, doing, sql string, before time.Time) (removed int64, err error) {
	for {
		tag, err := db.pool.Exec(ctx, sql, before, trimSlice)
		removed += tag.RowsAffected()
		if err != nil {
			return removed, fmt.Errorf("%s: %w", doing, Translate(err))
		}
		if tag.RowsAffected() < trimSlice {
			return removed, nil
		}
	}
}
