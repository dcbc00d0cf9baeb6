package app

import (
	"context"
	"testing"
	"time"

	"github.com/alertsify/alertsify/internal/exchange"
	"github.com/alertsify/alertsify/internal/pgtest"
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
