// Package status remembers how each integration was, minute by minute.
package status

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/jackc/pgx/v5"
)

// State is how an integration was during a minute. The worst seen counts: an error
// stands above ok, and both above disabled.
type State string

// The three states.
const (
	OK       State = "ok"
	Error    State = "error"
	Disabled State = "disabled" // not set up here; nothing was asked
)

const (
	detailMax = 200 // bytes of a sentence
	keep      = 90 * 24 * time.Hour
)

// Minute is one integration's minute.
type Minute struct {
	Name    string
	Minute  time.Time
	State   State
	Latency time.Duration // the slowest answer of the minute, in whole milliseconds
	Detail  string        // of the worst state; safe to show to operators
}

// Recorder writes and reads the minutes.
type Recorder struct {
	db  *postgres.DB
	now func() time.Time
}

// NewRecorder makes a recorder.
func NewRecorder(db *postgres.DB) *Recorder { return &Recorder{db: db, now: time.Now} }

// Record adds an observation to the current minute. All processes write to the same
// rows. detail holds no secret and no URL.
func (r *Recorder) Record(ctx context.Context, name string, state State, latency time.Duration, detail string) error {
	if state != OK && state != Error && state != Disabled {
		return fmt.Errorf("record status of %s: %q is no state", name, state)
	}
	_, err := r.db.Pool().Exec(ctx, `
		insert into integration_minutes as m (name, minute, state, latency_ms, detail)
		values ($1, date_trunc('minute', $2::timestamptz), $3, $4, $5)
		on conflict (name, minute) do update set
			latency_ms = greatest(m.latency_ms, excluded.latency_ms),
			state = case when `+rank("excluded.state")+` >= `+rank("m.state")+` then excluded.state else m.state end,
			detail = case when `+rank("excluded.state")+` >= `+rank("m.state")+` then excluded.detail else m.detail end`,
		name, r.now(), string(state), max(0, latency.Milliseconds()), postgres.Clip(detail, detailMax))
	if err != nil {
		return fmt.Errorf("record status of %s: %w", name, postgres.Translate(err))
	}
	return nil
}

// rank orders states in SQL; column is one of ours, never input.
func rank(column string) string {
	return "array_position(array['disabled', 'ok', 'error'], " + column + ")"
}

// Latest gives the newest minute of every integration, by name; it jumps from name to name in
// the primary key, however many minutes each has. How old it is
// stands in Minute; an integration nobody asked for a week is left out.
func (r *Recorder) Latest(ctx context.Context) ([]Minute, error) {
	return r.read(ctx, `
		with recursive named as (
			(select name from integration_minutes order by name limit 1)
			union all
			select (select m.name from integration_minutes m where m.name > n.name order by m.name limit 1) from named n where n.name is not null
		)
		select l.* from named n cross join lateral (
			select name, minute, state, latency_ms, detail from integration_minutes m
			where m.name = n.name and minute > $1 order by minute desc limit 1) l
		order by l.name`, r.now().Add(-7*24*time.Hour))
}

// History gives one integration's minutes since then, oldest first; at most a day's.
func (r *Recorder) History(ctx context.Context, name string, since time.Time) ([]Minute, error) {
	return r.read(ctx, `
		select name, minute, state, latency_ms, detail from integration_minutes
		where name = $1 and minute >= $2 order by minute limit 1440`, name, since)
}

func (r *Recorder) read(ctx context.Context, sql string, args ...any) ([]Minute, error) {
	rows, err := r.db.Pool().Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read status: %w", postgres.Translate(err))
	}
	minutes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Minute, err error) {
		var ms int64
		err = row.Scan(&m.Name, &m.Minute, &m.State, &ms, &m.Detail)
		m.Latency = time.Duration(ms) * time.Millisecond
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("read status: %w", postgres.Translate(err))
	}
	return minutes, nil
}

// Watch asks an integration and records the answer: nil is OK, errors.ErrUnsupported
// means that it is not set up, any other error is one. ask must bound itself by ctx.
func (r *Recorder) Watch(ctx context.Context, name string, ask func(context.Context) error) error {
	began := r.now()
	failed := ask(ctx)
	state, detail := OK, ""
	switch {
	case errors.Is(failed, errors.ErrUnsupported):
		state = Disabled
	case failed != nil:
		state, detail = Error, failed.Error()
	}
	return r.Record(context.WithoutCancel(ctx), name, state, r.now().Sub(began), detail)
}

// Trim adds up the days that have ended, then removes minutes and days older than 90
// days, in slices, and tells how many minutes went.
func Trim(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	if _, err := Settle(ctx, db, now); err != nil {
		return 0, err
	}
	if _, err := db.Pool().Exec(ctx, `delete from integration_days where day < $1`, now.Add(-keep)); err != nil {
		return 0, fmt.Errorf("trim status: %w", postgres.Translate(err))
	}
	return db.TrimOld(ctx, "trim status", `
		delete from integration_minutes where (name, minute) in (
			select name, minute from integration_minutes where minute < $1 limit $2)`, now.Add(-keep))
}
