package web

import (
	"net/http"
	"net/url"

	"github.com/google/uuid"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/web/ui"
)

// notificationsView is one page of the inbox.
type notificationsView struct {
	List         []ui.Notification
	Cursor, Next string
}

func (v notificationsView) fragment() string {
	if v.Cursor == "" {
		return "/partials/notifications"
	}
	return "/partials/notifications?" + url.Values{"cursor": {v.Cursor}}.Encode()
}

func (v notificationsView) nextPage() string {
	return "/notifications?" + url.Values{"cursor": {v.Next}}.Encode()
}

// notifications answers GET /notifications.
func (s *Site) notifications(w http.ResponseWriter, r *http.Request) error {
	p, err := s.shell(r, "Notifications", "/notifications")
	if err != nil {
		return err
	}
	view, err := s.inbox(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, notificationsPage(p, view))
}

// notificationsPart answers GET /partials/notifications.
func (s *Site) notificationsPart(w http.ResponseWriter, r *http.Request) error {
	view, err := s.inbox(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, notificationsPanel(view))
}

// bellPart answers GET /partials/bell.
func (s *Site) bellPart(w http.ResponseWriter, r *http.Request) error {
	unread, err := s.alerts.Unread(r.Context(), me(r.Context()))
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, ui.Bell(unread))
}

// readOne answers POST /notifications/read.
func (s *Site) readOne(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	id, err := uuid.Parse(f.Get("id"))
	if err != nil {
		return fault.NotFound()
	}
	if _, err := s.alerts.MarkRead(r.Context(), me(r.Context()), []uuid.UUID{id}); err != nil {
		return err
	}
	return back(w, referer(r), "")
}

// readAll answers POST /notifications/read-all.
func (s *Site) readAll(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.alerts.MarkAllRead(r.Context(), me(r.Context())); err != nil {
		return err
	}
	return back(w, "/notifications", "read")
}

func (s *Site) inbox(r *http.Request) (notificationsView, error) {
	cursor := r.URL.Query().Get("cursor")
	items, next, err := s.alerts.Notifications(r.Context(), me(r.Context()), pageSize, cursor)
	if err != nil {
		return notificationsView{}, err
	}
	view := notificationsView{Cursor: cursor, Next: next}
	for _, n := range items {
		view.List = append(view.List, ui.Notification{
			ID: n.ID.String(), Type: n.Type, Title: n.Title, Body: n.Body, URL: n.URL, At: n.CreatedAt, Unread: n.ReadAt == nil,
		})
	}
	return view, nil
}
