package analytics

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/postgres"
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

// inTurn is alone after whoever is at it: the job's slices are short.
func (r *Reports) inTurn(ctx context.Context, fn postgres.TxFunc) error {
	for {
		ours, err := r.alone(ctx, fn)
		if err != nil || ours {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

const rebuiltAtOnce = 200 // users

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

// everyMonth is each month that has finished positions or rollups, of the next users by id.
func everyMonth(ctx context.Context, tx pgx.Tx, after uuid.UUID, until exchange.Date) (units []unit, users []uuid.UUID, err error) {
	rows, err := tx.Query(ctx, `
		select u.id, coalesce(g.covers_until, $2::date), array(
			select distinct date_trunc('month', p.closed_at `+newYork+`)::date from positions p
			where p.user_id = u.id and p.outcome is not null and p.closed_at < (coalesce(g.covers_until, $2::date)::timestamp `+newYork+`)
			union select date_trunc('month', day)::date from rollup_days where user_id = u.id
			union select month from rollup_symbols where user_id = u.id
			union select month from rollup_slots where user_id = u.id)::text[]
		from (select id from users where id > $1 order by id limit $3) u left join rollup_progress g on g.user_id = u.id
		order by u.id`, after, until, rebuiltAtOnce)
	if err != nil {
		return nil, nil, fmt.Errorf("find months: %w", err)
	}
	var u unit
	var months []string
	_, err = pgx.ForEachRow(rows, []any{&u.user, &u.until, &months}, func() (err error) {
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

// keepOld copies the rollups of users who had some, of months without a mark, and takes
// the marks away.
func keepOld(ctx context.Context, tx pgx.Tx, users []uuid.UUID) error {
	statements := []string{
		`create temporary table was_reached on commit drop as select user_id from rollup_progress where user_id = any($1)`,
		`create temporary table was_marked on commit drop as select distinct user_id, month from rollup_marks where user_id = any($1)`,
		`delete from rollup_marks where user_id = any($1)`,
	}
	for _, r := range rollups {
		statements = append(statements, `create temporary table was_`+r.table+` on commit drop as select * from `+r.table+` where user_id = any($1)`)
	}
	for _, sql := range statements {
		// A utility command takes no parameters, so the ids are written into it.
		if _, err := tx.Exec(ctx, strings.ReplaceAll(sql, "$1", "'"+arrayOf(users)+"'::uuid[]")); err != nil {
			return fmt.Errorf("keep what was added up: %w", err)
		}
	}
	return nil
}

// arrayOf is the ids as the database writes an array.
func arrayOf(ids []uuid.UUID) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return "{" + strings.Join(list, ",") + "}"
}

// compareOld counts the rows there are, and those that are not what keepOld kept.
func compareOld(ctx context.Context, tx pgx.Tx, users []uuid.UUID) (rows, wrong int, err error) {
	for _, r := range rollups { // no plan is kept of tables that live for a transaction
		var n, differ int
		compared := ` where user_id in (select user_id from was_reached)
			and (user_id, date_trunc('month', ` + r.at + `)::date) not in (select user_id, month from was_marked)`
		is, was := `select * from `+r.table+compared, `select * from was_`+r.table+compared
		err := tx.QueryRow(ctx, `
			select (select count(*) from `+r.table+` where user_id = any('`+arrayOf(users)+`'::uuid[])),
				(select count(*) from ((`+is+` except all `+was+`) union all (`+was+` except all `+is+`)) x)`,
			pgx.QueryExecModeExec).Scan(&n, &differ)
		if err != nil {
			return 0, 0, fmt.Errorf("compare what was added up: %w", err)
		}
		rows, wrong = rows+n, wrong+differ
	}
	return rows, wrong, nil
}
