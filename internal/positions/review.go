package positions

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
)

// Review is a position that an operator has to look at.
type Review struct {
	ID     uuid.UUID
	Status Status
	Symbol string
	Reason string
}

// Line names the position for people.
func (r Review) Line() string {
	c, err := exchange.ParseSymbol(r.Symbol)
	if err != nil {
		return r.Symbol
	}
	return c.Display()
}

// TakeReviews are positions up for review that the operators were not told of, for
// this reason; the caller tells them in the same transaction (index positions_to_alarm).
func TakeReviews(ctx context.Context, tx pgx.Tx, most int) ([]Review, error) {
	rows, err := tx.Query(ctx, `
		update positions set alarmed = review_reason where id in (
			select id from positions where review_reason is not null and alarmed is distinct from review_reason
			order by created_at limit $1 for no key update skip locked)
		returning id, status, symbol, review_reason`, most)
	if err != nil {
		return nil, fmt.Errorf("read the positions up for review: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Review])
	if err != nil {
		return nil, fmt.Errorf("read the positions up for review: %w", err)
	}
	return list, nil
}
