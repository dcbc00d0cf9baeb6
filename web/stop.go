package web

import (
	"context"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/orders"
	"github.com/alertsify/alertsify/internal/risk"
	"github.com/alertsify/alertsify/web/ui"
)

// The levels of one's own kill switch: what each does includes the one before.
const (
	stopEntries = "entries" // nothing new is bought, by hand or by copying
	stopCancel  = "cancel"  // and what works is cancelled
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

// stop answers POST /stop. The switch is turned first, so that nothing new can
// begin while working orders are being cancelled.
func (s *Site) stop(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	level := f.Get("level")
	if level != stopEntries && level != stopCancel {
		return fault.Field("level", "entries or cancel.")
	}
	ctx, user := r.Context(), me(r.Context())
	err = s.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		return s.rules.Turn(ctx, tx, risk.Halt{Scope: "user", Key: user.String(), Stops: "entries", Reason: "You stopped trading."}, &user)
	})
	if err != nil {
		return err
	}
	if level == stopCancel {
		if err := s.cancelWorking(ctx); err != nil {
			return err
		}
	}
	return back(w, referer(r), "stopped")
}

// cancelWorking asks for the end of every buy that may still fill. Sells go on:
// stopping must never keep somebody in a position.
func (s *Site) cancelWorking(ctx context.Context) error {
	list, _, err := s.desk.Orders(ctx, me(ctx), orders.Query{View: "working", Limit: workingMost})
	if err != nil {
		return err
	}
	for _, o := range list {
		if o.Side != orders.BTO || o.CancelRequested != nil {
			continue
		}
		if _, err := s.desk.Cancel(ctx, me(ctx), o.ID, orders.Key{Text: newKey()}); err != nil {
			s.log.WarnContext(ctx, "order not cancelled by stop", "order", o.ID, "err", err)
		}
	}
	return nil
}

// resumeTrading answers POST /stop/resume.
func (s *Site) resumeTrading(w http.ResponseWriter, r *http.Request) error {
	ctx, user := r.Context(), me(r.Context())
	err := s.db.As(ctx, user, func(ctx context.Context, tx pgx.Tx) error {
		return s.rules.Resume(ctx, tx, "user", user.String())
	})
	if err != nil {
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
		if h.Scope != "user" {
			return "Trading is halted for everybody. " + h.Reason, false
		}
		reason, own = h.Reason, true
	}
	return reason, own
}
