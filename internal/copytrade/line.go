package copytrade

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// lineKeys is how many keys of a line are given at once.
const lineKeys = 1000

// Line is what a follower needs to check their place in the line of a signal.
type Line struct {
	SubscriptionID uuid.UUID `json:"subscriptionId"`
	Seed           string    `json:"seed"`
	Key            string    `json:"key"` // SHA-256, in hex, of the seed, a colon and the subscription's id
	Place          int       `json:"place"`
	PlaceOf        int       `json:"placeOf"`
	Keys           []string  `json:"keys"`      // of all in line, in their order, from after+1 on
	NextAfter      *int      `json:"nextAfter"` // null on the last page
}

// Line shows a follower the line that one of their decisions stood in, a thousand
// keys at a time. A key says nothing of whose it is.
func (c *Copier) Line(ctx context.Context, follower, decision uuid.UUID, after int) (l Line, err error) {
	err = c.db.As(ctx, follower, func(ctx context.Context, tx pgx.Tx) error {
		var order uuid.UUID
		var paper bool
		err := tx.QueryRow(ctx, `
			select c.subscription_id, g.seed, copy_place_key(g.seed, c.subscription_id), c.place, c.place_of, c.leader_order_id, c.paper
			from copy_decisions c join copy_signals g on g.leader_order_id = c.leader_order_id
			where c.id = $1 and c.user_id = $2`, decision, follower).
			Scan(&l.SubscriptionID, &l.Seed, &l.Key, &l.Place, &l.PlaceOf, &order, &paper)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.NotFound()
		}
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			select copy_place_key($2, subscription_id) from copy_decisions
			where leader_order_id = $1 and paper = $3 and place > $4 and place <= $4 + $5 order by place`, order, l.Seed, paper, after, lineKeys)
		if err != nil {
			return err
		}
		l.Keys, err = pgx.CollectRows(rows, pgx.RowTo[string])
		if next := after + lineKeys; next < l.PlaceOf {
			l.NextAfter = &next
		}
		return err
	}, postgres.Across("the keys of all who stand in the line"))
	if err != nil {
		return Line{}, fmt.Errorf("read the line of decision %s: %w", decision, err)
	}
	return l, nil
}
