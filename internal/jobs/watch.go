package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Outcome is what working a job came to.
type Outcome string

// The outcomes.
const (
	Done      Outcome = "done"
	Snoozed   Outcome = "snoozed"   // it asked to be called again, as who waits for their turn does
	Failed    Outcome = "failed"    // it is tried again
	Discarded Outcome = "discarded" // it failed for the last time
)

// Observe hears of every job that was worked: how long it waited once its time had come, and
// how long it took.
type Observe func(kind string, outcome Outcome, waited, took time.Duration)

// watch tells of every job.
type watch struct {
	river.MiddlewareDefaults
	observe Observe
}

// Work works the job. One that panics has failed; the queue catches it, behind this.
func (w *watch) Work(ctx context.Context, job *rivertype.JobRow, do func(context.Context) error) error {
	began, outcome := time.Now(), failedAt(job)
	defer func() {
		w.observe(job.Kind, outcome, max(0, began.Sub(job.ScheduledAt)), time.Since(began))
	}()
	err := do(ctx)
	switch {
	case err == nil:
		outcome = Done
	case errors.As(err, new(*river.JobSnoozeError)):
		outcome = Snoozed
	}
	return err
}

func failedAt(job *rivertype.JobRow) Outcome {
	if job.Attempt >= job.MaxAttempts {
		return Discarded
	}
	return Failed
}

// Failure is a job that is not tried again, or that panicked.
type Failure struct {
	Kind    string
	ID      int64
	Attempt int
	Err     error
	Stack   string // of a panic
}

// failures hears from the queue what failed.
type failures struct{ tell func(Failure) }

// HandleError tells of what is not tried again.
func (h failures) HandleError(_ context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if failedAt(job) == Discarded {
		h.tell(Failure{Kind: job.Kind, ID: job.ID, Attempt: job.Attempt, Err: err})
	}
	return nil
}

// HandlePanic tells of every panic.
func (h failures) HandlePanic(_ context.Context, job *rivertype.JobRow, value any, stack string) *river.ErrorHandlerResult {
	h.tell(Failure{Kind: job.Kind, ID: job.ID, Attempt: job.Attempt, Err: fmt.Errorf("panic: %v", value), Stack: stack})
	return nil
}
