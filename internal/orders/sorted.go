package orders

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

// Sort is what a sorted list of orders goes by.
type Sort string

// The sorts. All but the first two are for short lists only: what works, and today's.
const (
	ByTime     Sort = "time"     // index orders_user
	ByContract Sort = "contract" // index orders_contract
	BySide     Sort = "side"
	ByQuantity Sort = "quantity"
	ByState    Sort = "state"
)

// sortKey is a sort's column, its type, and its value of a row as text.
type sortKey struct {
	column, kind string
	of           func(Order) string
}

var sortKeys = map[Sort]sortKey{
	ByTime:     {"created_at", "timestamptz", func(o Order) string { return o.CreatedAt.UTC().Format(time.RFC3339Nano) }},
	ByContract: {`symbol collate "C"`, "text", func(o Order) string { return o.Contract.Symbol }},
	BySide:     {`side collate "C"`, "text", func(o Order) string { return string(o.Side) }},
	ByQuantity: {"quantity", "integer", func(o Order) string { return strconv.Itoa(o.Quantity) }},
	ByState:    {`state collate "C"`, "text", func(o Order) string { return string(o.State) }},
}

// Sorted asks for a page of a view by one of its columns.
type Sorted struct {
	View  string // working, today, history
	By    Sort
	Down  bool   // from the largest
	Limit int    // 1 to 200
	After *Place // nil: from the start
}

// Place is the last row of the page before: its value of the column, and its id.
type Place struct {
	Key string
	ID  uuid.UUID
}

// Sorted lists the user's orders. The second result is where the next page begins,
// nil on the last.
func (d *Desk) Sorted(ctx context.Context, user uuid.UUID, q Sorted) (page []Order, next *Place, err error) {
	key, known := sortKeys[q.By]
	if !known || (q.View == "history" && q.By != ByTime && q.By != ByContract) {
		return nil, nil, fault.Field("sort", "must be a column that this list goes by")
	}
	direction, beyond := "asc", ">"
	if q.Down {
		direction, beyond = "desc", "<"
	}
	args, after := pgx.NamedArgs{"user": user, "limit": q.Limit + 1, "today": d.clock.Today(), "since": d.todaysSince()}, ""
	if q.After != nil {
		after = fmt.Sprintf("and (%s, id) %s (@key::text::%s, @id)", key.column, beyond, key.kind)
		args["key"], args["id"] = q.After.Key, q.After.ID
	}
	err = d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select `+columns+` from orders o where user_id = @user and `+views[q.View]+` `+after+
			` order by `+key.column+` `+direction+`, id `+direction+` limit @limit`, args)
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
		return nil, nil, fmt.Errorf("list orders by %s: %w", q.By, err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		last := page[len(page)-1]
		next = &Place{key.of(last), last.ID}
	}
	return page, next, nil
}
