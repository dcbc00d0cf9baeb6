package web

import (
	"context"
	"net/http"

	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/web/ui"
)

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
	done, err := s.desk.Stop(r.Context(), me(r.Context()), f.Get("level"))
	if err != nil {
		return err
	}
	return back(w, referer(r), stopNotice(done))
}

func stopNotice(done orders.Stopped) string {
	switch {
	case len(done.Left) > 0:
		return "stopped-left"
	case done.Selling > 0:
		return "stopped-selling"
	}
	return "stopped"
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
	view.Halts = haltViews(halts, myName(ctx))
	if view.Working, err = s.desk.OpenBuys(ctx, me(ctx)); err != nil {
		return view, err
	}
	lots, err := s.desk.CopiedLots(ctx, me(ctx), nil)
	if err != nil {
		return view, err
	}
	for _, lot := range lots {
		view.Copied += lot.Free
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

// haltsPart answers GET /partials/halts.
func (s *Site) haltsPart(w http.ResponseWriter, r *http.Request) error {
	halts, err := s.rules.Halts(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, ui.HaltBanners(haltViews(halts, myName(r.Context()))))
}

// haltViews are what stands still in words: what, by whom and why. me is whose page it is.
func haltViews(halts []risk.Halt, me string) []ui.Halted {
	views := make([]ui.Halted, 0, len(halts))
	for _, h := range halts {
		views = append(views, ui.Halted{Text: haltWords(h, me), Since: h.At, Resume: resumeAt(h, me), ByTrader: h.Scope == risk.Publishing})
	}
	return views
}

// resumeAt is where somebody takes a halt away themselves; empty where others must.
func resumeAt(h risk.Halt, me string) string {
	switch {
	case h.Scope == risk.Self, h.Scope == "account" && h.Cause == risk.ByBreaker:
		return "/stop"
	case h.Scope == risk.Publishing && h.Key == me:
		return publishingPath
	}
	return ""
}

func haltWords(h risk.Halt, me string) string {
	switch {
	case h.Scope == risk.Self:
		return h.Reason
	case h.Scope == risk.Publishing && h.Key == me:
		return "You stopped publishing: nothing new of yours is announced or copied."
	case h.Scope == risk.Publishing:
		return "@" + h.Key + " stopped publishing: nothing new of theirs is copied. What you hold follows their sells."
	}
	what := map[string]string{"all": "Trading is halted", "entries": "Buying is halted", "copies": "Copying is off"}[h.Stops]
	whose := map[string]string{
		"platform": "for everybody", "user": "for you", "account": "on " + h.Key, "broker": "at " + h.Key,
		"underlying": "in " + h.Key, "leader": "from @" + h.Key,
	}[h.Scope]
	by := "An operator stopped it"
	if h.Cause == risk.ByBreaker {
		by = "A safety breaker stopped it"
	}
	return what + " " + whose + ". " + by + ": " + h.Reason
}
