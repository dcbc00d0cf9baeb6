package web

import (
	"context"
	"net/http"
	"strings"

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

// haltWords is what stands still and why, and whether the person can go on
// themselves; empty while everything runs. What operators halted comes first.
func haltWords(halts []risk.Halt) (reason string, own bool) {
	for _, h := range halts {
		if h.Scope == risk.Self || h.Scope == "account" && h.Cause == risk.ByBreaker {
			reason, own = strings.TrimSpace(reason+" "+haltWord(h)), true
		}
	}
	for _, h := range halts {
		if h.Scope != risk.Self && (h.Scope != "account" || h.Cause != risk.ByBreaker) {
			return haltWord(h), false
		}
	}
	return reason, own
}

func haltWord(h risk.Halt) string {
	what := map[string]string{"all": "Trading is halted", "entries": "Buying is halted", "copies": "Copying is off"}[h.Stops]
	switch {
	case h.Scope == risk.Self:
		return h.Reason
	case h.Scope == "platform":
		what += " for everybody."
	case h.Scope == "account" && h.Cause == risk.ByBreaker:
		what += " for one of your accounts."
	case h.Scope == "account":
		what += " by an operator for one of your accounts."
	default:
		what += " for you by an operator."
	}
	return what + " " + h.Reason
}
