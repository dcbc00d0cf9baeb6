package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/postgres"
)

const (
	// settled is how long a day must be over before it is added up. What closed in it and is
	// not committed yet would be missing for good: the trigger mark_rollups takes what is
	// younger than an hour for live, and no transaction lasts five.
	settled = 6 * time.Hour

	// In one transaction, which keeps the rows of users and accounts that its own rows name from
	// being removed or renamed: so short that nobody notices.
	usersAtOnce = 1000
	rowsAtOnce  = 20_000 // positions added up, or a month of one user's where that is more
	marksAtOnce = 200    // marks taken, of at most as many months

	// lock keeps two processes from adding up the same month; taken alone, for a transaction.
	lock = "rollups"

	jobTimeout = "60s" // a month of somebody with very many positions may take more than the pool's statement timeout
)

// RollUp adds up the months that changed since, and once a day what finished since the
// last time. It may run anywhere, any number of times; another process that is at it
// leaves nothing to do.
func (r *Reports) RollUp(ctx context.Context) error {
	if err := r.redoMarked(ctx); err != nil {
		return err
	}
	until := exchange.TradingDay(r.now().Add(-settled))
	var done bool
	err := r.db.Pool().QueryRow(ctx, `select exists (select from rollup_sweeps where swept_until >= $1)`, until).Scan(&done)
	if err != nil || done {
		return wrap("see what is added up", err)
	}
	return r.sweep(ctx, until)
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// alone runs a slice of the job's work, in one transaction that nobody else has the like
// of; ours is false when somebody has.
func (r *Reports) alone(ctx context.Context, fn postgres.TxFunc) (ours bool, err error) {
	err = r.slice(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if ours, err = postgres.TryLock(ctx, tx, lock); err != nil || !ours {
			return err
		}
		return fn(ctx, tx)
	})
	return ours, err
}

