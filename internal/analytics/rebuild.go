package analytics

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
)

// Rebuilt is what making all rollups anew came to.
type Rebuilt struct {
	Users int // who have rollups
	Rows  int // of all rollups, as they are now
	Wrong int // rows that were not what the positions say, in months without a mark; now they are
}

// Rebuild makes everybody's rollups anew from the positions, and says how many rows were
// not what they should have been. Answers stay exact while it runs.
func (r *Reports) Rebuild(ctx context.Context) (all Rebuilt, err error) {
	until := exchange.TradingDay(r.now().Add(-settled))
	for after := uuid.Nil; ; {
		var last uuid.UUID
		var part Rebuilt
		err := r.inTurn(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			last, part, err = rebuildSlice(ctx, tx, after, until)
			return err
		})
		if err != nil {
			return all, fmt.Errorf("rebuild results: %w", err)
		}
		all.Users, all.Rows, all.Wrong = all.Users+part.Users, all.Rows+part.Rows, all.Wrong+part.Wrong
		if last == uuid.Nil {
			return all, wrap("rebuild results", r.RollUp(ctx))
		}
		after = last
	}
}

// In one transaction: users, and the positions they have, or one user's where those are more.
const (
	rebuiltAtOnce = 200
	rebuiltRows   = 100_000
)

// rebuildSlice makes the rollups of the next users by id anew, as far as they reached.
func rebuildSlice(ctx context.Context, tx pgx.Tx, after uuid.UUID, until exchange.Date) (last uuid.UUID, done Rebuilt, err error) {
	units, users, err := everyMonth(ctx, tx, after, until)
	if err != nil || len(users) == 0 {
		return uuid.Nil, done, err
	}
	last, done.Users = users[len(users)-1], reached(units)
	if err := keepOld(ctx, tx, users); err != nil {
		return last, done, err
	}
	if err := addUp(ctx, tx, units); err != nil {
		return last, done, err
	}
	if err := advance(ctx, tx, units); err != nil {
		return last, done, err
	}
	done.Rows, done.Wrong, err = compareOld(ctx, tx, users)
	return last, done, err
}

func reached(units []unit) int {
	users := map[uuid.UUID]bool{}
	for _, u := range units {
		users[u.user] = true
	}
	return len(users)
}

// everyMonth is each month that has finished positions or rollups, of the next users by id
// who have no more than rebuiltRows together.
func everyMonth(ctx context.Context, tx pgx.Tx, after uuid.UUID, until exchange.Date) (units []unit, users []uuid.UUID, err error) {
	rows, err := tx.Query(ctx, `
		select u.id, coalesce(g.covers_until, $2::date), array(
			select distinct date_trunc('month', p.closed_at `+newYork+`)::date from positions p
			where p.user_id = u.id and p.outcome is not null and p.closed_at < (coalesce(g.covers_until, $2::date)::timestamp `+newYork+`)
			union select date_trunc('month', day)::date from rollup_days where user_id = u.id
			union select month from rollup_symbols where user_id = u.id
			union select month from rollup_slots where user_id = u.id)::text[],
			(select count(*) from positions p where p.user_id = u.id and p.outcome is not null)::int
		from (select id from users where id > $1 order by id limit $3) u left join rollup_progress g on g.user_id = u.id
		order by u.id`, after, until, rebuiltAtOnce)
	if err != nil {
		return nil, nil, fmt.Errorf("find months: %w", err)
	}
	var u unit
	var months []string
	var finished, sum int
	_, err = pgx.ForEachRow(rows, []any{&u.user, &u.until, &months, &finished}, func() (err error) {
		if sum += finished; len(users) > 0 && sum > rebuiltRows {
			return nil // the next slice begins with them
		}
		users = append(users, u.user)
		for _, text := range months {
			if u.month, err = exchange.ParseDate(text); err != nil {
				return err
			}
			units = append(units, u)
		}
		return nil
	})
	return units, users, wrap("find months", err)
}

// rollups are the tables, and the day or month of their rows.
var rollups = []struct{ table, at string }{{"rollup_days", "day"}, {"rollup_symbols", "month"}, {"rollup_slots", "month"}}

// keepOld takes the marks away and copies the rollups as they are, with the months that were
// marked: what is in those is known not to be right yet.
func keepOld(ctx context.Context, tx pgx.Tx, users []uuid.UUID) error {
	statements := []string{
		`create temporary table was_reached on commit drop as select user_id from rollup_progress where user_id = any($1)`,
		`create temporary table was_marked (user_id uuid, month date) on commit drop`,
		`with gone as (delete from rollup_marks where user_id = any($1) returning user_id, month) insert into was_marked select distinct user_id, month from gone`,
	}
	for _, r := range rollups {
		statements = append(statements, `create temporary table was_`+r.table+` on commit drop as select * from `+r.table+` where user_id = any($1)`)
	}
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, withIDs(sql, users)); err != nil {
			return fmt.Errorf("keep what was added up: %w", err)
		}
	}
	return nil
}

// withIDs writes ids into a statement in the place of $1: a utility command takes no
// parameters, and no plan is kept of tables that live for a transaction.
func withIDs(sql string, ids []uuid.UUID) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return strings.ReplaceAll(sql, "$1", "'{"+strings.Join(list, ",")+"}'::uuid[]")
}

// compareOld counts the rows there are, and those that are not what keepOld kept. What
// changed while they were made anew has left a mark since, in the transaction of its change:
// such months accuse nobody, and the job comes to them again.
func compareOld(ctx context.Context, tx pgx.Tx, users []uuid.UUID) (rows, wrong int, err error) {
	const marked = `insert into was_marked select distinct user_id, month from rollup_marks where user_id = any($1)`
	if _, err := tx.Exec(ctx, withIDs(marked, users)); err != nil {
		return 0, 0, fmt.Errorf("see what has changed meanwhile: %w", err)
	}
	for _, r := range rollups {
		var n, differ int
		compared := ` where user_id in (select user_id from was_reached)
			and (user_id, date_trunc('month', ` + r.at + `)::date) not in (select user_id, month from was_marked)`
		is, was := `select * from `+r.table+compared, `select * from was_`+r.table+compared
		err := tx.QueryRow(ctx, withIDs(`
			select (select count(*) from `+r.table+` where user_id = any($1)),
				(select count(*) from ((`+is+` except all `+was+`) union all (`+was+` except all `+is+`)) x)`, users),
			pgx.QueryExecModeExec).Scan(&n, &differ)
		if err != nil {
			return 0, 0, fmt.Errorf("compare what was added up: %w", err)
		}
		rows, wrong = rows+n, wrong+differ
	}
	return rows, wrong, nil
}
