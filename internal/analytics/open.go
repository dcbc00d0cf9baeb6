package analytics

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/positions"
)

// Open lists a page of open positions, newest first, those that wait for their expiration to
// be settled among them, and gives the cursor of the next page, nil on the last. The days of
// the filter are about finished ones and do not matter.
func (r *Reports) Open(ctx context.Context, user uuid.UUID, f Filter, limit int, after *positions.Cursor) ([]positions.Position, *positions.Cursor, error) {
	if f.Account != nil || f.Trader != "" {
		if err := r.read(ctx, user, f, func(*pgx.Batch) {}); err != nil {
			return nil, nil, err
		}
	}
	return r.book.Positions(ctx, user, positions.Query{Status: "open", Limit: limit, Cursor: after, Account: f.Account, Copied: f.copied(), Trader: f.Trader})
}
