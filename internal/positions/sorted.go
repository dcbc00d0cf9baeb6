package positions

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Sort is what a sorted list of positions goes by.
type Sort string

// The sorts. What open positions gained is no column of ours: it needs their quotes.
const (
	ByOpened     Sort = "opened"
	ByContract   Sort = "contract" // underlying, expiration, calls before puts, strike
	ByExpiration Sort = "expires"
	ByHeld       Sort = "held" // contracts still held
	ByClosed     Sort = "closed"
	ByProfit     Sort = "pnl" // realised
)

// sortKey is a sort's column, its type, and its value of a row as text. Lists of what
// is closed are long: they go by what has an index (positions_closed_…).
type sortKey struct {
	column, kind string
	of           func(Position) string
	long         bool
}

var sortKeys = map[Sort]sortKey{
	ByOpened:     {"p.created_at", "timestamptz", func(p Position) string { return instant(p.CreatedAt) }, false},
	ByContract:   {`p.symbol collate "C"`, "text", func(p Position) string { return p.Contract.Symbol }, true},
	ByExpiration: {"p.expiration", "date", func(p Position) string { return p.Contract.Expiration.String() }, false},
	ByHeld:       {"(p.bought - p.sold)", "integer", func(p Position) string { return strconv.Itoa(p.Held()) }, false},
	ByProfit:     {"p.realized", "numeric", func(p Position) string { return p.Ledger.Realized.String() }, true},
	ByClosed: {"coalesce(p.closed_at, p.created_at)", "timestamptz", func(p Position) string {
		if p.ClosedAt == nil {
			return instant(p.CreatedAt)
		}
		return instant(*p.ClosedAt)
	}, true},
}

func instant(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// Sorted asks for a page of positions, open or closed ones, by one of their columns.
type Sorted struct {
	Status string // open (with what waits for its expiry to be settled), closed
	By     Sort
	Down   bool   // from the largest
	Limit  int    // 1 to 200
	After  *Place // nil: from the start
}

// Place is the last row of the page before: its value of the column, and its id.
type Place struct {
	Key string
	ID  uuid.UUID
}

// Sorted lists the user's positions that ever held something. The second result is
// where the next page begins, nil on the last.
func (b *Book) Sorted(ctx context.Context, user uuid.UUID, q Sorted) (page []Position, next *Place, err error) {
	key, known := sortKeys[q.By]
	if !known || (q.Status == "closed" && !key.long) {
		return nil, nil, fault.Field("sort", "must be a column that this list goes by")
	}
	direction, beyond, which := "asc", ">", "p.status in ('open', 'expiry_pending')"
	if q.Down {
		direction, beyond = "desc", "<"
	}
	if q.Status == "closed" {
		which = "p.status in ('closed', 'expired', 'exercised')"
	}
	args, after := []any{user, q.Limit + 1}, ""
	if q.After != nil {
		after = fmt.Sprintf("and (%s, p.id) %s ($3::text::%s, $4)", key.column, beyond, key.kind)
		args = append(args, q.After.Key, q.After.ID)
	}
	err = b.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+columns+from+`where p.user_id = $1 and p.bought > 0 and `+which+` `+after+
			` order by `+key.column+` `+direction+`, p.id `+direction+` limit $2`, args...)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, scan)
		return err
	})
	if q.After != nil && postgres.IsBadValue(err) {
		return nil, nil, fault.Field("cursor", "must be one that an earlier page gave")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list positions by %s: %w", q.By, err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[len(page)-1]
		next = &Place{key.of(last), last.ID}
	}
	return page, next, nil
}
