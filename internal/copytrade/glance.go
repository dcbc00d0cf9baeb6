package copytrade

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/risk"
)

// Glance is a follower's copying of today, in one look.
type Glance struct {
	Copies int          // entries copied today, whoever was copied
	Most   int          // that the most generous of the subscriptions allows a day (R12)
	Loss   money.Amount // what sold copies made today where that is a loss, else zero
	Stop   money.Amount // at which loss copying stops for the day (R14)
}

// Glance is nil for who copies nobody, or only on paper. Foreign tables:
// day_counters, copy_results.
func (c *Copier) Glance(ctx context.Context, user uuid.UUID) (*Glance, error) {
	var most *int
	var g Glance
	var made decimal.Decimal
	err := c.db.ReadAs(ctx, user, func(b *pgx.Batch) {
		b.Queue(`
		select (select max(max_daily_trades) from subscriptions where follower_id = $1 and status = 'active' and not paper),
			coalesce((select used from day_counters where user_id = $1 and trading_day = $2 and kind = 'copies'), 0)::int,
			coalesce((select realized from copy_results where user_id = $1 and trading_day = $2), 0)`,
			user, c.clock.Today()).QueryRow(func(row pgx.Row) error { return row.Scan(&most, &g.Copies, &made) })
	})
	if err != nil {
		return nil, fmt.Errorf("read copying at a glance: %w", err)
	}
	if most == nil {
		return nil, nil
	}
	limits, err := c.rules.UserLimits(ctx, user)
	if err != nil {
		return nil, err
	}
	stop := slices.IndexFunc(limits, func(l risk.UserLimit) bool { return l.Name == risk.DayCopyLoss })
	g.Most, g.Stop = *most, limits[stop].InForce
	if made.IsNegative() {
		g.Loss = money.Amount{Decimal: made}
	}
	return &g, nil
}
