package web

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/auth"
	"github.com/alertsify/alertsify/internal/brokers"
	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/httpio"
	"github.com/alertsify/alertsify/web/ui"
)

const (
	brokersPath      = "/settings/brokers"
	brokerReturnPath = "/settings/brokers/return"
)

// visitCookie remembers which visit to the portal the return page asks about.
const visitCookie = "portal_visit"

// brokersView is the linked brokers and those that can be linked.
type brokersView struct {
	Connections []ui.Connection
	Brokerages  []ui.Brokerage
	Unavailable bool // the list of brokers cannot be had; connecting may still work
	Announces   bool // a trader's trades in the broker's own app are announced too
}

// brokerSettings answers GET /settings/brokers.
func (s *Site) brokerSettings(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Brokers", brokersPath)
	if err != nil {
		return err
	}
	ctx := r.Context()
	connections, err := s.accounts.Connections(ctx, me(ctx))
	if err != nil {
		return err
	}
	accounts, err := s.accounts.List(ctx, me(ctx))
	if err != nil {
		return err
	}
	who, _ := auth.From(ctx)
	view := brokersView{Connections: connectionViews(connections, accounts), Announces: who.User.AnnouncesAll}
	list, err := s.accounts.Brokerages(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "brokers cannot be listed", "err", err)
		view.Unavailable = true
	}
	for _, b := range list {
		view.Brokerages = append(view.Brokerages, ui.Brokerage{Slug: b.ID, Name: b.Name})
	}
	return s.show(w, r, http.StatusOK, brokersPage(p, view))
}

func connectionViews(connections []brokers.Connection, accounts []brokers.Account) []ui.Connection {
	views := make([]ui.Connection, 0, len(connections))
	for _, c := range connections {
		view := ui.Connection{ID: c.ID.String(), Broker: c.Institution, Status: c.Status, Since: c.CreatedAt, ReadOnly: !c.Trading}
		for _, a := range accounts {
			if a.ConnectionID == c.ID {
				view.Accounts = append(view.Accounts, accountView(a))
			}
		}
		views = append(views, view)
	}
	return views
}

// connectBroker answers POST /settings/brokers/connect: off to the portal.
func (s *Site) connectBroker(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if err := s.countPortal(w, r); err != nil {
		return err
	}
	portal, err := s.accounts.Connect(r.Context(), me(r.Context()), f.Get("broker"), brokerReturnPath)
	if err != nil {
		return err
	}
	return s.toPortal(w, portal)
}

// reconnectBroker answers POST /settings/brokers/connections/{id}/reconnect.
func (s *Site) reconnectBroker(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.countPortal(w, r); err != nil {
		return err
	}
	portal, err := s.accounts.Reconnect(r.Context(), me(r.Context()), id, brokerReturnPath)
	if err != nil {
		return err
	}
	return s.toPortal(w, portal)
}

// setAnnouncing answers POST /settings/brokers/announcing.
func (s *Site) setAnnouncing(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	user := me(r.Context())
	if _, err := s.users.SetAnnouncesAll(r.Context(), user, f.Get("announces") == "on"); err != nil {
		return err
	}
	s.guard.Forget(user) // the page that says so must already show it
	return back(w, brokersPath, "written")
}

func (s *Site) countPortal(w http.ResponseWriter, r *http.Request) error {
	return httpio.Spend(w, r, s.allow, "portal:"+me(r.Context()).String(), brokers.PortalsPerMinute)
}

// toPortal sends the browser to the portal. The address is as good as a password
// while it lives, so nothing may keep it.
func (s *Site) toPortal(w http.ResponseWriter, p brokers.Portal) error {
	s.setCookie(w, visitCookie, p.SessionID, time.Hour)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", p.ConnectionURL)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// selectAccount answers POST /settings/brokers/select, from the header and from the settings.
func (s *Site) selectAccount(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	id, err := uuid.Parse(f.Get("account"))
	if err != nil {
		return fault.NotFound()
	}
	if _, err := s.accounts.Select(r.Context(), me(r.Context()), id); err != nil {
		return err
	}
	return back(w, referer(r), "selected")
}

// syncAccount answers POST /settings/brokers/{id}/sync.
func (s *Site) syncAccount(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	account, err := s.accounts.Sync(r.Context(), me(r.Context()), id)
	if err != nil {
		return err
	}
	if err := s.desk.Sync(r.Context(), account.ID); err != nil {
		return err
	}
	return back(w, brokersPath, "synced")
}

// askDisconnect answers GET /settings/brokers/{id}/disconnect: what it means, and the button.
func (s *Site) askDisconnect(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Disconnect", brokersPath)
	if err != nil {
		return err
	}
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	for _, account := range p.Accounts {
		if account.ID == id.String() {
			return s.show(w, r, http.StatusOK, disconnectPage(p, account))
		}
	}
	return fault.NotFound()
}

// disconnect answers POST /settings/brokers/{id}/disconnect.
func (s *Site) disconnect(w http.ResponseWriter, r *http.Request) error {
	id, err := httpio.PathID(r, "id")
	if err != nil {
		return err
	}
	if err := s.accounts.Remove(r.Context(), me(r.Context()), id); err != nil {
		return err
	}
	return back(w, brokersPath, "disconnected")
}
