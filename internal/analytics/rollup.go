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

	usersAtOnce = 1000 // in one transaction
	marksAtOnce = 2000

	// lock keeps two processes from adding up the same month; taken alone, for a transaction.
	lock = "rollups"

	jobTimeout = "60s" // a thousand users' first time is more than the pool's statement timeout
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
	err = r.db.AsSystem(ctx, "job:roll_up", func(ctx context.Context, tx pgx.Tx) (err error) {
		if ours, err = postgres.TryLock(ctx, tx, lock); err != nil || !ours {
			return err
		}
		if _, err := tx.Exec(ctx, `set local statement_timeout = '`+jobTimeout+`'`); err != nil {
			return fmt.Errorf("take time: %w", err)
		}
		return fn(ctx, tx)
	})
	return ours, err
}

// unit is a month of a user's that is to be added up, as far as the rollups reach.
type unit struct {
	user         uuid.UUID
	month, until exchange.Date
}

// redoMarked adds up again what marks say has changed, until there are none.
func (r *Reports) redoMarked(ctx context.Context) error {
	for more := true; more; {
		ours, err := r.alone(ctx, func(ctx context.Context, tx pgx.Tx) error {
			units, taken, err := takeMarks(ctx, tx)
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
func takeMarks(ctx context.Context, tx pgx.Tx) (units []unit, taken int, err error) {
	rows, err := tx.Query(ctx, `
		with named as (select distinct user_id, month from (select user_id, month from rollup_marks order by id limit $1) m),
			taken as (delete from rollup_marks m using named n where m.user_id = n.user_id and m.month = n.month)
		select n.user_id, n.month, coalesce(p.covers_until, (select swept_until from rollup_sweeps))
		from named n left join rollup_progress p using (user_id)`, marksAtOnce)
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
	for after := uuid.Nil; ; {
		var last uuid.UUID
		ours, err := r.alone(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			last, err = sweepSlice(ctx, tx, after, until)
			return err
		})
		if err != nil || !ours {
			return wrap("add up finished days", err)
		}
		if last == uuid.Nil {
			break
		}
		after = last
	}
	_, err := r.db.Pool().Exec(ctx, `
		insert into rollup_sweeps (swept_until) values ($1)
		on conflict (one) do update set swept_until = greatest(rollup_sweeps.swept_until, excluded.swept_until)`, until)
	return wrap("note what is added up", err)
}

// sweepSlice does so for the next users by id, and gives the last of them; the nil id when
// there are no more.
func sweepSlice(ctx context.Context, tx pgx.Tx, after uuid.UUID, until exchange.Date) (last uuid.UUID, err error) {
	rows, err := tx.Query(ctx, `
		select u.id, array(
			select distinct date_trunc('month', p.closed_at `+newYork+`)::date from positions p
			where p.user_id = u.id and p.outcome is not null
			  and p.closed_at >= (coalesce(g.covers_until, '-infinity')::timestamp `+newYork+`) and p.closed_at < ($2::date::timestamp `+newYork+`))::text[]
		from (select id from users where id > $1 order by id limit $3) u left join rollup_progress g on g.user_id = u.id
		order by u.id`, after, until, usersAtOnce)
	if err != nil {
		return uuid.Nil, fmt.Errorf("find finished days: %w", err)
	}
	var units []unit
	var months []string
	_, err = pgx.ForEachRow(rows, []any{&last, &months}, func() error {
		for _, text := range months {
			month, err := exchange.ParseDate(text)
			if err != nil {
				return err
			}
			units = append(units, unit{last, month, until})
		}
		return nil
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("find finished days: %w", err)
	}
	if err := addUp(ctx, tx, units); err != nil {
		return uuid.Nil, err
	}
	return last, advance(ctx, tx, units)
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
