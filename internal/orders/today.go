package orders

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/positions"
)

// Today reckons what open positions of a user, with their marks, made since the trading
// day began (positions.Position.Made), by the time of each fill and the close of the
// trading day before. Where a mark is older than the day, or contracts came or left
// today without a fill, there is nothing to reckon with, and nothing is said.
func (d *Desk) Today(ctx context.Context, user uuid.UUID, list []positions.Position) error {
	midnight := d.midnight()
	ids, symbols := make([]uuid.UUID, 0, len(list)), make([]string, 0, len(list))
	for _, p := range list {
		if p.Status == positions.Open {
			ids, symbols = append(ids, p.ID), append(symbols, p.Contract.Symbol)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	traded, err := d.tradedSince(ctx, user, ids, midnight)
	if err != nil {
		return err
	}
	closes := d.closesBefore(ctx, symbols)
	for i, p := range list {
		since, sure := traded[p.ID]
		if old := p.MarkAt == nil || p.MarkAt.Before(midnight); !sure || (p.Held() > 0 && old) {
			continue
		}
		var yesterday *money.Price
		if c, known := closes[p.Contract.Symbol]; known {
			yesterday = &c
		}
		list[i].Today = p.Made(since, yesterday)
	}
	return nil
}

// closesBefore are the closes of the trading day before; none when they do not come in time.
func (d *Desk) closesBefore(ctx context.Context, symbols []string) map[string]money.Price {
	day := d.clock.Today().AddDays(-1)
	for exchange.Known(day) && !exchange.IsTradingDay(day) {
		day = day.AddDays(-1)
	}
	if d.market.Off() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, markTime)
	defer cancel()
	closes, err := d.market.Closes(ctx, symbols[:min(len(symbols), market.QuotesMax)], day)
	if err != nil {
		d.log.WarnContext(ctx, "positions are shown without yesterday's close", "err", err)
	}
	return closes
}

// tradedSince sums what filled since an instant (indexes fills_position and
// position_adjustments_position). Positions that something came to or left since without
// a fill are left out. Foreign tables: late_fees, position_adjustments.
func (d *Desk) tradedSince(ctx context.Context, user uuid.UUID, ids []uuid.UUID, since time.Time) (map[uuid.UUID]positions.Traded, error) {
	found := make(map[uuid.UUID]positions.Traded, len(ids))
	err := d.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select i.id, coalesce(sum(f.quantity) filter (where f.side = 'BTO'), 0)::int, coalesce(sum(f.quantity) filter (where f.side = 'STC'), 0)::int,
				coalesce(sum(f.notional) filter (where f.side = 'BTO'), 0), coalesce(sum(f.notional) filter (where f.side = 'STC'), 0),
				coalesce(sum(f.fees + coalesce((select sum(l.amount) from late_fees l where l.order_id = f.order_id and l.cum = f.cum), 0)), 0)
			from unnest($2::uuid[]) i (id)
			left join fills f on f.position_id = i.id and f.user_id = $1 and f.learnt_at >= $3 and coalesce(f.executed_at, f.learnt_at) >= $3
			where not exists (select from position_adjustments a where a.position_id = i.id and a.user_id = $1 and a.learnt_at >= $3)
			group by i.id`, user, ids, since)
		if err != nil {
			return err
		}
		var id uuid.UUID
		var t positions.Traded
		_, err = pgx.ForEachRow(rows, []any{&id, &t.Bought, &t.Sold, &t.Paid, &t.Received, &t.Fees}, func() error { found[id] = t; return nil })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sum what filled today: %w", err)
	}
	return found, nil
}
