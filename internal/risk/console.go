package risk

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Switched is a halt as an operator sees it.
type Switched struct {
	Scope, Key, Name string // Name is the key for people
	Stops, Reason    string
	Cause            string
	By               string // username; empty for a breaker and the command line
	At               time.Time
}

// Turned is one line of the switches' log.
type Turned struct {
	Act string // halted, resumed
	Switched
}

// switchName is the key of switch w for people. Foreign tables: users, accounts.
const switchName = `coalesce(case
	when w.scope in ('user', 'leader', 'self', 'publishing') then (select '@' || username from users where id::text = w.key)
	when w.scope = 'account' then (select '@' || u.username || ', ' || a.institution || ' ' || a.number
		from accounts a join users u on u.id = a.user_id where a.id::text = w.key) end, w.key)`

// Console lists every halt in force, people's own ones aside, and the latest turns
// of all switches. own counts the users who have stopped themselves.
func (r *Rules) Console(ctx context.Context) (halts []Switched, log []Turned, own int, err error) {
	rows, err := r.db.Pool().Query(ctx, `
		select w.scope, w.key, `+switchName+`, w.stops, w.reason, w.cause, coalesce(u.username, ''), w.set_at
		from trading_switches w left join users u on u.id = w.set_by
		where w.scope not in ('self', 'publishing') order by w.set_at desc limit 200`)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("list halts: %w", err)
	}
	if halts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Switched]); err != nil {
		return nil, nil, 0, fmt.Errorf("list halts: %w", err)
	}
	rows, err = r.db.Pool().Query(ctx, `
		select w.act, w.scope, w.key, `+switchName+`, w.stops, w.reason, w.cause, coalesce(u.username, ''), w.at
		from halt_log w left join users u on u.id = w.by order by w.id desc limit 50`)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("list the log of halts: %w", err)
	}
	log, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Turned, err error) {
		err = row.Scan(&t.Act, &t.Scope, &t.Key, &t.Name, &t.Stops, &t.Reason, &t.Cause, &t.By, &t.At)
		return t, err
	})
	if err != nil {
		return nil, nil, 0, fmt.Errorf("list the log of halts: %w", err)
	}
	err = r.db.Pool().QueryRow(ctx, `select count(*) from trading_switches where scope = 'self'`).Scan(&own)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("count own halts: %w", err)
	}
	return halts, log, own, nil
}
