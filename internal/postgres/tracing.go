package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/alertsify/alertsify/internal/trace"
)

// statements is pgx's tracer. A span names a statement's verb and its first table: neither its
// arguments nor its text.
type statements struct{}

// TraceQueryStart begins a statement.
func (statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if !trace.Noted(ctx) {
		return ctx
	}
	ctx, _ = trace.Start(ctx, "postgres "+summary(d.SQL), trace.Client)
	return context.WithValue(ctx, statementKey{}, true)
}

// TraceQueryEnd ends it.
func (statements) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	endStatement(ctx, d.Err)
}

// TraceBatchStart begins statements that go to the database together.
func (statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	if !trace.Noted(ctx) {
		return ctx
	}
	ctx, _ = trace.Start(ctx, "postgres batch", trace.Client, trace.Number("statements", d.Batch.Len()))
	return context.WithValue(ctx, statementKey{}, true)
}

// TraceBatchQuery is one of them; they are told of together.
func (statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd ends them.
func (statements) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchEndData) {
	endStatement(ctx, d.Err)
}

// statementKey marks a context whose span is a statement's.
type statementKey struct{}

func endStatement(ctx context.Context, err error) {
	if ctx.Value(statementKey{}) != nil {
		trace.Of(ctx).End(err)
	}
}

var (
	verbOf  = regexp.MustCompile(`(?m)^\s*([A-Za-z]+)`)
	tableOf = regexp.MustCompile(`(?i)\b(?:from|into|update|join)\s+([a-z_]+)`)
)

// summary is what a statement does to which table, its first: "insert orders".
func summary(sql string) string {
	words := make([]string, 0, 2)
	for _, form := range []*regexp.Regexp{verbOf, tableOf} {
		if m := form.FindStringSubmatch(sql); m != nil {
			words = append(words, strings.ToLower(m[1]))
		}
	}
	return strings.Join(words, " ")
}

// tracedJobs lets a job go on with the trace in which it was added.
type tracedJobs struct {
	river.MiddlewareDefaults
	tracer *trace.Tracer
}

// carried is the part of a job's metadata that is ours.
type carried struct {
	Trace string `json:"traceparent,omitempty"`
}

// InsertMany writes the trace into the metadata of jobs that have none of their own.
func (t *tracedJobs) InsertMany(ctx context.Context, list []*rivertype.JobInsertParams, do func(context.Context) ([]*rivertype.JobInsertResult, error)) ([]*rivertype.JobInsertResult, error) {
	if parent := trace.Carry(ctx); parent != "" {
		metadata, err := json.Marshal(carried{parent})
		if err != nil {
			return nil, fmt.Errorf("carry the trace: %w", err)
		}
		for _, job := range list {
			if len(job.Metadata) <= len("{}") {
				job.Metadata = metadata
			}
		}
	}
	return do(ctx)
}

// Work works a job as part of that trace, or begins one.
func (t *tracedJobs) Work(ctx context.Context, job *rivertype.JobRow, do func(context.Context) error) (err error) {
	var from carried
	_ = json.Unmarshal(job.Metadata, &from) // what is not ours is not read
	ctx, span := t.tracer.Begin(trace.Resume(ctx, from.Trace), "job "+job.Kind, trace.Consumer,
		trace.Word("queue", job.Queue), trace.Number("attempt", job.Attempt))
	err = trace.ErrPanicked // unless it returns
	defer func() { endJob(span, err) }()
	err = do(ctx)
	return err
}

func endJob(span trace.Span, err error) {
	if _, waits := err.(*river.JobSnoozeError); waits { //nolint:errorlint // the queue's own, as a worker returns it
		span.Note(trace.Word("outcome", "snoozed"))
		err = nil
	}
	span.End(err)
}

// QueueTrace keeps, as the next statement of a batch, which trace a subject – an order, an
// alert – is part of, so that what goes on with it later, by no job, is part of it too. It is
// known for a day. Without a trace there is no statement.
func QueueTrace(ctx context.Context, b *pgx.Batch, subject uuid.UUID) {
	if parent := trace.Carry(ctx); parent != "" {
		b.Queue(keepTrace, subject, parent)
	}
}

// KeepTrace is QueueTrace at once.
func KeepTrace(ctx context.Context, tx pgx.Tx, subject uuid.UUID) error {
	parent := trace.Carry(ctx)
	if parent == "" {
		return nil
	}
	if _, err := tx.Exec(ctx, keepTrace, subject, parent); err != nil {
		return fmt.Errorf("keep the trace: %w", err)
	}
	return nil
}

const keepTrace = `insert into traces (subject, parent) values ($1, $2) on conflict do nothing`

// tracesKept is how long what happens to an order is part of the trace in which it was placed.
const tracesKept = 24 * time.Hour

// TrimTraces forgets them after a day (index traces_age).
func TrimTraces(ctx context.Context, db *DB, now time.Time) (int64, error) {
	return db.TrimOld(ctx, "trim traces", `
		delete from traces where subject in (select subject from traces where at < $1 limit $2)`, now.Add(-tracesKept))
}

// resumeTime is how long work waits to hear which trace it is part of.
const resumeTime = 200 * time.Millisecond

// ResumeTrace begins a span that goes on with the trace of its context, or with that which was
// kept of one of the subjects; where there is none, or it was left out, nothing is noted.
func (db *DB) ResumeTrace(ctx context.Context, what string, kind trace.Kind, subjects ...uuid.UUID) (context.Context, trace.Span) {
	if trace.Noted(ctx) {
		return trace.Start(ctx, what, kind)
	}
	if !db.tracer.On() || len(subjects) == 0 || trace.Left(ctx) {
		return ctx, trace.Span{}
	}
	asking, cancel := context.WithTimeout(ctx, resumeTime)
	defer cancel()
	var parent string
	// Not being part of a trace fails nobody.
	if err := db.pool.QueryRow(asking, `select parent from traces where subject = any($1) order by at limit 1`, subjects).Scan(&parent); err != nil {
		return ctx, trace.Span{}
	}
	return db.tracer.Begin(trace.Resume(ctx, parent), what, kind)
}
