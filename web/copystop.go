package web

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/copytrade"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/internal/orders"
)

// copyStopView asks what becomes of open copies when one trader is paused or left.
type copyStopView struct {
	copytrade.Subscription
	copytrade.StopCounts
	Pause bool
}

// askStopCopy answers GET /copy/subscriptions/{id}/stop; with ?pause=on for a while only.
func (s *Site) askStopCopy(w http.ResponseWriter, r *http.Request) error {
	sub, err := s.subscriptionOf(r)
	if err != nil {
		return err
	}
	v := copyStopView{Subscription: sub, Pause: r.URL.Query().Get("pause") == "on"}
	if v.StopCounts, err = s.copier.StopCounts(r.Context(), sub); err != nil {
		return err
	}
	p, err := s.shell(r, v.title(), "/copy")
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, copyStopPage(p, v))
}

// stopCopy answers POST /copy/subscriptions/{id}/stop.
func (s *Site) stopCopy(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	how := copytrade.Stop{Level: f.Get("level"), Pause: f.Get("pause") == "on"}
	_, done, err := s.copier.Stop(r.Context(), me(r.Context()), id, how)
	if err != nil {
		return err
	}
	return back(w, "/copy", copyStopNotice(how, done))
}

func copyStopNotice(how copytrade.Stop, done orders.Stopped) string {
	switch {
	case len(done.Left) > 0:
		return "copies-left"
	case done.Selling > 0:
		return "copies-sold"
	case how.Pause:
		return "paused"
	}
	return "cancelled"
}

func (v copyStopView) title() string { return v.verb() + " copying @" + v.Trader }

func (v copyStopView) verb() string {
	if v.Pause {
		return "Pause"
	}
	return "Stop"
}

func (v copyStopView) path() string { return "/copy/subscriptions/" + v.ID.String() + "/stop" }

func (v copyStopView) onPaper() bool { return *v.Settings.Paper }
