package app

import (
	"context"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/status"
)

// Part is how much of the program a process does. Processes of different parts make one
// installation: they share the database, where a job is left by one and found by another.
type Part string

// The parts.
const (
	All      Part = "all"
	NoJobs   Part = "no-jobs"   // answers requests; what happens by itself is left to others
	OnlyJobs Part = "only-jobs" // works; answers how it is, and nothing else
)

// answers tells whether a process of this part serves people and webhooks.
func (p Part) answers() bool { return p != OnlyJobs }

// works tells whether a process of this part claims what is to be done.
func (p Part) works() bool { return p != NoJobs }

// vitals are the routes of a process that only works: for whoever watches over it.
func (a *App) vitals() []auth.Route {
	return []auth.Route{
		{Method: "GET", Pattern: "/api/health", Rule: auth.Open, Class: httpio.Vital, Handler: a.health},
		{Method: "GET", Pattern: "/api/health/ready", Rule: auth.Open, Class: httpio.Vital, Handler: a.ready},
		{Method: "GET", Pattern: "/metrics", Rule: auth.Open, Class: httpio.Vital, Handler: a.metrics},
	}
}

// idleJobs tells whether nobody among the instances works the jobs.
func idleJobs(list []status.Instance) bool {
	for _, i := range list {
		if Part(i.Part).works() {
			return false
		}
	}
	return len(list) > 0
}

// startWork begins what happens by itself: recovery first, before anything new is taken on.
func (a *App) startWork(ctx context.Context) error {
	if err := a.desk.Watch(ctx); err != nil { // nothing is sent from a database that is not what it was
		a.log.WarnContext(ctx, "watch the database at start", "err", err)
	}
	if err := a.desk.Sweep(ctx); err != nil {
		a.log.WarnContext(ctx, "sweep orders at start", "err", err)
	}
	return a.worker.Start(ctx)
}
