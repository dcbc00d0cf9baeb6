package copytrade

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/market"
	"github.com/alertsify/alertsify/internal/money"
)

// markTime is how long a decision waits for quotes of what is held, unless Options say
// otherwise: without them it is made by what was sold alone.
const markTime = 800 * time.Millisecond

// marksOf gives the latest marks of what is held of a trader's copies by those who
// set themselves a daily loss stop, or by one subscription alone; on paper too.
func (c *Copier) marksOf(ctx context.Context, trader uuid.UUID, subscription *uuid.UUID) (symbols []string, marks []decimal.Decimal) {
	if c.market.Off() != nil {
		return nil, nil
	}
	held, err := c.heldUnderStop(ctx, trader, subscription)
	if err != nil {
		c.log.WarnContext(ctx, "the daily loss stop is judged without quotes of what is held", "trader", trader, "err", err)
		return nil, nil
	}
	for symbol, mark := range c.marks(ctx, held) {
		symbols, marks = append(symbols, symbol), append(marks, mark.Decimal)
	}
	return symbols, marks
}

// heldUnderStop are the contracts that marksOf marks. Foreign tables: copy_holdings
// (index copy_holdings_open), positions.
func (c *Copier) heldUnderStop(ctx context.Context, trader uuid.UUID, subscription *uuid.UUID) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.markTime)
	defer cancel()
	rows, err := c.db.Pool().Query(ctx, `
		select p.symbol from subscriptions s
		join copy_holdings h on h.subscription_id = s.id and h.bought > h.sold
		join positions p on p.id = h.position_id and p.status = 'open'
		where s.trader_id = $1 and s.status = 'active' and s.daily_loss_stop is not null and ($2::uuid is null or s.id = $2)
		union
		select h.symbol from subscriptions s
		join paper_holdings h on h.subscription_id = s.id and h.bought > h.sold
		where s.trader_id = $1 and s.status = 'active' and s.daily_loss_stop is not null and ($2::uuid is null or s.id = $2)
		limit $3`, trader, subscription, market.QuotesMax)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// lossStop asks for the marks before a copy's transaction and gives the check to
// run in it: signals that fill together were each decided about before the others
// lost anything.
func (c *Copier) lossStop(ctx context.Context, s Subscription) func(context.Context, pgx.Tx) error {
	if s.Settings.DailyLossStop.Value == nil {
		return func(context.Context, pgx.Tx) error { return nil }
	}
	symbols, marks := c.marksOf(ctx, s.TraderID, &s.ID)
	today := c.clock.Today()
	return func(ctx context.Context, tx pgx.Tx) error {
		var over bool
		var made decimal.Decimal
		err := tx.QueryRow(ctx, `
			select coalesce(today.made <= -s.daily_loss_stop, false), today.made from subscriptions s join lateral (`+madeToday+`) today on true where s.id = @id`,
			pgx.NamedArgs{"id": s.ID, "today": today, "marked": symbols, "marks": marks}).Scan(&over, &made)
		if err != nil {
			return fmt.Errorf("reckon the day of subscription %s: %w", s.ID, err)
		}
		if over {
			return fault.Conflict("daily_loss_stop", reasons["daily_loss_stop"]).
				With("madeToday", money.Amount{Decimal: made}).With("dailyLossStop", s.Settings.DailyLossStop.Value)
		}
		return nil
	}
}
