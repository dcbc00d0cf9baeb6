package web

import (
	"net/http"

	"github.com/alertsify/alertsify/internal/risk"
)

const haltsPath = "/admin/halts"

// consoleView is every halt in force, the switches' log, and how many people have
// stopped themselves.
type consoleView struct {
	Halts []risk.Switched
	Log   []risk.Turned
	Own   int
}

var haltScopes = []string{"platform", "broker", "underlying", "leader", "user", "account"}

// halts answers GET /admin/halts.
func (s *Site) halts(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Halts", haltsPath)
	if err != nil {
		return err
	}
	var v consoleView
	if v.Halts, v.Log, v.Own, err = s.rules.Console(r.Context()); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, haltsPage(p, v))
}

// halt answers POST /admin/halts.
func (s *Site) halt(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	by := me(r.Context())
	err = s.desk.Halt(r.Context(), &by, risk.Halt{
		Scope: f.Get("scope"), Key: f.Get("key"), Stops: f.Get("stops"), Reason: f.Get("reason"),
	})
	if err != nil {
		return err
	}
	return back(w, haltsPath, "halted")
}

// unhalt answers POST /admin/halts/resume.
func (s *Site) unhalt(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	by := me(r.Context())
	if err := s.desk.Unhalt(r.Context(), &by, f.Get("scope"), f.Get("key"), ""); err != nil {
		return err
	}
	return back(w, haltsPath, "unhalted")
}

func turnedBy(s risk.Switched) string {
	switch {
	case s.By != "":
		return "@" + s.By
	case s.Cause == risk.ByBreaker:
		return "breaker"
	}
	return "command line"
}
