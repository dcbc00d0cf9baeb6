package positions

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// boughtFrom is the earliest time at which contracts of a fill f of order o were bought. A
// broker tells when an order was executed last, so the first of several contracts came
// before: any time since it was sent where nobody saw it working, and else within what a
// list leaves unseen: five minutes until the next look at an order that rests, and the
// lists' own lateness of up to 150 s.
const boughtFrom = `case
	when f.quantity = 1 or o.sent_at is null then coalesce(f.executed_at, o.sent_at)
	when exists (select from order_events e where e.order_id = o.id and e.to_state = 'accepted') then greatest(o.sent_at, f.executed_at - interval '450 seconds')
	else o.sent_at end`

// Counted says whether a trade made elsewhere at a time is in a locked position
// already: a sale from before the position was opened sold something else, and what
// was traded before the holdings that an external adjustment rests on is part of it.
// When contracts were bought is by the broker's execution, or by our sending; of a
// purchase found in its list without a time, nothing is known. Foreign tables: fills,
// orders, order_events.
func Counted(ctx context.Context, tx pgx.Tx, p Position, buy bool, at time.Time) (counted bool, err error) {
	err = tx.QueryRow(ctx, `
		select coalesce($2 <= (select max(as_of) from position_adjustments where position_id = $1 and kind = 'external'), false)
		    or not $3 and coalesce($2 < (
			select min(`+boughtFrom+`) from fills f join orders o on o.id = f.order_id
			where f.position_id = $1 and f.side = 'BTO'), false)`, p.ID, at, buy).Scan(&counted)
	if err != nil {
		return false, fmt.Errorf("read whether position %s counts a trade of %s: %w", p.ID, at, err)
	}
	return counted, nil
}
