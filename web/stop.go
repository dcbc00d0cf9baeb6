package web

import (
	"context"
	"net/http"

	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/web/ui"
)

const workingMost = 200

// stopSettings answers GET /stop.
func (s *Site) stopSettings(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Stop", "/stop")
	if err != nil {
		return err
	}
	view, err := s.stopView(r.Context())
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, stopPage(p, view))
}

// stopPart answers GET /partials/stop.
func (s *Site) stopPart(w http.ResponseWriter, r *http.Request) error {
	view, err := s.stopView(r.Context())
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, ui.StopPanel(view))
}

// stop answers POST /stop.
func (s *Site) stop(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if _, err := s.desk.Stop(r.Context(), me(r.Context()), f.Get("level")); err != nil {
		return err
	}
	return back(w, referer(r), "stopped")
}

// resumeTrading answers POST /stop/resume.
func (s *Site) resumeTrading(w http.ResponseWriter, r *http.Request) error {
	if err := s.desk.Resume(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, referer(r), "trading-resumed")
}

// stopView is what each level would touch now.
func (s *Site) stopView(ctx context.Context) (ui.StopView, error) {
	var view ui.StopView
	halts, err := s.rules.Halts(ctx, me(ctx))
	if err != nil {
		return view, err
	}
	view.Reason, view.Own = haltWords(halts)
	list, _, err := s.desk.Orders(ctx, me(ctx), orders.Query{View: "working", Limit: workingMost})
	if err != nil {
		return view, err
	}
	for _, o := range list {
		if o.Side == orders.BTO {
			view.Working++
		}
	}
	subscriptions, err := s.copier.Subscriptions(ctx, me(ctx))
	if err != nil {
		return view, err
	}
	for _, sub := range subscriptions {
		if sub.Status == "active" {
			view.Subscriptions++
		}
	}
	return view, nil
}

// haltWords is why trading stands still, and whether the person stopped it and
// can go on; empty while it runs.
func haltWords(halts []risk.Halt) (reason string, own bool) {
	for _, h := range halts {
		switch h.Scope {
		case "platform":
			return "Trading is halted for everybody. " + h.Reason, false
		case "user":
			return "An operator has halted your trading. " + h.Reason, false
		}
		reason, own = h.Reason, true
	}
	return reason, own
}
