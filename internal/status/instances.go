package status

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/postgres"
)

// BeatEvery is how often an instance says that it runs.
const BeatEvery = 5 * time.Second

// Live is the condition, on a row of instances, that its process runs as far as anybody
// knows: it has missed three beats at most. What died without a word counts that long.
const Live = `seen_at > clock_timestamp() - interval '20 seconds'`

// Instance is one running process of the program.
type Instance struct {
	ID              uuid.UUID
	Version         string
	Protocol        int    // of its order engine
	Part            string // of the program that it does: all, no-jobs or only-jobs
	StartedAt, Seen time.Time
}

// Beat says that an instance runs, and forgets those that have been silent for ten
// minutes. The first beat comes before anything else that the instance does.
func (r *Recorder) Beat(ctx context.Context, i Instance) error {
	_, err := r.db.Pool().Exec(ctx, `
		with gone as (delete from instances where id in (
			select id from instances where seen_at < clock_timestamp() - interval '10 minutes' and id <> $1 for update skip locked))
		insert into instances (id, version, protocol, part) values ($1, $2, $3, $4)
		on conflict (id) do update set seen_at = clock_timestamp()`, i.ID, i.Version, i.Protocol, i.Part)
	if err != nil {
		return fmt.Errorf("say that this instance runs: %w", postgres.Translate(err))
	}
	return nil
}

// Leave says that an instance runs no more.
func (r *Recorder) Leave(ctx context.Context, id uuid.UUID) error {
	if _, err := r.db.Pool().Exec(ctx, `delete from instances where id = $1`, id); err != nil {
		return fmt.Errorf("say that this instance ends: %w", postgres.Translate(err))
	}
	return nil
}

// Instances are those that run, oldest first.
func (r *Recorder) Instances(ctx context.Context) ([]Instance, error) {
	rows, err := r.db.Pool().Query(ctx, `
		select id, version, protocol, part, started_at, seen_at from instances where `+Live+` order by started_at, id limit 1000`)
	if err != nil {
		return nil, fmt.Errorf("read who runs: %w", postgres.Translate(err))
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Instance])
	if err != nil {
		return nil, fmt.Errorf("read who runs: %w", postgres.Translate(err))
	}
	return list, nil
}
