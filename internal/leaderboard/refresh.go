package leaderboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/record"
)

const (
	// lock keeps two processes from making the same boards at once; taken alone, for a
	// transaction. The hour's uniqueness keeps them from being made twice.
	lock = "leaderboard"

	// patience is how long the statement may take: more than a request's may.
	patience = "60s"

	// kept are the refreshes that stay, for whoever is on a page behind the first and for
	// the next one to compare with.
	kept = 3
)

// Refresh makes the boards of this hour, unless they are there. It may run anywhere, any
// number of times; another process that is at it leaves nothing to do. Nobody who reads
// waits for it: it adds rows that nobody reads yet, and takes away those that nobody reads
// any more. Its locks are the advisory one, before all others, a shared one on the key of each
// user whom a row names, which only a removal of theirs would wait for, and those of the
// messages it leaves.
func (b *Board) Refresh(ctx context.Context) error {
	now := b.now()
	err := b.db.AsSystem(ctx, "job:leaderboard", func(ctx context.Context, tx pgx.Tx) error {
		ours, err := postgres.TryLock(ctx, tx, lock)
		if err != nil || !ours {
			return err
		}
		if _, err := tx.Exec(ctx, `set local statement_timeout = '`+patience+`'`); err != nil {
			return fmt.Errorf("take time: %w", err)
		}
		id, err := begin(ctx, tx, now)
		if err != nil || id == 0 {
			return err
		}
		if err := b.rank(ctx, tx, id, now); err != nil {
			return err
		}
		if err := b.tellChanges(ctx, tx, id); err != nil {
			return err
		}
		if err := b.award(ctx, tx, id, now); err != nil {
			return err
		}
		return forget(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("refresh the leaderboard: %w", err)
	}
	return nil
}

// begin notes the refresh of an hour; 0: there is one.
func begin(ctx context.Context, tx pgx.Tx, now time.Time) (id int64, err error) {
	err = tx.QueryRow(ctx, `
		insert into leaderboard_refreshes (hour, as_of) values (date_trunc('hour', $1::timestamptz), $1)
		on conflict (hour) do nothing returning id`, now).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("note the refresh: %w", err)
	}
	return id, nil
}

// rank makes every board in one statement: results by trader and day, which the periods
// share; the sum of each period's days, with how far it fell below its highest point; one
// row for each trader who publishes, and period; besides, how copying them went. Foreign
// tables: users, trading_switches, subscriptions, published_results (index
// published_results_trader), and those of copyingRows.
func (b *Board) rank(ctx context.Context, tx pgx.Tx, id int64, now time.Time) error {
	_, err := tx.Exec(ctx, `
		with trader as (
			select u.id from users u where `+record.Trader+` and `+record.StoppedAt+` is null
		), period as (
			select name, (since at time zone 'America/New_York')::date as first, minimum from unnest(@periods::text[], @since::timestamptz[], @minimum::int[]) q(name, since, minimum)
		), day as materialized (
			select r.trader_id, (r.finished_at at time zone 'America/New_York')::date as day, count(*) as finished,
				count(*) filter (where r.result = 'win') as wins, count(*) filter (where r.result = 'loss') as losses, sum(r.realized) as pnl, sum(r.cost) as cost
			from trader t join published_results r on r.trader_id = t.id
			where `+record.Counted+` and r.finished_at <= @now
			group by 1, 2
		), curve as (
			select p.name, d.*, sum(d.pnl) over (partition by p.name, d.trader_id order by d.day) as height
			from period p join day d on d.day >= p.first
		), fall as (
			select *, greatest(max(height) over (partition by name, trader_id order by day), 0) - height as below from curve
		), made as (
			select name, trader_id, sum(finished)::int as finished, sum(wins)::int as wins, sum(losses)::int as losses, sum(pnl) as pnl, sum(cost) as cost, max(below) as drawdown
			from fall group by name, trader_id
		), follow as (
			select s.trader_id, count(*)::int as n from subscriptions s where s.status <> 'cancelled' and not s.paper group by s.trader_id
		),`+copyingRows+`, standing as (
			select p.name, t.id, coalesce(m.finished, 0) as finished, coalesce(m.wins, 0) as wins, coalesce(m.losses, 0) as losses,
				coalesce(m.pnl, 0) as pnl, coalesce(m.cost, 0) as cost, coalesce(m.drawdown, 0) as drawdown, coalesce(f.n, 0) as followers,
				coalesce(m.finished, 0) >= p.minimum as enough, coalesce(c.decided, 0) as decided, coalesce(c.skipped, 0) as skipped, c.slippage, coalesce(e.copies, 0) as copies,
				case when e.enough then e.cost end as copy_cost, case when e.enough then e.result end as copy_result, case when e.enough then round(e.base, 8) end as copy_base,
				case when e.enough and e.base > 0 then round(e.result / e.base, 8) end as efficiency
			from trader t cross join period p left join made m on m.trader_id = t.id and m.name = p.name left join follow f on f.trader_id = t.id
			left join copied c on c.trader_id = t.id left join ended e on e.trader_id = t.id
		)
		insert into leaderboard_rows (refresh_id, period, trader_id, finished, wins, losses, pnl, cost, drawdown, followers, rank_pnl, rank_roi, rank_win_rate, rank_followers,
			decided, skipped, slippage, copies, copy_cost, copy_result, copy_base, rank_efficiency)
		select @id::bigint, name, id, finished, wins, losses, pnl, cost, drawdown, followers,
			case when finished > 0 then rank() over (partition by name, finished > 0 order by pnl desc) end,
			case when enough and cost > 0 then rank() over (partition by name, enough and cost > 0 order by round(pnl / nullif(cost, 0), 8) desc) end,
			case when enough then rank() over (partition by name, enough order by round(wins::numeric / nullif(finished, 0), 8) desc) end,
			case when followers > 0 then rank() over (partition by name, followers > 0 order by followers desc) end,
			decided, skipped, slippage, copies, copy_cost, copy_result, copy_base,
			case when efficiency is not null then rank() over (partition by name, efficiency is not null order by efficiency desc) end
		from standing`,
		b.args(pgx.NamedArgs{
			"id": id, "now": now,
			"copiedSince": now.AddDate(0, 0, -copiedDays), "copiesLeast": copiesLeast, "copyingFollowers": copyingFollowersLeast,
		}))
	if err != nil {
		return fmt.Errorf("rank traders: %w", err)
	}
	return nil
}

// args adds what every statement over results needs: the periods, when each began, how many
// trades a percentage of it asks for, and whether play money counts.
func (b *Board) args(args pgx.NamedArgs) pgx.NamedArgs {
	periods, today := record.Periods(), b.clock.Today()
	since, minimum := make([]time.Time, len(periods)), make([]int, len(periods))
	for i, p := range periods {
		since[i], minimum[i] = p.Since(today), minimums[p]
	}
	args["periods"], args["since"], args["minimum"], args["paperCounts"] = periods, since, minimum, b.paperCounts
	return args
}

// forget takes old boards away.
func forget(ctx context.Context, tx pgx.Tx, newest int64) error {
	batch := &pgx.Batch{}
	const old = `(select id from leaderboard_refreshes where id <= $1 order by id desc offset $2 limit 1)`
	batch.Queue(`delete from leaderboard_rows where refresh_id <= `+old, newest, kept)
	batch.Queue(`delete from leaderboard_refreshes where id <= `+old, newest, kept)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("take old boards away: %w", err)
	}
	return nil
}