// inTurn is alone after whoever is at it.
func (r *Reports) inTurn(ctx context.Context, fn postgres.TxFunc) error {
	return r.slice(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.Lock(ctx, tx, lock); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// slice is a transaction that may take its time.
func (r *Reports) slice(ctx context.Context, fn postgres.TxFunc) error {
	return r.db.AsSystem(ctx, "job:roll_up", func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true)`, jobTimeout); err != nil {
			return fmt.Errorf("take time: %w", err)
		}
		return fn(ctx, tx)
	})
}

// unit is a month of a user's that is to be added up, as far as the rollups reach.
type unit struct {
	user         uuid.UUID
	month, until exchange.Date
}

// redoMarked adds up again what marks say has changed, until there are none of those that
// there are now; others that come meanwhile are for the next time.
func (r *Reports) redoMarked(ctx context.Context) error {
	var newest int64
	if err := r.db.Pool().QueryRow(ctx, `select coalesce(max(id), 0) from rollup_marks`).Scan(&newest); err != nil {
		return fmt.Errorf("see what has changed: %w", err)
	}
	for more := newest > 0; more; {
		ours, err := r.alone(ctx, func(ctx context.Context, tx pgx.Tx) error {
			units, taken, err := takeMarks(ctx, tx, newest)
			if more = taken > 0; err != nil {
				return err
			}
			if err := addUp(ctx, tx, units); err != nil {
				return err
			}
			return advance(ctx, tx, units)
		})
		if err != nil {
			return fmt.Errorf("add up what has changed: %w", err)
		}
		more = more && ours
	}
	return nil
}

// takeMarks takes the marks of the months that the oldest ones name, and gives those months.
// The statements that follow see whatever made them: a mark is committed with its cause.
// What changes from now on has a mark of its own. Whoever had nothing to add up when
// everybody was looked at last has marks for all that came since, and begins here.
func takeMarks(ctx context.Context, tx pgx.Tx, newest int64) (units []unit, taken int, err error) {
	rows, err := tx.Query(ctx, `
		with named as (select distinct user_id, month from (select user_id, month from rollup_marks where id <= $2 order by id limit $1) m),
			taken as (delete from rollup_marks m using named n where m.user_id = n.user_id and m.month = n.month)
		select n.user_id, n.month, coalesce(p.covers_until, (select swept_until from rollup_sweeps))
		from named n left join rollup_progress p using (user_id)`, marksAtOnce, newest)
	if err != nil {
		return nil, 0, fmt.Errorf("take marks: %w", err)
	}
	var u unit
	_, err = pgx.ForEachRow(rows, []any{&u.user, &u.month, &u.until}, func() error {
		taken++
		if !u.until.IsZero() && u.month.Before(u.until) { // else nothing of the month is in the rollups
			units = append(units, u)
		}
		return nil
	})
	return units, taken, wrap("take marks", err)
}

// sweep brings everybody's rollups up to a day.
func (r *Reports) sweep(ctx context.Context, until exchange.Date) error {
	for after, done := uuid.Nil, false; !done; {
		ours, err := r.alone(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			after, done, err = sweepSlice(ctx, tx, after, until)
			return err
		})
		if err != nil || !ours {
			return wrap("add up finished days", err)
		}
	}
	_, err := r.db.Pool().Exec(ctx, `
		insert into rollup_sweeps (swept_until) values ($1)
		on conflict (one) do update set swept_until = greatest(rollup_sweeps.swept_until, excluded.swept_until)`, until)
	return wrap("note what is added up", err)
}

// sweepSlice does so for the next users by id, as far as their positions are not more than
// rowsAtOnce, and gives the last user who is done with; done when there are no more. Somebody
// whose positions are more has their first months added up, and is the first of the next slice.
func sweepSlice(ctx context.Context, tx pgx.Tx, after uuid.UUID, until exchange.Date) (last uuid.UUID, done bool, err error) {
	users, finished, err := nextFinished(ctx, tx, after, until)
	if err != nil || len(users) == 0 {
		return after, true, err
	}
	units, last, cut := fitting(finished, after, until)
	if !cut {
		last = users[len(users)-1]
	}
	if err := addUp(ctx, tx, units); err != nil {
		return after, false, err
	}
	return last, false, advance(ctx, tx, units)
}

// month is one of a user's that has finished positions beyond their rollups.
type month struct {
	user  uuid.UUID
	first exchange.Date
	rows  int
}

// nextFinished are the next users by id, and the months that they have to add up, by user and
// month. (Index positions_results.)
func nextFinished(ctx context.Context, tx pgx.Tx, after uuid.UUID, until exchange.Date) (users []uuid.UUID, months []month, err error) {
	b := &pgx.Batch{}
	b.Queue(`select id from users where id > $1 order by id limit $2`, after, usersAtOnce).Query(func(rows pgx.Rows) (err error) {
		users, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	b.Queue(`
		select u.id, m.first, m.rows
		from (select id from users where id > $1 order by id limit $3) u left join rollup_progress g on g.user_id = u.id cross join lateral (
			select date_trunc('month', p.closed_at `+newYork+`)::date as first, count(*)::int as rows from positions p
			where p.user_id = u.id and p.outcome is not null
			  and p.closed_at >= (coalesce(g.covers_until, '-infinity')::timestamp `+newYork+`) and p.closed_at < ($2::date::timestamp `+newYork+`)
			group by 1) m
		order by u.id, m.first`, after, until, usersAtOnce).Query(func(rows pgx.Rows) (err error) {
		months, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m month, err error) {
			err = row.Scan(&m.user, &m.first, &m.rows)
			return m, err
		})
		return err
	})
	return users, months, wrap("find finished days", tx.SendBatch(ctx, b).Close())
}

// fitting are the months that a transaction adds up, the last user of whom nothing is left
// over, after without one, and whether something is. The rollups of somebody who has months
// left reach up to the first of those.
func fitting(months []month, after uuid.UUID, until exchange.Date) (units []unit, last uuid.UUID, cut bool) {
	last = after
	rows := 0
	for i, m := range months {
		if rows += m.rows; i > 0 && rows > rowsAtOnce {
			for j := len(units) - 1; j >= 0 && units[j].user == m.user; j-- {
				units[j].until = m.first
			}
			if before := months[i-1].user; before != m.user {
				last = before
			}
			return units, last, true
		}
		if i > 0 && months[i-1].user != m.user {
			last = months[i-1].user
		}
		units = append(units, unit{m.user, m.first, until})
	}
	return units, last, false
}

// advance notes how far the rollups of the units' users reach.
func advance(ctx context.Context, tx pgx.Tx, units []unit) error {
	users, _, untils := columns(units)
	_, err := tx.Exec(ctx, `
		insert into rollup_progress (user_id, covers_until) select distinct u, t::date from unnest($1::uuid[], $2::text[]) q(u, t)
		on conflict (user_id) do update set covers_until = excluded.covers_until`, users, untils)
	return wrap("note how far results are added up", err)
}

func columns(units []unit) (users []uuid.UUID, months, untils []string) {
	for _, u := range units {
		users, months, untils = append(users, u.user), append(months, u.month.String()), append(untils, u.until.String())
	}
	return users, months, untils
}

// of are the finished positions of units, in the terms of a rollup. ($1 to $3: the units'
// columns; index positions_results.)
const of = `
	with unit as (
		select u, m::date as month, least((m::date + interval '1 month')::date, t::date) as until from unnest($1::uuid[], $2::text[], $3::text[]) q(u, m, t)
	), of as (
		select unit.u as user_id, unit.month, p.* from unit cross join lateral (
			select p.account_id, p.source = 'copy' as copied, coalesce(p.copied_from, ` + nobody + `) as trader_id, p.closed_at ` + newYork + ` as at,
				p.outcome, p.realized, p.cost_bought, p.fees, p.underlying, p.option_type, p.bought, coalesce(extract(epoch from p.closed_at - p.opened_at), 0) as held
			from positions p
			where p.user_id = unit.u and p.outcome is not null and p.closed_at >= (unit.month::timestamp ` + newYork + `) and p.closed_at < (unit.until::timestamp ` + newYork + `)
			offset 0) p
	)`

// The rows of each rollup, of the positions in of.
const (
	dayRows = of + `
		select user_id, at::date, account_id, copied, trader_id, count(*)::int, count(*) filter (where outcome = 'win')::int, count(*) filter (where outcome = 'loss')::int,
			sum(realized), sum(greatest(realized, 0)), sum(greatest(-realized, 0)), sum(cost_bought), sum(fees), sum(held), max(realized), min(realized)
		from of group by 1, 2, 3, 4, 5`
	symbolRows = of + `
		select user_id, month, account_id, copied, trader_id, underlying, option_type, count(*)::int, count(*) filter (where outcome = 'win')::int, sum(realized), sum(bought)::bigint
		from of group by 1, 2, 3, 4, 5, 6, 7`
	slotRows = of + `
		select user_id, month, account_id, copied, trader_id, extract(dow from at)::smallint, ` + slotOf + `,
			count(*)::int, count(*) filter (where outcome = 'win')::int, sum(realized)
		from of group by 1, 2, 3, 4, 5, 6, 7`
)

// addUp writes the rollups of some months anew.
func addUp(ctx context.Context, tx pgx.Tx, units []unit) error {
	if len(units) == 0 {
		return nil
	}
	users, months, untils := columns(units)
	b := &pgx.Batch{}
	b.Queue(`
		delete from rollup_days d using unnest($1::uuid[], $2::text[]) q(u, m)
		where d.user_id = q.u and d.day >= q.m::date and d.day < (q.m::date + interval '1 month')::date`, users, months)
	for _, table := range []string{"rollup_symbols", "rollup_slots"} {
		b.Queue(`delete from `+table+` r using unnest($1::uuid[], $2::text[]) q(u, m) where r.user_id = q.u and r.month = q.m::date`, users, months)
	}
	b.Queue(`insert into rollup_days `+dayRows, users, months, untils)
	b.Queue(`insert into rollup_symbols `+symbolRows, users, months, untils)
	b.Queue(`insert into rollup_slots `+slotRows, users, months, untils)
	return wrap("add up results", tx.SendBatch(ctx, b).Close())
}
