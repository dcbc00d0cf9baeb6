package postgres

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/alertsify/alertsify/internal/trace"
)

// What a span says of a statement is its verb and its first table, whatever stands in it.
func TestASpanNamesTheVerbAndTheTableOfAStatement(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"\n\t\tinsert into orders (id, note) values ($1, 'hunter2')": "insert orders",
		"select 1": "select",
		"update\n orders o set state = 'x' where id = '0d9a1f5e'":          "update orders",
		"begin isolation level read committed":                             "begin",
		"-- name: JobGetAvailable :many\nSELECT * FROM river_job":          "select river_job",
		"with x as (delete from deliveries where id = $1) select * from x": "with deliveries",
		"select set_config('app.user_id', '0d9a1f5e-2b0e', true)":          "select",
		"'hunter2'": "",
	} {
		if got := summary(sql); got != want {
			t.Errorf("%q: %q, want %q", sql, got, want)
		}
	}
}

// A job that panics ends its span all the same, as one that failed.
func TestAJobThatPanicsEndsItsSpan(t *testing.T) {
	t.Parallel()
	seen := tracetest.NewSpanRecorder()
	jobs := &tracedJobs{tracer: trace.NewTracer(sdk.NewTracerProvider(sdk.WithSpanProcessor(seen)))}
	func() {
		defer func() { _ = recover() }()
		_ = jobs.Work(t.Context(), &rivertype.JobRow{Kind: "x"}, func(context.Context) error { panic("x") })
	}()
	if ended := seen.Ended(); len(ended) != 1 || ended[0].Status().Code.String() != "Error" {
		t.Errorf("it ended %v", ended)
	}
}

// Work of a trace that is not kept asks nobody which trace it is part of: there is no database
// here to be asked.
func TestWorkOfATraceThatIsLeftOutIsNotResumed(t *testing.T) {
	t.Parallel()
	db := &DB{tracer: trace.NewTracer(sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample())))}
	ctx, _ := db.tracer.Begin(t.Context(), "request", trace.Server)
	if got, span := db.ResumeTrace(ctx, "book order", trace.Internal, uuid.New()); got != ctx || span.Noted() {
		t.Error("it is noted")
	}
}
