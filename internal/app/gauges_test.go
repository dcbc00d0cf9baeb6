package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/jobs"
	"github.com/alertsify/alertsify/internal/pgtest"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/alertsify/alertsify/internal/redis"
)

// What cannot be read stays as it was read before: a gap would end the alerts about it.
func TestWhatCannotBeMeasuredStaysAsItWas(t *testing.T) {
	t.Parallel()
	a := &App{db: pgtest.New(t), meter: newMeter()}
	g := a.meter.gauges
	measures := []func(context.Context) error{a.measureQueue, a.measureDeliveries, a.measureWebhooks}
	g.jobs.WithLabelValues("orders", "available").Set(7)
	g.deliveries.WithLabelValues("discord").Set(7)
	g.webhooks.WithLabelValues("whop").Set(7)
	names := []string{"alertsify_jobs", "alertsify_deliveries_waiting", "alertsify_webhooks_waiting"}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i, measure := range measures {
		if err := measure(gone); err == nil || series(t, a.meter, names[i]) != 1 {
			t.Errorf("%s: %d series after %v", names[i], series(t, a.meter, names[i]), err)
		}
		if err := measure(t.Context()); err != nil || series(t, a.meter, names[i]) != 0 {
			t.Errorf("%s: %d series of nothing, %v", names[i], series(t, a.meter, names[i]), err)
		}
	}
}

// Findings stand until another instance has had its turn, which none has while the market is
// open.
func TestFindingsStandUntilTheNextExamination(t *testing.T) {
	t.Parallel()
	a := &App{meter: newMeter(), clock: exchange.NewClock(time.Now)}
	g := a.meter.gauges
	noon := time.Date(2026, 1, 14, 12, 0, 1, 0, time.UTC) // a Wednesday
	g.violations.WithLabelValues("INV-1").Set(1)
	g.examinedAt.Store(noon.UnixNano())
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{8 * time.Hour, 1}, {12*time.Hour + 30*time.Minute, 1}, {13*time.Hour + time.Minute, 0}} {
		a.forgetFindings(noon.Add(c.after))
		if got := series(t, a.meter, "alertsify_invariant_violations"); got != c.want {
			t.Errorf("after %s: %d", c.after, got)
		}
	}
}

// What was found while something could not be examined is forgotten as well, and does not count as
// examined.
func TestFindingsOfHalfAnExaminationAreForgottenToo(t *testing.T) {
	t.Parallel()
	a := &App{db: pgtest.New(t), meter: newMeter(), clock: exchange.NewClock(time.Now), log: slog.New(slog.DiscardHandler), cfg: Defaults(Development)}
	a.clock.Set(exchange.ClockState{AlwaysOpen: true})
	if _, err := a.db.Pool().Exec(t.Context(), `alter table record_heads rename to away`); err != nil {
		t.Fatal(err)
	}
	before := value(t, a.meter, "alertsify_invariants_examined_timestamp_seconds")
	began := time.Now()
	if err := a.examine(t.Context()); err == nil {
		t.Fatal("all of it could be examined")
	}
	all, err := Invariants()
	if n := series(t, a.meter, "alertsify_invariant_violations"); err != nil || n == 0 || n >= len(all) {
		t.Errorf("%d of %d were examined, %v", n, len(all), err)
	}
	if after := value(t, a.meter, "alertsify_invariants_examined_timestamp_seconds"); after != before {
		t.Errorf("half an examination counts as one: %v, before %v", after, before)
	}
	turn := jobs.NextExamination(began, a.trading)
	a.forgetFindings(turn)
	if series(t, a.meter, "alertsify_invariant_violations") == 0 {
		t.Error("they are forgotten before another instance may have had its turn")
	}
	a.forgetFindings(turn.Add(jobs.ExamineEvery + 2*time.Hour))
	if n := series(t, a.meter, "alertsify_invariant_violations"); n != 0 {
		t.Errorf("%d findings stay", n)
	}
}

// Redis' connections are shown as the database's are.
func TestEveryPoolShowsTheSame(t *testing.T) {
	t.Parallel()
	m := newMeter()
	m.registry.MustRegister(newPools(
		func() []postgres.PoolLoad { return []postgres.PoolLoad{{Name: "requests", Waited: time.Second}} },
		func() redis.Load { return redis.Load{Waited: 1500 * time.Millisecond} }))
	for name, want := range map[string]int{"alertsify_pool_connections": 6, "alertsify_pool_waits_total": 2, "alertsify_pool_waited_seconds_total": 2} {
		if n := series(t, m, name); n != want {
			t.Errorf("%s: %d series, want %d", name, n, want)
		}
	}
	if waited := value(t, m, "alertsify_pool_waited_seconds_total"); waited != 2.5 {
		t.Errorf("they waited %v s", waited)
	}
}

// value is what a metric says, all its series together.
func value(t *testing.T, m *meter, name string) (sum float64) {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			sum += metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}
	return sum
}

func series(t *testing.T, m *meter, name string) int {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return len(family.GetMetric())
		}
	}
	return 0
}
