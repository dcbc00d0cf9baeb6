package app

import (
	"errors"
	"fmt"

	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/jobs"
	"github.com/alertsify/alertsify/internal/sentry"
)

// openSentry makes what tells of failures, where the settings say whom.
func (a *App) openSentry() error {
	if a.cfg.SentryDSN.IsZero() {
		return nil
	}
	dsn, err := sentry.ParseDSN(a.cfg.SentryDSN)
	if err != nil {
		return fmt.Errorf("SENTRY_DSN %w", err)
	}
	a.sentry = sentry.New(sentry.Options{
		DSN: dsn, HTTP: a.client("sentry", false), Release: a.self.Version, Environment: a.cfg.Env, Instance: a.self.ID.String(),
		Observe: func(outcome string) { a.meter.failures.WithLabelValues(outcome).Inc() }, Logger: a.log,
	})
	return nil
}

// requestFailed tells of a request that failed by our fault.
func (a *App) requestFailed(f httpio.Failure) {
	told := sentry.Failure{Kind: "request", Where: f.Method + " " + f.Route, RequestID: f.RequestID, Code: f.Code, Err: f.Err}
	if p := (*httpio.PanicError)(nil); errors.As(f.Err, &p) {
		told.Panic, told.Stack = true, p.Stack
	}
	a.report(told)
}

// report counts a failure, and tells Sentry where that is set up.
func (a *App) report(f sentry.Failure) {
	if a.sentry == nil {
		a.meter.failures.WithLabelValues("untold").Inc()
		return
	}
	a.sentry.Report(f)
}

// jobFailed tells of a job that is not tried again, or that panicked.
func (a *App) jobFailed(f jobs.Failure) {
	a.report(sentry.Failure{
		Kind: "job", Where: f.Kind, JobID: f.ID, Attempt: f.Attempt, Err: f.Err, Stack: []byte(f.Stack), Panic: f.Stack != "",
	})
}
