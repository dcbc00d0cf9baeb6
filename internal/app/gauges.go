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
	a.forgetFindings(time.Now())
	return errors.Join(a.measureQueue(ctx), a.measureDeliveries(ctx), a.measureWebhooks(ctx), a.measureOrders(ctx), a.measureBudget(ctx))
}

// reading is a row of a label, another one, a number and an age in seconds.
type reading struct {
	label, other string
	n, age       float64
}

// readings are read whole before any gauge is touched: what cannot be read stays as it was.
func readings(ctx context.Context, db *postgres.DB, doing, sql string) ([]reading, error) {
	rows, err := db.Pool().Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, postgres.Translate(err))
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r reading, err error) {
		err = row.Scan(&r.label, &r.other, &r.n, &r.age)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, postgres.Translate(err))
	}
	return list, nil
}

// measureQueue counts what is not done (index river_job_prioritized_fetching_index).
func (a *App) measureQueue(ctx context.Context) error {
	g := a.meter.gauges
	list, err := readings(ctx, a.db, "count jobs", `
		select queue, state::text, count(*)::float8, coalesce(greatest(extract(epoch from now() - min(scheduled_at)), 0), 0)::float8
		from river_job where state in ('available', 'running', 'retryable', 'scheduled', 'discarded') group by 1, 2 limit 100`)
	if err != nil {
		return err
	}
	g.jobs.Reset()
	g.jobsOldest.Reset()
	for _, r := range list {
		g.jobs.WithLabelValues(r.label, r.other).Set(r.n)
		if r.other == "available" {
			g.jobsOldest.WithLabelValues(r.label).Set(r.age)
		}
	}
	return nil
}

// measureDeliveries counts messages whose time has come (index deliveries_due).
func (a *App) measureDeliveries(ctx context.Context) error {
	g := a.meter.gauges
	list, err := readings(ctx, a.db, "count deliveries", `
		select channel, '', count(*)::float8, extract(epoch from now() - min(not_before))::float8
		from deliveries where state = 'pending' and not_before <= now() group by 1 limit 100`)
	if err != nil {
		return err
	}
	g.deliveries.Reset()
	g.oldest.Reset()
	for _, r := range list {
		g.deliveries.WithLabelValues(r.label).Set(r.n)
		g.oldest.WithLabelValues(r.label).Set(r.age)
	}
	return nil
}

// measureWebhooks counts what came in (index inbound_webhooks_due).
func (a *App) measureWebhooks(ctx context.Context) error {
	g := a.meter.gauges
	list, err := readings(ctx, a.db, "count webhooks", `
		select provider, '', count(*)::float8, 0::float8 from inbound_webhooks where state in ('new', 'working') group by 1 limit 100`)
	if err != nil {
		return err
	}
	g.webhooks.Reset()
	for _, r := range list {
		g.webhooks.WithLabelValues(r.label).Set(r.n)
	}
	return nil
}

// measureOrders counts what needs a look (indexes orders_watched, orders_up_for_review).
func (a *App) measureOrders(ctx context.Context) error {
	list, err := readings(ctx, a.db, "count orders", `
		select 'unknown', '', count(*)::float8, 0::float8 from orders where state = 'unknown'
		union all
		select 'review', '', count(*)::float8, 0::float8 from orders where review_reason is not null`)
	for _, r := range list {
		if r.label == "review" {
			a.meter.gauges.review.Set(r.n)
		} else {
			a.meter.gauges.ordersUnresolved.Set(r.n)
		}
	}
	return err
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

// examine holds the data against the invariants and counts what breaks each, while nobody
// trades: it reads everything. Which rows those are, and why, `alertsify doctor --invariants`
// says. What could not be examined is not shown, and where nothing could, what was found before
// stays for a while.
func (a *App) examine(ctx context.Context) error {
	if a.trading(time.Now()) {
		return nil
	}
	findings, err := ExamineInvariants(ctx, a.db, BoundsOf(a.cfg, time.Now()))
	a.showFindings(ctx, time.Now(), findings)
	if err == nil {
		a.meter.gauges.examined.SetToCurrentTime()
	}
	return err
}

// showFindings counts what was found, also where something could not be examined, and notes
// when, so that it is forgotten later.
func (a *App) showFindings(ctx context.Context, at time.Time, findings []Finding) {
	if len(findings) == 0 {
		return
	}
	g := a.meter.gauges
	g.examinedAt.Store(at.UnixNano())
	g.violations.Reset() // what could not be examined this time is not known
	for _, f := range findings {
		g.violations.WithLabelValues(f.Name).Set(float64(f.Rows))
		if f.Rows > 0 {
			a.log.ErrorContext(ctx, "an invariant is broken", "invariant", f.Name, "rows", f.Rows)
		}
	}
}

// trading tells whether the exchange is open. One that never closes, as in development, is not
// waited for.
func (a *App) trading(at time.Time) bool {
	return !a.clock.State().AlwaysOpen && a.clock.OpenAt("", at)
}

// forgetFindings takes back what this instance found once another one has had its turn.
func (a *App) forgetFindings(now time.Time) {
	g := a.meter.gauges
	at := g.examinedAt.Load()
	if at != 0 && now.After(jobs.NextExamination(time.Unix(0, at), a.trading).Add(time.Hour)) {
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
	show := func(pool string, taken, open, most int, waits float64, waited time.Duration) {
		for state, n := range map[string]int{"taken": taken, "open": open, "max": most} {
			to <- prometheus.MustNewConstMetric(p.connections, prometheus.GaugeValue, float64(n), pool, state)
		}
		to <- prometheus.MustNewConstMetric(p.waits, prometheus.CounterValue, waits, pool)
		to <- prometheus.MustNewConstMetric(p.waited, prometheus.CounterValue, waited.Seconds(), pool)
	}
	for _, l := range p.db() {
		show(l.Name, l.Taken, l.Open, l.Max, float64(l.Waits), l.Waited)
	}
	l := p.redis()
	show("redis", l.Taken, l.Open, l.Max, float64(l.Waits), l.Waited)
}
