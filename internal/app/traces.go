package app

import (
	"context"
	"fmt"
	"time"

	"github.com/alertsify/alertsify/internal/otlp"
)

// tracesEnd is how long stopping waits for the last traces: with drainTime and what Sentry is
// told at the end less than the 65 s after which a stop is a kill.
const tracesEnd = 2 * time.Second

// openTraces makes what sends traces, where the settings name a receiver.
func (a *App) openTraces() error {
	if a.cfg.TraceURL == "" {
		return nil
	}
	exporter, err := otlp.Open(otlp.Options{
		Endpoint: a.cfg.TraceURL, Headers: a.cfg.TraceHeaders, Share: a.cfg.TraceShare, Version: a.self.Version, Instance: a.self.ID.String(),
		Observe: a.meter.exported, Logger: a.log,
	})
	if err != nil {
		return fmt.Errorf("set up traces: %w", err)
	}
	a.traces = exporter
	a.onClose(func() { // last of all: everything else may still have something to tell
		ctx, cancel := context.WithTimeout(context.Background(), tracesEnd)
		defer cancel()
		if err := a.traces.Close(ctx); err != nil {
			a.log.WarnContext(ctx, "end traces", "err", err)
		}
	})
	return nil
}

func (m *meter) exported(sent, lost int) {
	m.spans.WithLabelValues("sent").Add(float64(sent))
	m.spans.WithLabelValues("lost").Add(float64(lost))
}
