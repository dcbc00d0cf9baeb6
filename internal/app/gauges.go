package app

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/alertsify/alertsify/internal/jobs"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/redis"
)

// measureEvery is how old what stands in the database may be when it is scraped: every
// instance reads it by itself, so that a scrape never asks the database.
const measureEvery = 15 * time.Second

// gauges are how full things are, and what waits.
type gauges struct {
	jobs, jobsOldest         *prometheus.GaugeVec
	deliveries, oldest       *prometheus.GaugeVec
	webhooks                 *prometheus.GaugeVec
	budgetLeft, budgetUsed   *prometheus.GaugeVec
	budgetPaused             prometheus.Gauge
	violations               *prometheus.GaugeVec
	examined                 prometheus.Gauge
	ordersUnresolved, review prometheus.Gauge

	examinedAt atomic.Int64 // Unix nanoseconds; 0: not by this instance
}

func newGauges(r *prometheus.Registry) *gauges {
	vec := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		r.MustRegister(g)
		return g
	}
	one := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		r.MustRegister(g)
		return g
	}
	g := &gauges{
		jobs:             vec("alertsify_jobs", "Jobs of all instances that are not done, by queue and state; discarded ones stay a week.", "queue", "state"),
		jobsOldest:       vec("alertsify_jobs_oldest_seconds", "How long the oldest job has waited since its time came.", "queue"),
		deliveries:       vec("alertsify_deliveries_waiting", "Messages of all instances whose time has come.", "channel"),
		oldest:           vec("alertsify_deliveries_oldest_seconds", "How long the oldest of them has waited.", "channel"),
		webhooks:         vec("alertsify_webhooks_waiting", "Webhooks of all instances that came in and are not worked.", "provider"),
		budgetLeft:       vec("alertsify_snaptrade_budget_left", "Calls that each class alone could make now.", "class"),
		budgetUsed:       vec("alertsify_snaptrade_budget_used", "Calls of the last 60 s.", "class"),
		budgetPaused:     one("alertsify_snaptrade_budget_paused_seconds", "How long SnapTrade has told us to wait still."),
		violations:       vec("alertsify_invariant_violations", "Rows that break an invariant, when it was examined last; only in the instance that did.", "invariant"),
		examined:         one("alertsify_invariants_examined_timestamp_seconds", "When this instance examined them last, or began, Unix time."),
		ordersUnresolved: one("alertsify_orders_unresolved", "Orders of which nobody knows whether the broker has them."),
		review:           one("alertsify_orders_for_review", "Orders that wait for an operator's look."),
	}
	g.examined.SetToCurrentTime()
	return g
}

// measure reads how full things are and what waits.
func (a *App) measure(ctx context.Context) error {
	g := a.meter.gauges
	g.forgetFindings(time.Now())
	return errors.Join(a.measureQueue(ctx), a.measureDeliveries(ctx), a.measureWebhooks(ctx), a.measureOrders(ctx), a.measureBudget(ctx))
}

// eachRow reads rows of a label, another one, a number and an age in seconds.
func eachRow(ctx context.Context, db *postgres.DB, doing, sql string, do func(label, other string, n, age float64)) error {
	rows, err := db.Pool().Query(ctx, sql)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, postgres.Translate(err))
	}
	var label, other string
	var n, age float64
	_, err = pgx.ForEachRow(rows, []any{&label, &other, &n, &age}, func() error { do(label, other, n, age); return nil })
	if err != nil {
		return fmt.Errorf("%s: %w", doing, postgres.Translate(err))
	}
	return nil
}

// measureQueue counts what is not done (index river_job_prioritized_fetching_index).
func (a *App) measureQueue(ctx context.Context) error {
	g := a.meter.gauges
	g.jobs.Reset()
	g.jobsOldest.Reset()
	return eachRow(ctx, a.db, "count jobs", `
		select queue, state::text, count(*)::float8, coalesce(greatest(extract(epoch from now() - min(scheduled_at)), 0), 0)::float8
		from river_job where state in ('available', 'running', 'retryable', 'scheduled', 'discarded') group by 1, 2 limit 100`,
		func(queue, state string, n, age float64) {
			g.jobs.WithLabelValues(queue, state).Set(n)
			if state == "available" {
				g.jobsOldest.WithLabelValues(queue).Set(age)
			}
		})
}

// measureDeliveries counts messages whose time has come (index deliveries_due).
func (a *App) measureDeliveries(ctx context.Context) error {
	g := a.meter.gauges
	g.deliveries.Reset()
	g.oldest.Reset()
	return eachRow(ctx, a.db, "count deliveries", `
		select channel, '', count(*)::float8, extract(epoch from now() - min(not_before))::float8
		from deliveries where state = 'pending' and not_before <= now() group by 1 limit 100`,
		func(channel, _ string, n, age float64) {
			g.deliveries.WithLabelValues(channel).Set(n)
			g.oldest.WithLabelValues(channel).Set(age)
		})
}

