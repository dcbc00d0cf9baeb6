package copytrade

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/record"
)

// LateBroker is a broker whose trades, made in its own app, are seen minutes late: what
// its orders of the last month took, by the middle one.
type LateBroker struct {
	Broker      string `json:"broker"` // its slug
	Institution string `json:"institution"`
	Seconds     int    `json:"seconds"` // from the execution until it was known
	Orders      int    `json:"orders"`  // that say so
}

const (
	lateFrom  = 60 // seconds; looks come every minute, and so much is nobody's fault
	lateLeast = 5  // orders; fewer say nothing of a broker
)

// LateBrokers lists the brokers whose own app's trades reach us late, the latest first,
// at most 50. It reads what was seen of traders' accounts within a month, twenty orders
// of each (index orders_account_day), and says nothing of whose they are. Foreign tables:
// users, accounts, connections, orders.
func (c *Copier) LateBrokers(ctx context.Context) ([]LateBroker, error) {
	rows, err := c.db.Pool().Query(ctx, `
		select k.broker_slug, min(k.institution), (percentile_disc(0.5) within group (order by seen.seconds))::int as seconds, count(*)::int
		from users u
		join accounts a on a.user_id = u.id and a.removed_at is null
		join connections k on k.id = a.connection_id
		join lateral (
			select greatest(extract(epoch from o.created_at - o.executed_at), 0) as seconds from orders o
			where o.account_id = a.id and o.created_at > $1 and o.source = 'detected' and o.executed_at is not null
			order by o.created_at desc limit 20) seen on true
		where `+record.Trader+`
		group by k.broker_slug having count(*) >= $2 and percentile_disc(0.5) within group (order by seen.seconds) >= $3
		order by seconds desc, k.broker_slug limit 50`, c.now().AddDate(0, -1, 0), lateLeast, lateFrom)
	if err != nil {
		return nil, fmt.Errorf("list brokers that are seen late: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LateBroker])
	if err != nil {
		return nil, fmt.Errorf("list brokers that are seen late: %w", err)
	}
	return list, nil
}
