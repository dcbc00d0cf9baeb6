package status

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// Days is how far back the days of an integration go, today among them.
const Days = 90

// Day is how an integration was on a day, UTC. Minutes in which nothing ran, or in which
// it was not set up, are in neither number.
type Day struct {
	Name   string
	Day    time.Time
	OK     int // minutes
	Errors int // minutes with any error in them
}

// reckoned adds up the minutes from $1 to $2.
const reckoned = `
	select name, (minute at time zone 'UTC')::date as day,
		count(*) filter (where state = 'ok')::int as ok, count(*) filter (where state = 'error')::int as errors
	from integration_minutes where minute >= $1 and minute < $2 and state <> 'disabled' group by 1, 2`

// Settle adds up the days that have ended since it did last, a day in each statement, and
// the last one once more: a process may have written its last minute late. Two processes
// doing it at once write the same. It tells how many rows it wrote.
func Settle(ctx context.Context, db *postgres.DB, now time.Time) (int64, error) {
	today := now.UTC().Truncate(24 * time.Hour)
	var from time.Time
	err := db.Pool().QueryRow(ctx, `
		select greatest(coalesce((select max(day) from integration_days),
			(select (min(minute) at time zone 'UTC')::date from integration_minutes), $2::date), $1::date)`,
		today.AddDate(0, 0, -Days), today).Scan(&from)
	if err != nil {
		return 0, fmt.Errorf("read the last day of status: %w", postgres.Translate(err))
	}
	var written int64
	for day := from; day.Before(today); day = day.AddDate(0, 0, 1) {
		tag, err := db.Pool().Exec(ctx, `
			insert into integration_days (name, day, ok, errors) `+reckoned+` order by 1
			on conflict (name, day) do update set ok = excluded.ok, errors = excluded.errors`, day, day.AddDate(0, 0, 1))
		if err != nil {
			return written, fmt.Errorf("add up the status of %s: %w", day.Format(time.DateOnly), postgres.Translate(err))
		}
		written += tag.RowsAffected()
	}
	return written, nil
}

// Days gives every integration's last 90 days, today among them, by name and day. Days
// without a word of it are left out. Ended days are read as they were added up, and the
// minutes since then counted now.
func (r *Recorder) Days(ctx context.Context) ([]Day, error) {
	now := r.now().UTC()
	first := now.Truncate(24*time.Hour).AddDate(0, 0, 1-Days)
	var settled time.Time
	err := r.db.Pool().QueryRow(ctx, `select coalesce(max(day) + 1, $1::date) from integration_days`, first).Scan(&settled)
	if err != nil {
		return nil, fmt.Errorf("read the days of status: %w", postgres.Translate(err))
	}
	if settled.Before(first) {
		settled = first
	}
	rows, err := r.db.Pool().Query(ctx, `
		select name, day, ok, errors from integration_days where day >= $3 and day < $1::timestamptz at time zone 'UTC'
		union all`+reckoned+` order by 1, 2 limit 10000`, settled, now.Add(time.Minute), first)
	if err != nil {
		return nil, fmt.Errorf("read the days of status: %w", postgres.Translate(err))
	}
	days, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Day])
	if err != nil {
		return nil, fmt.Errorf("read the days of status: %w", postgres.Translate(err))
	}
	return days, nil
}