// measureWebhooks counts what came in (index inbound_webhooks_due).
func (a *App) measureWebhooks(ctx context.Context) error {
	g := a.meter.gauges
	g.webhooks.Reset()
	return eachRow(ctx, a.db, "count webhooks", `
		select provider, '', count(*)::float8, 0::float8 from inbound_webhooks where state in ('new', 'working') group by 1 limit 100`,
		func(provider, _ string, n, _ float64) { g.webhooks.WithLabelValues(provider).Set(n) })
}

// measureOrders counts what needs a look (indexes orders_watched, orders_up_for_review).
func (a *App) measureOrders(ctx context.Context) error {
	return eachRow(ctx, a.db, "count orders", `
		select '', '', (select count(*) from orders where state = 'unknown')::float8,
			(select count(*) from orders where review_reason is not null)::float8`,
		func(_, _ string, unresolved, review float64) {
			a.meter.gauges.ordersUnresolved.Set(unresolved)
			a.meter.gauges.review.Set(review)
		})
}

// measureBudget reads what is left of the calls to SnapTrade.
func (a *App) measureBudget(ctx context.Context) error {
	free, err := a.budget.Free(ctx)
	if err != nil {
		return err
	}
	g := a.meter.gauges
	for class, left := range free.Room {
		g.budgetLeft.WithLabelValues(class.String()).Set(float64(left))
		g.budgetUsed.WithLabelValues(class.String()).Set(float64(free.Used[class]))
	}
	g.budgetPaused.Set(max(0, time.Until(free.PausedUntil).Seconds()))
	return nil
}

// examine holds the data against the invariants and counts what breaks each. Which rows those
// are, and why, `alertsify doctor --invariants` says.
func (a *App) examine(ctx context.Context) error {
	findings, err := ExamineInvariants(ctx, a.db, BoundsOf(a.cfg, time.Now()))
	g := a.meter.gauges
	g.violations.Reset()
	for _, f := range findings {
		g.violations.WithLabelValues(f.Name).Set(float64(f.Rows))
		if f.Rows > 0 {
			a.log.ErrorContext(ctx, "an invariant is broken", "invariant", f.Name, "rows", f.Rows)
		}
	}
	if err == nil {
		g.examined.SetToCurrentTime()
		g.examinedAt.Store(time.Now().UnixNano())
	}
	return err
}

// forgetFindings takes back what this instance found once another one has had its turn.
func (g *gauges) forgetFindings(now time.Time) {
	if at := g.examinedAt.Load(); at != 0 && now.Sub(time.Unix(0, at)) > jobs.ExamineEvery+time.Hour {
		g.examinedAt.Store(0)
		g.violations.Reset()
	}
}

// pools are the connections to the database and to Redis, as they are when they are scraped.
type pools struct {
	db    func() []postgres.PoolLoad
	redis func() redis.Load

	connections, waits, waited *prometheus.Desc
}

func newPools(db func() []postgres.PoolLoad, redis func() redis.Load) *pools {
	return &pools{
		db: db, redis: redis,
		connections: prometheus.NewDesc("alertsify_pool_connections", "Connections of this instance: taken, open, and how many there may be.", []string{"pool", "state"}, nil),
		waits:       prometheus.NewDesc("alertsify_pool_waits_total", "How often somebody had to wait for a connection.", []string{"pool"}, nil),
		waited:      prometheus.NewDesc("alertsify_pool_waited_seconds_total", "How long, in all.", []string{"pool"}, nil),
	}
}

// Describe names them.
func (p *pools) Describe(to chan<- *prometheus.Desc) {
	to <- p.connections
	to <- p.waits
	to <- p.waited
}

// Collect reads them.
func (p *pools) Collect(to chan<- prometheus.Metric) {
	show := func(pool string, taken, open, most int, waits float64) {
		for state, n := range map[string]int{"taken": taken, "open": open, "max": most} {
			to <- prometheus.MustNewConstMetric(p.connections, prometheus.GaugeValue, float64(n), pool, state)
		}
		to <- prometheus.MustNewConstMetric(p.waits, prometheus.CounterValue, waits, pool)
	}
	for _, l := range p.db() {
		show(l.Name, l.Taken, l.Open, l.Max, float64(l.Waits))
		to <- prometheus.MustNewConstMetric(p.waited, prometheus.CounterValue, l.Waited.Seconds(), l.Name)
	}
	l := p.redis()
	show("redis", l.Taken, l.Open, l.Max, float64(l.Waits))
}
