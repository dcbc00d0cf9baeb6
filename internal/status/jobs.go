package status

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/secret"
)

// Jobs shows operators how the queue does. It reads the library's table, and changes
// nothing in it but by the library.
type Jobs struct {
	db    *postgres.DB
	queue *river.Client[pgx.Tx]
}

// NewJobs looks at the queue of a client that adds to it.
func NewJobs(db *postgres.DB, queue *river.Client[pgx.Tx]) *Jobs { return &Jobs{db: db, queue: queue} }

// KindNow is how the jobs of one kind stand.
type KindNow struct {
	Queue, Kind string
	Waiting     int // could be worked now
	Later       int // have a time to wait for
	Running     int
	Failing     int // failed and are tried again
	GivenUp     int // failed for the last time, of the last seven days
	Done        int // in the last hour
	Oldest      *time.Time
}

const kindsMost = 200

// Now counts the jobs by queue and kind. Oldest is since when the one that has waited
// longest could have been worked; nil where none waits. (The library's indexes
// river_job_prioritized_fetching_index and river_job_state_and_finalized_at_index.)
func (j *Jobs) Now(ctx context.Context) ([]KindNow, error) {
	rows, err := j.db.Pool().Query(ctx, `
		select queue, kind,
			count(*) filter (where state = 'available')::int, count(*) filter (where state in ('scheduled', 'pending'))::int,
			count(*) filter (where state = 'running')::int, count(*) filter (where state = 'retryable')::int,
			count(*) filter (where state = 'discarded')::int, count(*) filter (where state = 'completed')::int,
			min(scheduled_at) filter (where state = 'available')
		from (
			select queue, kind, state, scheduled_at from river_job where state in ('available', 'scheduled', 'pending', 'running', 'retryable')
			union all
			select queue, kind, state, scheduled_at from river_job where state = 'discarded' and finalized_at is not null
			union all
			select queue, kind, state, scheduled_at from river_job where state = 'completed' and finalized_at > now() - interval '1 hour') j
		group by queue, kind order by queue, kind limit $1`, kindsMost)
	if err != nil {
		return nil, fmt.Errorf("count the queue's jobs: %w", postgres.Translate(err))
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[KindNow])
	if err != nil {
		return nil, fmt.Errorf("count the queue's jobs: %w", postgres.Translate(err))
	}
	return list, nil
}

// FailedJob is a job that failed, and is tried again or given up.
type FailedJob struct {
	ID          int64
	Queue, Kind string
	GivenUp     bool
	Attempt     int
	MaxAttempts int
	FailedAt    *time.Time
	Next        time.Time // when it is tried again, unless it is given up
	Error       string    // the last one, in one line, without what might be a secret
}

// Failed lists them, the newest job first, from below an id on; 0 is the start. The second
// result is where the next page begins, 0 on the last.
func (j *Jobs) Failed(ctx context.Context, limit int, below int64) (page []FailedJob, next int64, err error) {
	rows, err := j.db.Pool().Query(ctx, `
		with failed as materialized (
			select id, queue, kind, state = 'discarded' as given_up, attempt::int, max_attempts::int, scheduled_at, errors[array_upper(errors, 1)] as last
			from river_job
			where state in ('retryable', 'discarded') and ($2::bigint = 0 or id < $2))
		select id, queue, kind, given_up, attempt, max_attempts, (last ->> 'at')::timestamptz, scheduled_at, coalesce(last ->> 'error', '')
		from failed order by id desc limit $1`, limit+1, below)
	if err != nil {
		return nil, 0, fmt.Errorf("list failed jobs: %w", postgres.Translate(err))
	}
	page, err = pgx.CollectRows(rows, pgx.RowToStructByPos[FailedJob])
	if err != nil {
		return nil, 0, fmt.Errorf("list failed jobs: %w", postgres.Translate(err))
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID
	}
	for i := range page {
		page[i].Error, _, _ = strings.Cut(secret.Scrub(page[i].Error), "\n") // scrubbed first: what is quoted may have lines
	}
	return page, next, nil
}

// oneOfItsRound is the library's index of jobs of which there is one at a time.
const oneOfItsRound = "river_job_unique_idx"

// Again has a job worked once more that was given up: what it is about is its fence, so that
// it does nothing twice. By an operator, which the audit log has. Errors: not_found,
// invalid_state for one that is not given up (any more), or whose round is another's by now.
func (j *Jobs) Again(ctx context.Context, by uuid.UUID, id int64) error {
	err := j.db.As(ctx, by, func(ctx context.Context, tx pgx.Tx) error {
		var state string
		err := tx.QueryRow(ctx, `select state::text from river_job where id = $1 for no key update`, id).Scan(&state)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.NotFound()
		}
		if err != nil {
			return err
		}
		if state != "discarded" {
			return fault.Conflict("invalid_state", "This job is not given up any more.")
		}
		_, err = j.queue.JobRetryTx(ctx, tx, id)
		if postgres.IsUnique(err, oneOfItsRound) {
			return fault.Conflict("invalid_state", "Another job does this already.")
		}
		return err
	}, postgres.Across("an operator has a job worked once more"))
	if err != nil {
		return fmt.Errorf("work job %d once more: %w", id, err)
	}
	return nil
}
