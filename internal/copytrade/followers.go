package copytrade

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/money"
	"github.com/alertsify/alertsify/internal/postgres"
)

// Follower is what a trader sees of somebody who copies them: never settings,
// sizes, accounts or results.
type Follower struct {
	Username string    `json:"username"`
	Status   string    `json:"status"` // active, paused
	Since    time.Time `json:"since"`
	Copied   int       `json:"copied"` // of the trader's orders

	id uuid.UUID // of the subscription, for the cursor
}

// Followers lists who copies a trader, newest first (index subscriptions_followers).
// Whoever does so on paper only is not among them.
func (c *Copier) Followers(ctx context.Context, trader uuid.UUID, limit int, after *Cursor) (page []Follower, next *Cursor, err error) {
	at, id := c.now().Add(24*time.Hour), uuid.Max
	if after != nil {
		at, id = after.At, after.ID
	}
	err = c.db.As(ctx, trader, func(ctx context.Context, tx pgx.Tx) error {
		// Foreign table: users, for the name.
		rows, err := tx.Query(ctx, `
			select u.username, s.status, s.created_at, s.id,
				(select count(*) from copy_decisions d where d.subscription_id = s.id and d.result = 'executed')
			from subscriptions s join users u on u.id = s.follower_id
			where s.trader_id = $1 and s.status <> 'cancelled' and not s.paper and (s.created_at, s.id) < ($2, $3)
			order by s.created_at desc, s.id desc limit $4`, trader, at, id, limit+1)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f Follower, err error) {
			err = row.Scan(&f.Username, &f.Status, &f.Since, &f.id, &f.Copied)
			f.Since = f.Since.UTC()
			return f, err
		})
		return err
	}, postgres.Across("name, status and copies of those who follow"))
	if err != nil {
		return nil, nil, fmt.Errorf("list followers: %w", err)
	}
	if len(page) > limit {
		page = page[:limit]
		last := page[len(page)-1]
		next = &Cursor{last.Since, last.id}
	}
	return page, next, nil
}

// FollowerCount is how many copy a trader now, and how many have paused.
func (c *Copier) FollowerCount(ctx context.Context, trader uuid.UUID) (active, paused int, err error) {
	err = c.db.As(ctx, trader, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `
			select count(*) filter (where status = 'active'), count(*) filter (where status = 'paused') from subscriptions
			where trader_id = $1 and status <> 'cancelled' and not paper`, trader).Scan(&active, &paused)
	}, postgres.Across("how many follow"))
	if err != nil {
		return 0, 0, fmt.Errorf("count followers: %w", err)
	}
	return active, paused, nil
}

// Copies is what became of one order of a trader for all who follow; the counts
// add up to Decisions.
type Copies struct {
	Decisions        int           `json:"decisions"`
	Queued           int           `json:"queued"`
	AwaitingApproval int           `json:"awaitingApproval"`
	Approved         int           `json:"approved"`
	Executed         int           `json:"executed"`
	Rejected         int           `json:"rejected"`
	Skipped          int           `json:"skipped"`
	Failed           int           `json:"failed"`
	Expired          int           `json:"expired"`
	MedianSlippage   *money.Amount `json:"medianSlippage"` // percent of the trader's price, against the follower; null without an executed copy
}

// CopiesOf tells a trader what became of an order of theirs; somebody else's is
// not found, and what was decided on paper is its followers' own affair. Foreign
// table: orders.
func (c *Copier) CopiesOf(ctx context.Context, trader, order uuid.UUID) (n Copies, err error) {
	err = c.db.As(ctx, trader, func(ctx context.Context, tx pgx.Tx) error {
		var median decimal.NullDecimal // a part of the trader's price, not rounded
		err := tx.QueryRow(ctx, `
			with own as (
				select id, side, cum, cum_notional from orders where id = $1 and user_id = $2
			), made as (
				select d.result, case o.side when 'BTO' then 1 else -1 end
					* (e.cum_notional * o.cum - o.cum_notional * e.cum) / nullif(o.cum_notional * e.cum, 0) as slippage
				from own o join copy_decisions d on d.leader_order_id = o.id and not d.paper left join orders e on e.id = d.order_id
			), ranked as (
				select slippage, row_number() over (order by slippage) as place, count(*) over () as all_of_them
				from made where result = 'executed' and slippage is not null
			)
			select count(m.result), count(*) filter (where m.result = 'queued'), count(*) filter (where m.result = 'awaiting_approval'),
				count(*) filter (where m.result = 'approved'), count(*) filter (where m.result = 'executed'),
				count(*) filter (where m.result = 'rejected'), count(*) filter (where m.result = 'skipped'),
				count(*) filter (where m.result = 'failed'), count(*) filter (where m.result = 'expired'),
				(select sum(slippage) / count(*) from ranked where place in ((all_of_them + 1) / 2, (all_of_them + 2) / 2))
			from own left join made m on true having count(own.id) > 0`, order, trader).
			Scan(&n.Decisions, &n.Queued, &n.AwaitingApproval, &n.Approved, &n.Executed, &n.Rejected, &n.Skipped, &n.Failed, &n.Expired,
				&median)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.NotFound()
		}
		if median.Valid {
			n.MedianSlippage = &money.Amount{Decimal: money.Percent(median.Decimal, decimal.NewFromInt(1)).Decimal}
		}
		return err
	}, postgres.Across("how many copied an order, and the median of their prices"))
	if err != nil {
		return Copies{}, fmt.Errorf("count copies of order %s: %w", order, err)
	}
	return n, nil
}
