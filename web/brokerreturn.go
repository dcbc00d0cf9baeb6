package web

import (
	"errors"
	"net/http"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/web/ui"
)

// brokerReturnView is how the visit to the portal stands.
type brokerReturnView struct {
	State    string // open, connected, ended
	Accounts []ui.Account
}

// brokerReturn answers GET /settings/brokers/return. Coming back proves nothing:
// the page shows what the broker has told, and waits for it.
func (s *Site) brokerReturn(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Brokers", brokersPath)
	if err != nil {
		return err
	}
	view, err := s.visit(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, brokerReturnPage(p, view))
}

// connectingPart answers GET /partials/connecting.
func (s *Site) connectingPart(w http.ResponseWriter, r *http.Request) error {
	view, err := s.visit(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, connectingPanel(view))
}

func (s *Site) visit(r *http.Request) (brokerReturnView, error) {
	ctx := r.Context()
	view := brokerReturnView{State: "ended"}
	cookies := r.CookiesNamed(visitCookie)
	if len(cookies) == 0 {
		return view, nil
	}
	var err error
	view.State, err = s.accounts.Visit(ctx, me(ctx), cookies[0].Value)
	if errors.Is(err, fault.NotFound()) {
		return brokerReturnView{State: "ended"}, nil
	}
	if err != nil || view.State != "connected" {
		return view, err
	}
	accounts, err := s.accounts.List(ctx, me(ctx))
	view.Accounts = accountViews(accounts)
	return view, err
}
