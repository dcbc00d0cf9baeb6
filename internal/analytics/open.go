package analytics

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/positions"
)

// OpenMost bounds the list of open positions.
const OpenMost = 200

// Open lists open positions, newest first, those that wait for their expiration to be
// settled among them. The days of the filter are about finished ones and do not matter.
func (r *Reports) Open(ctx context.Context, user uuid.UUID, f Filter) ([]positions.Position, error) {
	if f.Account != nil || f.Trader != "" {
		if err := r.read(ctx, user, f, func(*pgx.Batch) {}); err != nil {
			return nil, err
		}
	}
	list, _, err := r.book.Positions(ctx, user, positions.Query{Status: "open", Limit: OpenMost, Account: f.Account, Copied: f.copied(), Trader: f.Trader})
	return list, err
}
