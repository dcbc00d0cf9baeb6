package orders

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/snaptrade"
)

// listedOrder is an order of ours as it stands, by one of its ids at the broker.
type listedOrder struct {
	Order

	leg leg
}

// news says whether a report tells anything that is not known yet. What was known
// already when this was read stays so.
func (o listedOrder) news(r report) bool {
	return o.learns(advance(o.Order, o.leg, o.heldWhileReplaced(o.leg, r)))
}

// over are the listed orders of which nothing can be news, most of a day's list: ours
// have ended with all that is reported as filled, in every row of a list that has an id
// twice, and nobody is replacing them. The rest of their rows need not be read.
func (d *Desk) over(ctx context.Context, account uuid.UUID, listed []snaptrade.Order) (map[string]bool, error) {
	most := make(map[string]int, len(listed)) // filled
	for _, l := range listed {
		n := 0
		if r := reportOf(l); r.Filled != nil {
			n = *r.Filled
		}
		most[l.ID] = max(most[l.ID], n)
	}
	ids, filled := make([]string, 0, len(most)), make([]int, 0, len(most))
	for id, n := range most {
		ids, filled = append(ids, id), append(filled, n)
	}
	rows, err := d.db.Pool().Query(ctx, `
		select b.broker_order_id, true from unnest($2::text[], $3::bigint[]) as l (id, filled)
		join order_broker_ids b on b.account_id = $1 and b.broker_order_id = l.id and b.cum >= l.filled
		join orders o on o.id = b.order_id and o.state in ('filled', 'cancelled', 'expired') and o.broker_order_id is not null
		where not exists (select from order_changes c where c.order_id = o.id and c.state in ('queued', 'submitting', 'unknown'))`,
		account, ids, filled)
	if err != nil {
		return nil, fmt.Errorf("read which listed orders are over: %w", err)
	}
	over := make(map[string]bool, len(ids))
	var id string
	var yes bool
	if _, err := pgx.ForEachRow(rows, []any{&id, &yes}, func() error { over[id] = yes; return nil }); err != nil {
		return nil, fmt.Errorf("read which listed orders are over: %w", err)
	}
	return over, nil
}

// linked maps broker ids to our orders, in one statement.
func (d *Desk) linked(ctx context.Context, account uuid.UUID, listed []snaptrade.Order) (map[string]listedOrder, error) {
	ids := make([]string, 0, len(listed))
	for _, l := range listed {
		ids = append(ids, l.ID)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := d.db.Pool().Query(ctx, `
		select `+columns+`, b.broker_order_id, b.cum, b.cum_notional from order_broker_ids b join orders o on o.id = b.order_id
		where b.account_id = $1 and b.broker_order_id = any($2)`, account, ids)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	found := make(map[string]listedOrder, len(ids))
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (id string, err error) {
		var o listedOrder
		if o.Order, err = scanAnd(row, &id, &o.leg.cum, &o.leg.notional); err != nil {
			return "", err
		}
		o.leg.old = o.BrokerOrderID != nil && *o.BrokerOrderID != id
		found[id] = o
		return id, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	return found, nil
}
